//! The attempts of a step's exchanges.

use crate::{event::Retried, timeline::Retries};

/// Sums of the attempts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempts {
    exchanges: u64,
    most: u32,
    /// Retries for each of [`Retries::REASONS`].
    retries: [u64; Retries::REASONS.len()],
}

impl Attempts {
    /// Takes in the retries of one exchange.
    pub(super) fn push(&mut self, retries: Retries) {
        self.exchanges += 1;
        self.most = self.most.max(1 + retries.total());
        for (all, times) in self.retries.iter_mut().zip(retries.by_reason()) {
            *all += u64::from(times);
        }
    }

    /// The form of the record.
    pub(super) fn record(self) -> Retried {
        let retries: u64 = self.retries.iter().sum();
        let reasons = Retries::REASONS.into_iter().zip(self.retries);
        Retried {
            attempts_mean: (self.exchanges > 0)
                .then(|| 1.0 + retries as f64 / self.exchanges as f64),
            attempts_max: self.most,
            reasons: reasons
                .filter(|(_, times)| *times > 0)
                .map(|(reason, times)| (reason.to_owned(), times))
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
