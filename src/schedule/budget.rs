//! What may be spent on a target in an hour.

use std::{collections::VecDeque, time::Duration};

use crate::{clock::Stamp, config::Budget};

const HOUR: Duration = Duration::from_secs(3_600);

/// The spending of the last hour, in a bounded number of slots: an hour slides by slots, never by
/// more than is allowed.
const SLOT: Duration = Duration::from_secs(10);

/// Keeps account of one target's last hour, whatever its budget is or becomes.
#[derive(Debug, Default)]
pub struct Meter {
    slots: VecDeque<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    since: Stamp,
    requests: u64,
    output_tokens: u64,
}

impl Meter {
    /// Spends one request with at most `output_tokens`, if that is still within `budget`.
    pub fn spend(&mut self, budget: Budget, now: Stamp, output_tokens: u64) -> bool {
        if !self.has(budget, now, output_tokens) {
            return false;
        }
        match self.slots.back_mut().filter(|slot| now.since(slot.since) < SLOT) {
            Some(slot) => {
                slot.requests += 1;
                slot.output_tokens = slot.output_tokens.saturating_add(output_tokens);
            }
            None => self.slots.push_back(Slot { since: now, requests: 1, output_tokens }),
        }
        true
    }

    /// Whether not even a request of one token is within `budget`.
    pub fn is_spent(&mut self, budget: Budget, now: Stamp) -> bool {
        !self.has(budget, now, 1)
    }

    /// Whether one request with at most `output_tokens` is within `budget`.
    fn has(&mut self, budget: Budget, now: Stamp, output_tokens: u64) -> bool {
        while self.slots.front().is_some_and(|slot| now.since(slot.since) >= HOUR + SLOT) {
            self.slots.pop_front();
        }
        let (requests, tokens) =
            self.slots.iter().fold((0_u64, 0_u64), |(requests, tokens), slot| {
                (requests + slot.requests, tokens.saturating_add(slot.output_tokens))
            });
        let within = |limit: Option<u64>, spent: u64| limit.is_none_or(|limit| spent <= limit);
        within(budget.requests_per_hour, requests + 1)
            && within(budget.output_tokens_per_hour, tokens.saturating_add(output_tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hour_holds_more_than_the_budget() {
        let budget = Budget { requests_per_hour: Some(100), output_tokens_per_hour: None };
        let mut meter = Meter::default();
        let start = Stamp::from_nanos(1);
        let spent: Vec<_> = (0..20_000_u64)
            .map(|second| start.after(Duration::from_secs(second)))
            .filter(|now| meter.spend(budget, *now, 16))
            .collect();
        assert!(spent.len() > 400, "the budget comes back: {}", spent.len());
        for first in 0..spent.len() - 100 {
            assert!(spent[first + 100].since(spent[first]) >= HOUR);
        }
        assert!(meter.slots.len() <= 362);
    }

    #[test]
    fn tokens_are_spent_at_their_most() {
        let budget = Budget { requests_per_hour: None, output_tokens_per_hour: Some(40) };
        let mut meter = Meter::default();
        let now = Stamp::from_nanos(1);
        assert_eq!(
            [16, 16, 16, 8].map(|tokens| meter.spend(budget, now, tokens)),
            [true, true, false, true]
        );
        assert!(meter.is_spent(budget, now), "two requests of 16 and one of 8 are 40");
        assert!(!meter.is_spent(budget, now.after(HOUR * 2)));
    }
}
