//! What holds a sweep back at the moment at which it would begin.
//!
//! Owns the rules; pure. Whoever asks brings what is known of the target. What is not known holds
//! nothing back: a guard protects a target that is seen to be busy or ill, and a sweep that waits
//! for a broken metrics page would never run again without anybody noticing.

use crate::{config::Guard, event::SweepSkipped};

/// What is known of a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Circumstances {
    /// Its budget has nothing left for this hour.
    pub budget_spent: bool,
    /// Its recent beats, own sweeps left out.
    pub beats: Beating,
    /// Requests that wait in its engine's queue, where that was asked for and could be told.
    pub engine_requests_waiting: Option<f64>,
}

/// Recent beats of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beating {
    /// Those that say something of it.
    pub measured: u64,
    /// Of those, how many failed.
    pub failed: u64,
}

/// Why a run is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// As it is counted.
    pub why: SweepSkipped,
    /// In words.
    pub words: String,
}

impl Beating {
    /// The share that failed; undefined without beats.
    pub fn failure_ratio(self) -> Option<f64> {
        (self.measured > 0).then(|| self.failed as f64 / self.measured as f64)
    }
}

/// What holds a run back, if anything does.
pub fn held_back(guard: &Guard, seen: &Circumstances) -> Option<HeldBack> {
    let held = |why, words| Some(HeldBack { why, words });
    if seen.budget_spent {
        return held(SweepSkipped::Budget, "the target's budget for this hour is spent".to_owned());
    }
    if let (Some(most), Some(ratio)) = (guard.probe_failure_ratio, seen.beats.failure_ratio())
        && ratio > most
    {
        let Beating { measured, failed } = seen.beats;
        let words = format!("{failed} of the target's last {measured} beats failed");
        return held(SweepSkipped::Guard, words);
    }
    if let (Some(most), Some(waiting)) =
        (guard.engine_requests_waiting, seen.engine_requests_waiting)
        && waiting > most as f64
    {
        let words = format!("{waiting} requests wait in the engine's queue");
        return held(SweepSkipped::Guard, words);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_run_is_held_back_by_what_is_known_only() {
        let guard = Guard {
            engine_requests_waiting: Some(2),
            probe_failure_ratio: Some(0.5),
            max_duration: Duration::from_secs(60),
        };
        let open = Guard { engine_requests_waiting: None, probe_failure_ratio: None, ..guard };
        let seen = |budget_spent, measured, failed, waiting| Circumstances {
            budget_spent,
            beats: Beating { measured, failed },
            engine_requests_waiting: waiting,
        };
        use SweepSkipped::{Budget, Guard as Held};
        for (guard, seen, why) in [
            (&guard, seen(false, 0, 0, None), None),
            (&guard, seen(false, 10, 5, Some(2.0)), None),
            (&guard, seen(false, 10, 6, None), Some(Held)),
            (&guard, seen(false, 10, 0, Some(3.0)), Some(Held)),
            (&guard, seen(true, 10, 10, Some(9.0)), Some(Budget)),
            (&open, seen(false, 10, 10, Some(9.0)), None),
            (&open, seen(true, 0, 0, None), Some(Budget)),
        ] {
            assert_eq!(held_back(guard, &seen).map(|held| held.why), why, "{seen:?}");
        }
    }
}
