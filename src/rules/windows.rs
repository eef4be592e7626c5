//! The windows of burn-rate alerts.
//!
//! A burn rate is how many times faster than allowed an error budget goes. Each pair of windows pages
//! at its own: the long one says that it matters, the short one that it still goes on.

use super::Severity;

/// Most that a threshold asks for: a factor of 14.4 on a budget of 5 % is a bad ratio of 72 %, and
/// one on 10 % could never be reached.
pub(super) const CAP: f64 = 0.5;

/// Fewest bad beats in the long window: one failed beat of a sparse probe pages nobody.
pub(super) const FEWEST_BAD: u32 = 5;

/// A pair of windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Burn {
    /// How many times the budget.
    pub(super) factor: f64,
    /// The long window, as PromQL has it.
    pub(super) long: &'static str,
    /// The short window, a twelfth of it.
    pub(super) short: &'static str,
    /// The longest interval of a probe that it is for, in seconds: a fifth of the short window.
    /// With fewer beats in it, a share of bad ones would come and go with each.
    pub(super) slowest: u32,
    /// How long the condition must hold.
    pub(super) hold: &'static str,
    /// How long it fires on: between two bad beats of a slow probe it does not resolve.
    pub(super) keep: &'static str,
    /// How urgent it is.
    pub(super) severity: Severity,
}

/// The pairs of the Google SRE workbook, for a budget of 30 days: 2 % of it in an hour, 5 % in six,
/// 10 % in a day, 10 % in three.
pub(super) const BURNS: [Burn; 4] = [
    Burn {
        factor: 14.4,
        long: "1h",
        short: "5m",
        slowest: 60,
        hold: "1m",
        keep: "2m",
        severity: Severity::Critical,
    },
    Burn {
        factor: 6.0,
        long: "6h",
        short: "30m",
        slowest: 360,
        hold: "5m",
        keep: "10m",
        severity: Severity::Critical,
    },
    Burn {
        factor: 3.0,
        long: "1d",
        short: "2h",
        slowest: 1_440,
        hold: "15m",
        keep: "30m",
        severity: Severity::Warning,
    },
    Burn {
        factor: 1.0,
        long: "3d",
        short: "6h",
        slowest: 4_320,
        hold: "30m",
        keep: "1h30m",
        severity: Severity::Warning,
    },
];

/// Every window that is recorded, the short ones first: as often as the server evaluates.
pub(super) const SHORT: [&str; 5] = ["5m", "15m", "30m", "1h", "2h"];

/// The long ones: they read much, and change slowly.
pub(super) const LONG: [&str; 3] = ["6h", "1d", "3d"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_is_recorded_and_a_short_one_is_a_twelfth() {
        for burn in BURNS {
            for window in [burn.long, burn.short] {
                assert!(SHORT.contains(&window) || LONG.contains(&window), "{window}");
            }
            let (count, unit) = burn.long.split_at(burn.long.len() - 1);
            let count: u32 = count.parse().expect("a number");
            let unit = if unit == "h" { 3_600 } else { 86_400 };
            assert_eq!(burn.slowest * 5 * 12, count * unit, "{}", burn.long);
        }
    }
}
