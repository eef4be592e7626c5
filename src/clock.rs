//! Clocks: monotonic stamps and the wall-clock anchor.
//!
//! Owns every reading of a clock in the crate (`clippy.toml` bans the others). A [`Stamp`] is a
//! reading of `CLOCK_MONOTONIC` in nanoseconds, so stamps taken by two processes on one machine
//! compare, which is how `benches/` holds our anchors against the simulator's. `kernel` has the clock
//! of the socket: when bytes came in, as the kernel saw it.

pub(crate) mod kernel;

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A wall clock further off than this has been set, or the machine has slept. Slewing does not add
/// up to it between two looks.
const WAS_SET: Duration = Duration::from_millis(100);

/// A reading of the monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// The monotonic clock, now.
    pub fn now() -> Self {
        Self(read(ClockId::CLOCK_MONOTONIC).max(0).cast_unsigned())
    }

    /// A stamp from raw nanoseconds of the monotonic clock.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds of the monotonic clock.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to this stamp; zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This stamp moved forward by `by`.
    #[must_use]
    pub const fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// This stamp moved back by `by`.
    #[must_use]
    pub const fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }
}

/// A pair of readings that ties monotonic stamps to the calendar.
#[derive(Clone, Copy, Debug)]
pub struct Wall {
    stamp: Stamp,
    unix_nanos: i64,
}

impl Wall {
    /// Reads both clocks. The real-time reading stands between two monotonic ones; the tightest of
    /// at most three tries is kept, because a preemption between readings would shift the pair.
    pub fn anchor() -> Self {
        const TIGHT: u64 = 500;
        // In bare nanoseconds, for this is done once a token.
        let mut best: Option<(u64, Self)> = None;
        for _ in 0..3 {
            let before = Stamp::now();
            let unix_nanos = read(ClockId::CLOCK_REALTIME);
            let width = Stamp::now().0.saturating_sub(before.0);
            if best.is_none_or(|(narrowest, _)| width < narrowest) {
                best = Some((width, Self { stamp: Stamp(before.0 + width / 2), unix_nanos }));
            }
            if width < TIGHT {
                break;
            }
        }
        best.map_or(Self { stamp: Stamp(0), unix_nanos: 0 }, |(_, wall)| wall)
    }

    /// The pair as it is now, if the wall clock was set (or the machine slept) since it was read;
    /// else the same, so that times of one process stay comparable while the clock is only slewed.
    #[must_use]
    pub fn renewed(self) -> Self {
        let now = Self::anchor();
        if now.was_set_since(self) { now } else { self }
    }

    /// Whether the wall clock was set since `before` was read, or the machine slept.
    pub fn was_set_since(self, before: Self) -> bool {
        self.apart(before) >= WAS_SET
    }

    /// The monotonic half of the pair.
    pub const fn stamp(self) -> Stamp {
        self.stamp
    }

    /// By how much the two pairs disagree about the calendar: what the wall clock was set by
    /// between them, or how long the machine slept, which the monotonic clock does not count.
    pub const fn apart(self, other: Self) -> Duration {
        Duration::from_nanos(self.unix_nanos(other.stamp).abs_diff(other.unix_nanos))
    }

    /// The pair after the calendar was set forward.
    #[cfg(test)]
    pub(crate) fn set_forward(self, by: Duration) -> Self {
        Self { unix_nanos: self.unix_nanos + i64::try_from(by.as_nanos()).unwrap_or(0), ..self }
    }

    /// Nanoseconds since the Unix epoch at `stamp`.
    pub const fn unix_nanos(self, stamp: Stamp) -> i64 {
        self.unix_nanos + (stamp.0.cast_signed() - self.stamp.0.cast_signed())
    }

    /// Seconds since the Unix epoch at `stamp`, as Prometheus writes times.
    pub fn unix_seconds(self, stamp: Stamp) -> f64 {
        unix_seconds(self.unix_nanos(stamp))
    }

    /// The stamp at a time given in nanoseconds since the Unix epoch.
    pub const fn stamp_at(self, unix_nanos: i64) -> Stamp {
        let nanos = self.stamp.0.cast_signed() + (unix_nanos - self.unix_nanos);
        Stamp(if nanos < 0 { 0 } else { nanos.cast_unsigned() })
    }
}

/// A time in nanoseconds since the Unix epoch, in seconds since then: as Prometheus and records
/// write times.
pub const fn unix_seconds(unix_nanos: i64) -> f64 {
    unix_nanos as f64 / 1e9
}

/// The other way round, as far as a double is exact: to a quarter of a microsecond.
pub const fn unix_nanos(unix_seconds: f64) -> i64 {
    (unix_seconds * 1e9) as i64
}

/// A duration in whole nanoseconds; saturates after 584 years.
const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// Nanoseconds of `clock`; 0 if the kernel does not have it.
fn read(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_move_and_compare() {
        let stamp = Stamp::from_nanos(1_000);
        assert_eq!(stamp.after(Duration::from_nanos(5)).since(stamp), Duration::from_nanos(5));
        assert_eq!(stamp.since(stamp.after(Duration::from_secs(1))), Duration::ZERO);
        assert_eq!(stamp.before(Duration::from_secs(1)), Stamp::from_nanos(0));
    }

    #[test]
    fn a_clock_that_was_set_shows() {
        let wall = Wall::anchor();
        let later = Wall { stamp: wall.stamp.after(Duration::from_secs(60)), ..wall };
        let on_time = Wall { unix_nanos: wall.unix_nanos + 60_000_000_000, ..later };
        assert_eq!(wall.apart(on_time), Duration::ZERO);
        assert_eq!(
            (wall.apart(later), later.apart(wall)),
            (Duration::from_secs(60), Duration::from_secs(60))
        );
    }

    #[test]
    fn wall_and_stamp_are_inverse() {
        let wall = Wall::anchor();
        let stamp = Stamp::now().after(Duration::from_secs(30));
        assert_eq!(wall.stamp_at(wall.unix_nanos(stamp)), stamp);
    }
}
