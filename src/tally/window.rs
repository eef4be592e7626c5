//! The window of a step, and what happened in it.
//!
//! The window runs from the due time of the first exchange after the warm-up to the last due time,
//! and which one is the last is known only when there is no other. So what happens after the
//! latest due time waits until a later one comes: what is in flight, and where a gate holds requests
//! back all that happens between a due time and its place, in a bounded number of moments.

use std::collections::BTreeMap;

use super::Phase;
use crate::clock::Stamp;

/// From where to where, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    first: Option<Stamp>,
    latest: Option<Stamp>,
}

/// Where a moment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the window.
    Before,
    /// In the window, its ends included.
    Inside,
    /// After the latest due time: in the window only if a later one comes.
    Later,
}

impl Window {
    /// An exchange is due.
    pub(super) fn due(&mut self, due: Stamp, phase: Phase) {
        if phase == Phase::Window {
            self.first.get_or_insert(due);
        }
        self.latest = self.latest.max(Some(due));
    }

    /// Where it begins, once it has.
    pub(super) fn first(&self) -> Option<Stamp> {
        self.first
    }

    /// The latest due time, that of a warm-up exchange included.
    pub(super) fn latest(&self) -> Option<Stamp> {
        self.latest
    }

    /// Its length so far in seconds; zero before it has begun.
    pub(super) fn seconds(&self) -> f64 {
        self.first.zip(self.latest).map_or(0.0, |(first, last)| last.since(first).as_secs_f64())
    }

    /// Where `at` lies, as far as it is known.
    pub(super) fn place(&self, at: Stamp) -> Place {
        match (self.first, self.latest) {
            (_, None) => Place::Later,
            (_, Some(latest)) if at > latest => Place::Later,
            (Some(first), Some(_)) if at >= first => Place::Inside,
            // The window will begin with a due time that is not before the latest one.
            (None, Some(latest)) if at == latest => Place::Later,
            _ => Place::Before,
        }
    }
}

/// What happened after the latest due time, by its time, until a later one comes.
#[derive(Clone, Debug, Default)]
struct Later {
    waiting: BTreeMap<Stamp, f64>,
    /// Moments are told apart by `2 ^ bits` nanoseconds: all of them, unless very many wait.
    bits: u32,
}

impl Later {
    /// So many moments are told apart. More come where a gate holds requests back for long: the
    /// latest due time then lies far behind, and all that happens meanwhile waits.
    const MOST: usize = 1 << 14;

    fn put(&mut self, at: Stamp, much: f64) {
        *self.waiting.entry(self.rounded(at)).or_default() += much;
        if self.waiting.len() > Self::MOST {
            self.coarsen();
        }
    }

    /// A moment as it is told apart: no earlier than it was.
    fn rounded(&self, at: Stamp) -> Stamp {
        let rest = (1 << self.bits) - 1;
        Stamp::from_nanos(at.as_nanos().saturating_add(rest) & !rest)
    }

    /// Leaves half as many moments at most. What this moves over the end of a window is one of
    /// very many.
    fn coarsen(&mut self) {
        let fine = std::mem::take(&mut self.waiting);
        let ends = fine.first_key_value().zip(fine.last_key_value());
        let span = ends.map_or(0, |((first, _), (last, _))| last.as_nanos() - first.as_nanos());
        // One bit more than half as many would take: the span need not begin with a moment.
        self.bits = (span / Self::MOST as u64).checked_ilog2().unwrap_or(0) + 2;
        for (at, much) in fine {
            *self.waiting.entry(self.rounded(at)).or_default() += much;
        }
    }

    /// Hands out what is later no more, with its time and whether it lies in the window.
    fn settle(&mut self, window: &Window, mut each: impl FnMut(Stamp, f64)) {
        while let Some(next) = self.waiting.first_entry() {
            match window.place(*next.key()) {
                Place::Later => return,
                Place::Before => {
                    next.remove();
                }
                Place::Inside => {
                    let (at, much) = next.remove_entry();
                    each(at, much);
                }
            }
        }
        self.bits = 0;
    }

    fn sum(&self) -> f64 {
        self.waiting.values().sum()
    }
}

/// The sum of what happened in the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Happened {
    inside: f64,
    later: Later,
}

impl Happened {
    /// So much happened at a time.
    pub(super) fn push(&mut self, window: &Window, at: Stamp, much: f64) {
        match window.place(at) {
            Place::Before => {}
            Place::Inside => self.inside += much,
            Place::Later => self.later.put(at, much),
        }
    }

    /// The latest due time has moved.
    pub(super) fn settle(&mut self, window: &Window) {
        self.later.settle(window, |_, much| self.inside += much);
    }

    /// How much happened in the window so far.
    pub(super) fn inside(&self) -> f64 {
        self.inside
    }

    /// Moments that wait for a later due time.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.later.waiting.len()
    }
}

/// Moments of the window as seconds since its begin, summed: those before count as its begin, those
/// after as its end.
#[derive(Clone, Debug, Default)]
struct Moments {
    inside: f64,
    later: Later,
}

impl Moments {
    fn push(&mut self, window: &Window, at: Stamp) {
        match window.place(at) {
            Place::Before => {}
            Place::Inside => self.inside += since_begin(window, at),
            Place::Later => self.later.put(at, 1.0),
        }
    }

    fn settle(&mut self, window: &Window) {
        self.later.settle(window, |at, many| self.inside += many * since_begin(window, at));
    }

    fn sum(&self, window: &Window) -> f64 {
        self.inside + self.later.sum() * window.seconds()
    }
}

/// How many exchanges were in flight, as an integral over the window: the sum of their ends less
/// that of their begins.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    now: u64,
    most: u64,
    /// Of the exchanges that have ended.
    begins: Moments,
    ends: Moments,
}

impl InFlight {
    /// An exchange is begun.
    pub(super) fn begun(&mut self, window: &Window) {
        self.now += 1;
        if window.first().is_some() {
            self.most = self.most.max(self.now);
        }
    }

    /// An exchange has ended that was in flight from `from` to `to`; it was not, if it was never
    /// sent.
    pub(super) fn ended(&mut self, window: &Window, sent: Option<(Stamp, Stamp)>) {
        self.now = self.now.saturating_sub(1);
        let Some((from, to)) = sent else { return };
        self.begins.push(window, from);
        self.ends.push(window, to);
    }

    /// The latest due time has moved.
    pub(super) fn settle(&mut self, window: &Window) {
        self.begins.settle(window);
        self.ends.settle(window);
    }

    /// Most at a time, from the begin of the window on.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// The mean over the whole window; absent for a window without length.
    pub(super) fn mean(&self, window: &Window) -> Option<f64> {
        let together = self.ends.sum(window) - self.begins.sum(window);
        (window.seconds() > 0.0).then(|| (together / window.seconds()).max(0.0))
    }
}

/// Seconds from the begin of the window to `at`, which lies in it.
fn since_begin(window: &Window, at: Stamp) -> f64 {
    window.first().map_or(0.0, |first| at.since(first).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Stamp {
        Stamp::from_nanos(nanos)
    }

    fn window(warmup: &[u64], judged: &[u64]) -> Window {
        let mut window = Window::default();
        for due in warmup {
            window.due(at(*due), Phase::Warmup);
        }
        for due in judged {
            window.due(at(*due), Phase::Window);
        }
        window
    }

    #[test]
    fn a_moment_after_the_latest_due_time_may_yet_be_inside() {
        use Place::{Before, Inside, Later};
        for (window, places) in [
            (window(&[], &[]), [Later, Later, Later]),
            (window(&[10], &[]), [Before, Later, Later]),
            (window(&[5], &[10]), [Before, Inside, Later]),
            (window(&[5], &[6, 20]), [Before, Inside, Inside]),
            (window(&[], &[2, 9]), [Inside, Later, Later]),
        ] {
            assert_eq!([5, 10, 15].map(|nanos| window.place(at(nanos))), places, "{window:?}");
        }
    }

    #[test]
    fn what_waits_is_counted_when_a_later_due_time_comes() {
        let mut window = window(&[1], &[10]);
        let mut happened = Happened::default();
        for (nanos, much) in [(9, 1.0), (10, 2.0), (15, 4.0), (25, 8.0)] {
            happened.push(&window, at(nanos), much);
        }
        assert_eq!((happened.inside(), happened.waiting()), (2.0, 2));
        window.due(at(20), Phase::Window);
        happened.settle(&window);
        assert_eq!((happened.inside(), happened.waiting()), (6.0, 1));
    }

    #[test]
    fn what_waits_for_long_is_bounded_and_nothing_is_lost() {
        const MANY: u64 = 200_000;
        let mut window = window(&[], &[1]);
        let (mut happened, mut flight) = (Happened::default(), InFlight::default());
        for nanos in 0..MANY {
            // Out of order, as exchanges end.
            let nanos = nanos * 7_919 % MANY + 2;
            happened.push(&window, at(nanos), 1.0);
            flight.begun(&window);
            flight.ended(&window, Some((at(nanos), at(nanos + MANY))));
        }
        assert!(happened.waiting() <= Later::MOST, "{}", happened.waiting());
        window.due(at(MANY / 2 + 1), Phase::Window);
        happened.settle(&window);
        flight.settle(&window);
        let share = happened.inside() / (MANY / 2) as f64;
        assert!((share - 1.0).abs() < 1e-3, "half of it lies in the window: {share}");
        // One more with every nanosecond: half of those of the window, in the mean.
        let mean = flight.mean(&window).expect("a window") / (MANY / 4) as f64;
        assert!((mean - 1.0).abs() < 1e-3, "{mean}");
        window.due(at(3 * MANY), Phase::Window);
        happened.settle(&window);
        assert_eq!((happened.inside(), happened.waiting()), (MANY as f64, 0));
    }

    #[test]
    fn what_happens_in_the_warm_up_is_forgotten() {
        let mut window = window(&[1], &[]);
        let mut happened = Happened::default();
        happened.push(&window, at(3), 1.0);
        window.due(at(5), Phase::Warmup);
        happened.settle(&window);
        assert_eq!((happened.inside(), happened.waiting()), (0.0, 0));
    }

    #[test]
    fn in_flight_is_cut_to_the_window() {
        const S: u64 = 1_000_000_000;
        let mut window = window(&[0], &[10 * S]);
        let mut flight = InFlight::default();
        (0..3).for_each(|_| flight.begun(&window));
        flight.ended(&window, Some((at(0), at(8 * S))));
        flight.ended(&window, Some((at(5 * S), at(14 * S))));
        flight.ended(&window, Some((at(18 * S), at(40 * S))));
        window.due(at(20 * S), Phase::Window);
        flight.settle(&window);
        // 4 s of the second and 2 s of the third, over 10 s.
        assert!(flight.mean(&window).is_some_and(|mean| (mean - 0.6).abs() < 1e-12));
        assert_eq!((flight.most(), flight.now), (3, 0));
    }
}
