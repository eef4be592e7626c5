//! The course of one step: which due times belong to it, and to which phase of it.
//!
//! Owns the split of warm-up and window, and the end by number or by time. Pure.

use std::time::Duration;

use crate::{clock::Stamp, config::Warmup, tally::Phase};

/// The course of one step.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// The warm-up's exchanges that are still to come.
    warming: u64,
    /// When the warm-up's time is over.
    warm: Stamp,
    /// Whether the warm-up is one of time alone: the window then opens when it is over, whenever
    /// the next request is due.
    by_time: bool,
    /// When the window opened.
    opened: Option<Stamp>,
    /// Exchanges that the window may still begin.
    left: Option<u64>,
    /// How long the window is.
    duration: Option<Duration>,
}

impl Course {
    /// A course from `start`. The load is `building` for so long before it is the one that was
    /// asked for: that is warm-up, too.
    pub(super) fn new(
        start: Stamp,
        warmup: Warmup,
        building: Duration,
        count: Option<u64>,
        duration: Option<Duration>,
    ) -> Self {
        Self {
            warming: warmup.requests,
            warm: start.after(warmup.duration.max(building)),
            by_time: warmup.requests == 0,
            opened: None,
            left: count,
            duration,
        }
    }

    /// The phase of an exchange that is due at `due`; absent if that is beyond the end.
    pub(super) fn phase(&self, due: Stamp) -> Option<Phase> {
        let opened = match self.opened {
            // A turn of a session may come after others that were due later.
            Some(opened) if due < opened => return Some(Phase::Warmup),
            Some(opened) => opened,
            None if self.warming > 0 || due < self.warm => return Some(Phase::Warmup),
            None => self.opens(due),
        };
        let in_time = self.duration.is_none_or(|duration| due < opened.after(duration));
        (in_time && self.left != Some(0)).then_some(Phase::Window)
    }

    /// Begins the exchange that is due at `due`: its phase, if it belongs to the step.
    pub(super) fn begin(&mut self, due: Stamp) -> Option<Phase> {
        let phase = self.phase(due)?;
        match phase {
            Phase::Warmup => self.warming = self.warming.saturating_sub(1),
            Phase::Window => {
                self.opened = Some(self.opened.unwrap_or(self.opens(due)));
                self.left = self.left.map(|left| left.saturating_sub(1));
            }
        }
        Some(phase)
    }

    /// When the window opens if its first exchange is due at `due`.
    fn opens(&self, due: Stamp) -> Stamp {
        if self.by_time { self.warm } else { due }
    }

    /// When the window opened, if it has.
    pub(super) fn opened(&self) -> Option<Stamp> {
        self.opened
    }

    /// Whether the last exchange has begun.
    pub(super) fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    /// When the window closes, if that is known.
    pub(super) fn closes(&self) -> Option<Stamp> {
        let opened = self.opened.or((self.by_time).then_some(self.warm))?;
        self.duration.map(|duration| opened.after(duration))
    }

    /// How far the time of the window has run at `now`, 0 to 1; absent where time is no limit.
    pub(super) fn elapsed(&self, now: Stamp) -> Option<f64> {
        let (duration, closes) = (self.duration?, self.closes()?);
        let left = closes.since(now).as_secs_f64();
        Some((1.0 - left / duration.as_secs_f64().max(f64::MIN_POSITIVE)).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Warmup = Warmup { requests: 0, duration: Duration::ZERO };

    fn second(second: u64) -> Stamp {
        Stamp::from_nanos(1).after(Duration::from_secs(second))
    }

    fn phases(course: &mut Course, dues: std::ops::Range<u64>) -> (usize, usize) {
        let begun: Vec<_> = dues.map_while(|at| course.begin(second(at))).collect();
        let warm = begun.iter().filter(|phase| **phase == Phase::Warmup).count();
        (warm, begun.len() - warm)
    }

    #[test]
    fn the_warm_up_lasts_until_both_its_number_and_its_time_are_over() {
        for (requests, seconds, building, warm) in
            [(0, 0, 0, 0), (5, 0, 0, 5), (0, 7, 0, 7), (5, 7, 0, 7), (9, 7, 0, 9), (3, 4, 8, 8)]
        {
            let warmup = Warmup { requests, duration: Duration::from_secs(seconds) };
            let building = Duration::from_secs(building);
            let mut course = Course::new(second(0), warmup, building, Some(10), None);
            assert_eq!(phases(&mut course, 0..100), (warm, 10), "{warmup:?} {building:?}");
            assert!(course.is_full());
        }
    }

    #[test]
    fn a_step_ends_by_number_or_time_whichever_is_first() {
        let ten = Some(Duration::from_secs(10));
        for (count, duration, judged) in
            [(Some(4), ten, 4), (Some(40), ten, 10), (None, ten, 10), (Some(4), None, 4)]
        {
            let mut course = Course::new(second(0), NONE, Duration::ZERO, count, duration);
            assert_eq!(phases(&mut course, 0..100), (0, judged), "{count:?} {duration:?}");
        }
    }

    #[test]
    fn time_counts_from_where_the_window_opened() {
        let time = |requests| Warmup { requests, duration: Duration::from_secs(2) };
        let duration = Some(Duration::from_secs(10));
        // By time alone it opens when the time is over, though the next request is due later.
        let mut course = Course::new(second(0), time(0), Duration::ZERO, None, duration);
        assert_eq!(course.closes(), Some(second(12)));
        assert_eq!(course.begin(second(5)), Some(Phase::Window));
        assert_eq!((course.opened(), course.closes()), (Some(second(2)), Some(second(12))));
        // By number it opens with the first request after.
        let mut course = Course::new(second(0), time(1), Duration::ZERO, None, duration);
        assert_eq!(course.closes(), None);
        assert_eq!(course.begin(second(1)), Some(Phase::Warmup));
        assert_eq!(course.begin(second(5)), Some(Phase::Window));
        assert_eq!(course.closes(), Some(second(15)));
        assert_eq!(course.elapsed(second(10)), Some(0.5));
    }

    #[test]
    fn a_late_turn_of_the_warm_up_is_warm_up() {
        let warmup = Warmup { requests: 1, duration: Duration::ZERO };
        let mut course = Course::new(second(0), warmup, Duration::ZERO, Some(2), None);
        let dues = [0, 5, 3, 6, 7].map(|at| course.begin(second(at)));
        let (warm, window) = (Some(Phase::Warmup), Some(Phase::Window));
        assert_eq!(dues, [warm, window, warm, window, None]);
    }
}
