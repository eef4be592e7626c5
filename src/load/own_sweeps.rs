//! Our own sweeps on an endpoint: whether one ran beside a beat.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::clock::Stamp;

/// Sweeps remembered after their end. On one target they come one after the other, so a beat that
/// ran beside one that is forgotten also ran beside a later one.
const REMEMBERED: usize = 64;

/// When our own sweeps ran on one endpoint.
#[derive(Debug, Default)]
pub(super) struct OwnSweeps(Mutex<Spans>);

#[derive(Debug, Default)]
struct Spans {
    running: Vec<Stamp>,
    ended: VecDeque<(Stamp, Stamp)>,
}

/// A sweep that runs; it has ended when this is dropped.
#[derive(Debug)]
pub struct Sweeping {
    sweeps: Arc<OwnSweeps>,
    since: Stamp,
}

impl OwnSweeps {
    /// A sweep runs from now on.
    pub(super) fn begin(self: &Arc<Self>, now: Stamp) -> Sweeping {
        self.lock().running.push(now);
        Sweeping { sweeps: Arc::clone(self), since: now }
    }

    /// Whether one ran at any time between `from` and `to`.
    pub(super) fn ran_between(&self, from: Stamp, to: Stamp) -> bool {
        let spans = self.lock();
        spans.running.iter().any(|since| *since <= to)
            || spans.ended.iter().any(|(since, until)| *since <= to && *until >= from)
    }

    fn end(&self, since: Stamp, now: Stamp) {
        let mut spans = self.lock();
        if let Some(at) = spans.running.iter().position(|running| *running == since) {
            spans.running.swap_remove(at);
        }
        spans.ended.push_back((since, now));
        if spans.ended.len() > REMEMBERED {
            spans.ended.pop_front();
        }
    }

    /// What it guards is whole at every step.
    fn lock(&self) -> MutexGuard<'_, Spans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sweeping {
    fn drop(&mut self) {
        self.sweeps.end(self.since, Stamp::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn spans_that_touch_a_beat_are_found() {
        let sweeps = OwnSweeps::default();
        let at = |second| Stamp::from_nanos(0).after(Duration::from_secs(second));
        sweeps.lock().running.push(at(10));
        assert!(!sweeps.ran_between(at(5), at(9)));
        assert!(sweeps.ran_between(at(5), at(10)) && sweeps.ran_between(at(30), at(31)));
        sweeps.end(at(10), at(20));
        for (from, to, ran) in
            [(5, 9, false), (5, 11, true), (12, 13, true), (19, 25, true), (21, 25, false)]
        {
            assert_eq!(sweeps.ran_between(at(from), at(to)), ran, "{from} to {to}");
        }
    }

    #[test]
    fn a_sweep_ends_when_it_is_dropped_and_memory_is_bounded() {
        let sweeps = Arc::new(OwnSweeps::default());
        let before = Stamp::now();
        for _ in 0..REMEMBERED * 2 {
            drop(sweeps.begin(Stamp::now()));
        }
        assert!(sweeps.lock().running.is_empty());
        assert_eq!(sweeps.lock().ended.len(), REMEMBERED);
        assert!(sweeps.ran_between(before, Stamp::now()));
        let after = Stamp::now().after(Duration::from_secs(1));
        assert!(!sweeps.ran_between(after, after));
    }
}
