//! The schedule on which an engine gets worse and recovers by itself.
//!
//! Owns the arithmetic of the phases. Must not read a clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Every `period_s`, for `duration_s`, times are `factor` times longer and a share of the requests
/// is answered with an error. Where neither time is given, it is so until something else is said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Degrade {
    /// Seconds from the start of one bad spell to the start of the next; 1 if absent.
    #[serde(default = "second")]
    pub period_s: f64,
    /// Length of a bad spell, in seconds, at most the period; 1 if absent.
    #[serde(default = "second")]
    pub duration_s: f64,
    /// What the time to the first token and the gaps are multiplied by.
    pub factor: f64,
    /// Share of the requests that are answered with 503, from 0 to 1.
    #[serde(default)]
    pub error_ratio: f64,
    /// Seconds from the engine's start to its first bad spell.
    #[serde(default)]
    pub offset_s: f64,
}

fn second() -> f64 {
    1.0
}

impl Degrade {
    /// Whether the engine is in a bad spell `up` after its start.
    pub(crate) fn is_bad(&self, up: Duration) -> bool {
        let since_first = up.as_secs_f64() - self.offset_s;
        since_first >= 0.0 && since_first % self.period_s < self.duration_s
    }

    /// Whether the parameters make sense.
    pub(crate) fn is_sound(&self) -> bool {
        self.period_s.is_finite()
            && self.period_s > 0.0
            && (0.0..=self.period_s).contains(&self.duration_s)
            && (0.0..=1e4).contains(&self.factor)
            && (0.0..=1.0).contains(&self.error_ratio)
            && self.offset_s.is_finite()
            && self.offset_s >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_spells_come_and_go() {
        let degrade = Degrade {
            period_s: 100.0,
            duration_s: 30.0,
            factor: 4.0,
            error_ratio: 0.1,
            offset_s: 20.0,
        };
        assert!(degrade.is_sound());
        for (at, bad) in [
            (0, false),
            (19, false),
            (20, true),
            (49, true),
            (51, false),
            (121, true),
            (151, false),
        ] {
            assert_eq!(degrade.is_bad(Duration::from_secs(at)), bad, "at {at} s");
        }
    }

    #[test]
    fn without_times_it_is_bad_all_the_time() {
        let degrade: Degrade = serde_json::from_str(r#"{"factor": 8}"#).unwrap();
        assert!(degrade.is_sound());
        for milliseconds in [0, 1, 999, 1_000, 1_500, 1_000_000] {
            assert!(degrade.is_bad(Duration::from_millis(milliseconds)), "{milliseconds}");
        }
    }
}
