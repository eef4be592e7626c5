//! The window of a step, and what happened in it.
//!
//! The window runs from the due time of the first exchange after the warm-up to the last due time,
//! and which one is the last is known only when there is no other. So what happens after the
//! latest due time waits until a later one comes: bounded by what is in flight.

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

/// The sum of what happened in the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Happened {
    inside: f64,
    later: Vec<(Stamp, f64)>,
    /// The least stamp of `later`.
    next: Option<Stamp>,
}

impl Happened {
    /// So much happened at a time.
    pub(super) fn push(&mut self, window: &Window, at: Stamp, much: f64) {
        match window.place(at) {
            Place::Before => {}
            Place::Inside => self.inside += much,
            Place::Later => {
                self.next = Some(self.next.map_or(at, |next| next.min(at)));
                self.later.push((at, much));
            }
        }
    }

    /// The latest due time has moved.
    pub(super) fn settle(&mut self, window: &Window) {
        if self.next.is_none_or(|next| window.place(next) == Place::Later) {
            return;
        }
        let (mut inside, mut next) = (0.0, None::<Stamp>);
        self.later.retain(|(at, much)| {
            let place = window.place(*at);
            match place {
                Place::Before => {}
                Place::Inside => inside += much,
                Place::Later => next = Some(next.map_or(*at, |next| next.min(*at))),
            }
            place == Place::Later
        });
        self.inside += inside;
        self.next = next;
    }

    /// How much happened in the window so far.
    pub(super) fn inside(&self) -> f64 {
        self.inside
    }

    /// Events that wait for a later due time.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.later.len()
    }
}

/// How many exchanges were in flight, as an integral over the window.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    now: u64,
    most: u64,
    /// Exchange-seconds in the window, of the exchanges that have ended.
    inside: f64,
    /// Exchanges that ended after the latest due time, from and to.
    later: Vec<(Stamp, Stamp)>,
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
        match window.place(to) {
            Place::Before => {}
            Place::Inside => self.inside += overlap(window, from, to),
            Place::Later => self.later.push((from, to)),
        }
    }

    /// The latest due time has moved.
    pub(super) fn settle(&mut self, window: &Window) {
        let mut inside = 0.0;
        self.later.retain(|(from, to)| {
            let place = window.place(*to);
            if place == Place::Inside {
                inside += overlap(window, *from, *to);
            }
            place == Place::Later
        });
        self.inside += inside;
    }

    /// Most at a time, from the begin of the window on.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// The mean over the whole window; absent for a window without length.
    pub(super) fn mean(&self, window: &Window) -> Option<f64> {
        let cut: f64 = self.later.iter().map(|(from, to)| overlap(window, *from, *to)).sum();
        (window.seconds() > 0.0).then(|| (self.inside + cut) / window.seconds())
    }
}

/// Seconds of `from`…`to` that lie in the window so far.
fn overlap(window: &Window, from: Stamp, to: Stamp) -> f64 {
    window
        .first()
        .zip(window.latest())
        .map_or(0.0, |(first, last)| to.min(last).since(from.max(first)).as_secs_f64())
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
