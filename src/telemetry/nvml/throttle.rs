//! Time for which clocks were held down, added up from what holds them at each moment.

use std::collections::BTreeMap;

use nvml_wrapper::bitmasks::device::ThrottleReasons;

use crate::clock::Stamp;

/// What each reason is made of. A hardware slowdown without a cause of its own is the board's. An
/// idle GPU, and clocks that were set so, are no throttling.
const REASONS: &[(&str, ThrottleReasons)] = &[
    ("power", ThrottleReasons::SW_POWER_CAP.union(ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN)),
    ("thermal", ThrottleReasons::SW_THERMAL_SLOWDOWN.union(ThrottleReasons::HW_THERMAL_SLOWDOWN)),
    ("sync_boost", ThrottleReasons::SYNC_BOOST),
    ("board_limit", ThrottleReasons::HW_SLOWDOWN),
];

/// The causes of a hardware slowdown that have a name.
const NAMED: ThrottleReasons =
    ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN.union(ThrottleReasons::HW_THERMAL_SLOWDOWN);

/// The times of one GPU.
#[derive(Debug, Default)]
pub(super) struct Throttled {
    last: Option<Stamp>,
    seconds: BTreeMap<&'static str, f64>,
}

impl Throttled {
    /// Takes in what holds the clocks down now, for all of the time since the last look.
    pub(super) fn observe(&mut self, reasons: ThrottleReasons, now: Stamp) {
        let passed = self.last.map_or(0.0, |last| now.since(last).as_secs_f64());
        self.last = Some(now);
        for (reason, bits) in REASONS {
            let of_the_board = *bits != ThrottleReasons::HW_SLOWDOWN || !reasons.intersects(NAMED);
            let holds = reasons.intersects(*bits) && of_the_board;
            *self.seconds.entry(reason).or_default() += if holds { passed } else { 0.0 };
        }
    }

    /// Nobody looks for a while: what holds the clocks down when somebody does again is of then.
    pub(super) fn pause(&mut self) {
        self.last = None;
    }

    /// What has come together for `reason`, in seconds; absent for one that no moment shows.
    pub(super) fn seconds(&self, reason: &str) -> Option<f64> {
        self.seconds.get(reason).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_reason_has_the_time_between_its_looks() {
        let start = Stamp::from_nanos(1);
        let at = |seconds| start.after(Duration::from_secs(seconds));
        let mut throttled = Throttled::default();
        assert_eq!(throttled.seconds("power"), None);
        throttled.observe(ThrottleReasons::SW_POWER_CAP, at(0));
        assert_eq!(throttled.seconds("power"), Some(0.0), "how long it had stood nobody knows");
        throttled.observe(ThrottleReasons::SW_POWER_CAP | ThrottleReasons::SYNC_BOOST, at(2));
        throttled.observe(ThrottleReasons::GPU_IDLE, at(5));
        throttled.observe(ThrottleReasons::HW_SLOWDOWN, at(6));
        throttled
            .observe(ThrottleReasons::HW_SLOWDOWN | ThrottleReasons::HW_THERMAL_SLOWDOWN, at(10));
        let seconds = ["power", "sync_boost", "board_limit", "thermal", "reliability"]
            .map(|reason| throttled.seconds(reason));
        assert_eq!(seconds, [Some(2.0), Some(2.0), Some(1.0), Some(4.0), None]);
    }

    #[test]
    fn time_in_which_nobody_looked_is_none() {
        let start = Stamp::from_nanos(1);
        let mut throttled = Throttled::default();
        for (seconds, sum) in [(0, 0.0), (1, 1.0), (3_601, 1.0), (3_602, 2.0)] {
            if seconds == 3_601 {
                throttled.pause();
            }
            let now = start.after(Duration::from_secs(seconds));
            throttled.observe(ThrottleReasons::SW_POWER_CAP, now);
            assert_eq!(throttled.seconds("power"), Some(sum), "{seconds}");
        }
    }
}
