//! Where in its interval a beat lies.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::{Stamp, Wall},
    event::BeatKey,
    fnv::Fnv,
};

/// The offset of a probe's beats inside the interval: the same after every restart, and another
/// one for every subject and every replica (which differ in their external labels), so that
/// neither targets nor replicas are hit at one instant.
pub fn phase(key: &BeatKey, labels: &BTreeMap<String, String>, interval: Duration) -> Duration {
    let labels = labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let names = [&*key.target, &*key.model, &*key.probe].into_iter().chain(labels);
    let hash = Fnv::of_names(names).spread();
    let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    // The upper half of the product spreads the hash evenly over the interval.
    let offset = (u128::from(hash) * u128::from(interval)) >> 64;
    Duration::from_nanos(u64::try_from(offset).unwrap_or(0))
}

/// The due times of a probe: absolute, so that neither lateness nor drift adds up.
#[derive(Clone, Debug)]
pub struct Beats {
    next: Stamp,
    interval: Duration,
}

impl Beats {
    /// The beats after `now` that lie `phase` into an interval counted from the Unix epoch.
    pub fn after(now: Stamp, wall: Wall, phase: Duration, interval: Duration) -> Self {
        let interval_nanos = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1);
        let phase = i64::try_from(phase.as_nanos()).unwrap_or(0);
        let past = (wall.unix_nanos(now) - phase).rem_euclid(interval_nanos);
        let wait = Duration::from_nanos((interval_nanos - past).cast_unsigned());
        Self { next: now.after(wait), interval }
    }
}

impl Iterator for Beats {
    type Item = Stamp;

    fn next(&mut self) -> Option<Stamp> {
        let due = self.next;
        self.next = due.after(self.interval);
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn key(target: &str) -> BeatKey {
        BeatKey { target: target.into(), model: Arc::from("m"), probe: Arc::from("p") }
    }

    const INTERVAL: Duration = Duration::from_secs(15);

    #[test]
    fn phases_are_stable_across_releases() {
        // A change here moves every user's beats at an upgrade.
        let offset = phase(&key("llama-prod"), &BTreeMap::new(), INTERVAL);
        assert_eq!(offset, Duration::from_nanos(10_956_939_214));
    }

    #[test]
    fn replicas_beat_at_different_times() {
        let zone = |name: &str| BTreeMap::from([("zone".to_owned(), name.to_owned())]);
        assert_ne!(phase(&key("t"), &zone("a"), INTERVAL), phase(&key("t"), &zone("b"), INTERVAL));
    }

    #[test]
    fn a_thousand_targets_spread_evenly() {
        let mut slots = [0_u32; 15];
        for target in 0..1_000 {
            let offset = phase(&key(&format!("target-{target}")), &BTreeMap::new(), INTERVAL);
            assert!(offset < INTERVAL);
            slots[usize::try_from(offset.as_secs()).expect("below 15")] += 1;
        }
        // 66.7 a second are expected; five standard deviations are 39.
        assert!(slots.iter().all(|count| (28..=106).contains(count)), "{slots:?}");
    }

    #[test]
    fn beats_keep_their_phase_through_a_restart() {
        let wall = Wall::anchor();
        let phase = Duration::from_millis(4_321);
        let mut beats = Beats::after(wall.stamp(), wall, phase, INTERVAL);
        let first = beats.next().expect("endless");
        let fifth = beats.nth(3).expect("endless");
        assert_eq!(fifth.since(first), INTERVAL * 4);
        let restarted = Beats::after(first.after(Duration::from_secs(8)), wall, phase, INTERVAL);
        assert_eq!(restarted.clone().next(), Some(first.after(INTERVAL)));
        assert!(first.since(wall.stamp()) <= INTERVAL);
    }
}
