//! The attempts of a step's exchanges.

use crate::{event::Retried, timeline::Retries};

/// Sums of the attempts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempts {
    exchanges: u64,
    most: u32,
    stale_connection: u64,
    refused_field: u64,
    configured: u64,
}

impl Attempts {
    /// Takes in the retries of one exchange.
    pub(super) fn push(&mut self, retries: Retries) {
        let Retries { stale_connection, refused_field, configured } = retries;
        self.exchanges += 1;
        self.most = self.most.max(1 + stale_connection + refused_field + configured);
        self.stale_connection += u64::from(stale_connection);
        self.refused_field += u64::from(refused_field);
        self.configured += u64::from(configured);
    }

    /// The form of the record.
    pub(super) fn record(self) -> Retried {
        let reasons = [
            ("stale_connection", self.stale_connection),
            ("refused_field", self.refused_field),
            ("configured", self.configured),
        ];
        let retries: u64 = reasons.iter().map(|(_, retries)| retries).sum();
        Retried {
            attempts_mean: (self.exchanges > 0)
                .then(|| 1.0 + retries as f64 / self.exchanges as f64),
            attempts_max: self.most,
            reasons: reasons
                .into_iter()
                .filter(|(_, retries)| *retries > 0)
                .map(|(reason, retries)| (reason.to_owned(), retries))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_one_more_than_retries() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.record(), Retried::default());
        attempts.push(Retries::default());
        attempts.push(Retries { configured: 2, stale_connection: 1, refused_field: 0 });
        let record = attempts.record();
        assert_eq!((record.attempts_mean, record.attempts_max), (Some(2.5), 4));
        assert_eq!(record.reasons.len(), 2);
        assert_eq!((record.reasons["configured"], record.reasons["stale_connection"]), (2, 1));
    }
}
