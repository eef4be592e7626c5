//! When the users of a closed loop enter.

use std::{iter, time::Duration};

use super::{Closed, UserRamp};

impl Closed {
    /// When each user enters, from the step's start, in ascending order: `users` offsets, or fewer
    /// if one of them is further off than a duration can say. A user's first request is due as it
    /// enters.
    pub fn entries(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let Self { users, spawn_rate, ramp } = *self;
        let mut user = 0;
        iter::from_fn(move || {
            let offset = match (ramp, spawn_rate) {
                _ if user == users => None,
                (Some(ramp), _) => Some(ramp.entry(user, users)),
                (None, Some(rate)) => Duration::try_from_secs_f64(f64::from(user) / rate).ok(),
                (None, None) => Some(Duration::ZERO),
            };
            user += u32::from(offset.is_some());
            offset
        })
    }

    /// For how long users still enter: the load is then not yet the one that is judged. A ramp is
    /// the load itself.
    pub fn building(&self) -> Duration {
        match self.ramp {
            Some(_) => Duration::ZERO,
            None => self.entries().last().unwrap_or_default(),
        }
    }
}

impl UserRamp {
    /// When the user of this number, from 0, of `users` enters.
    fn entry(&self, user: u32, users: u32) -> Duration {
        if user < self.from || users <= self.from {
            return Duration::ZERO;
        }
        let (place, more) = (u64::from(user - self.from) + 1, u64::from(users - self.from));
        // One by one is a step for each. More steps than users would leave some empty.
        let steps = u64::from(self.steps.unwrap_or(u32::MAX).max(1)).min(more);
        // The first step after which at least `place` of `more` have entered.
        let step = (place * steps).div_ceil(more);
        Duration::try_from_secs_f64(self.over.as_secs_f64() * step as f64 / steps as f64)
            .unwrap_or(self.over)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(closed: Closed) -> Vec<f64> {
        closed.entries().map(|entry| entry.as_secs_f64()).collect()
    }

    fn ramp(users: u32, from: u32, over: u64, steps: Option<u32>) -> Closed {
        let over = Duration::from_secs(over);
        Closed { users, spawn_rate: None, ramp: Some(UserRamp { from, over, steps }) }
    }

    #[test]
    fn users_enter_at_once_or_at_a_rate() {
        let closed = Closed { users: 4, spawn_rate: None, ramp: None };
        assert_eq!(seconds(closed), [0.0; 4]);
        assert_eq!(seconds(Closed { spawn_rate: Some(10.0), ..closed }), [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(seconds(Closed { users: 0, ..closed }), [0.0; 0]);
    }

    #[test]
    fn users_rise_one_by_one_or_in_steps() {
        assert_eq!(seconds(ramp(5, 1, 8, None)), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(seconds(ramp(8, 2, 10, Some(2))), [0.0, 0.0, 5.0, 5.0, 5.0, 10.0, 10.0, 10.0]);
        // Five in two steps: two, then three.
        assert_eq!(seconds(ramp(5, 0, 10, Some(2))), [5.0, 5.0, 10.0, 10.0, 10.0]);
        assert_eq!(seconds(ramp(2, 0, 10, Some(50))), [5.0, 10.0]);
        assert_eq!(seconds(ramp(2, 3, 10, None)), [0.0, 0.0]);
    }

    #[test]
    fn a_rate_of_nothing_lets_nobody_in_but_never_hangs() {
        let none = Closed { users: 3, spawn_rate: Some(0.0), ramp: None };
        assert_eq!(seconds(none), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn everybody_enters_in_order_and_in_time(
            users in 0_u32..500,
            from in 0_u32..500,
            over in 0_u64..1000,
            steps in proptest::option::of(0_u32..600),
        ) {
            let closed = ramp(users, from, over, steps);
            let entries: Vec<Duration> = closed.entries().collect();
            prop_assert_eq!(entries.len(), users as usize);
            prop_assert!(entries.is_sorted());
            let all_in = if users > from { Duration::from_secs(over) } else { Duration::ZERO };
            prop_assert!(entries.last().is_none_or(|last| *last == all_in));
            let at_start = entries.iter().filter(|entry| entry.is_zero()).count();
            prop_assert!(at_start >= users.min(from) as usize);
        }

        #[test]
        fn steps_are_equal_but_for_one_user(
            users in 1_u32..500,
            steps in 1_u32..100,
        ) {
            let entries: Vec<Duration> = ramp(users, 0, 1000, Some(steps)).entries().collect();
            let sizes: Vec<usize> =
                entries.chunk_by(|one, other| one == other).map(<[_]>::len).collect();
            prop_assert_eq!(sizes.len(), steps.min(users) as usize);
            let (least, most) = (sizes.iter().min(), sizes.iter().max());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
        }
    }
}
