//! The last minutes of a source that is read again and again.
//!
//! Owns the stretches that look back from now: a new one is begun every [`STEP`], so that one of the
//! wanted length is always there, and each follows restarts by itself. Pure: is told when it is, and
//! knows nothing of what is read.

use std::{collections::VecDeque, time::Duration};

use crate::clock::Stamp;

/// How far back it looks.
pub const WINDOW: Duration = Duration::from_secs(300);

/// How far apart two stretches begin, at least: by so much a stretch may be shorter than wanted.
const STEP: Duration = Duration::from_secs(15);

/// What happens between a first reading and the latest.
pub trait Stretch {
    /// What one reading tells.
    type Told;

    /// Begins with what stands at first.
    fn begin(first: &[Self::Told]) -> Self;

    /// Takes in what stands later on.
    fn told(&mut self, told: &[Self::Told]);
}

/// The stretches of the last [`WINDOW`], the longest first.
#[derive(Clone, Debug)]
pub struct Lately<S> {
    stretches: VecDeque<(Stamp, S)>,
    /// When it was last told anything.
    end: Stamp,
}

/// What happened from one reading to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Between<T> {
    /// When the first reading was.
    pub begin: Stamp,
    /// When the last one was.
    pub end: Stamp,
    /// What happened.
    pub what: T,
}

impl<S> Default for Lately<S> {
    fn default() -> Self {
        Self { stretches: VecDeque::new(), end: Stamp::from_nanos(0) }
    }
}

impl<S: Stretch> Lately<S> {
    /// Takes in what is read at `now`.
    pub fn told(&mut self, now: Stamp, told: &[S::Told]) {
        self.stretches.iter_mut().for_each(|(_, stretch)| stretch.told(told));
        if self.stretches.back().is_none_or(|(begin, _)| now.since(*begin) >= STEP) {
            self.stretches.push_back((now, S::begin(told)));
        }
        while self.stretches.front().is_some_and(|(begin, _)| now.since(*begin) > WINDOW) {
            self.stretches.pop_front();
        }
        self.end = now;
    }

    /// Every stretch that has a second reading, the longest first.
    pub fn between<T>(&self, what: impl Fn(&S, Duration) -> T) -> Vec<Between<T>> {
        let ended = self.stretches.iter().filter(|(begin, _)| *begin < self.end);
        let between = |(begin, stretch): &(Stamp, S)| {
            let (begin, end) = (*begin, self.end);
            Between { begin, end, what: what(stretch, end.since(begin)) }
        };
        ended.map(between).collect()
    }
}

impl<T> Between<T> {
    /// Of those of [`Lately::between`] the longest that did not begin before `since`.
    pub fn since(between: &[Self], since: Stamp) -> Option<&Self> {
        between.iter().find(|one| one.begin >= since)
    }

    /// The same stretch in another form.
    pub fn map<U>(&self, form: impl FnOnce(&T) -> U) -> Between<U> {
        Between { begin: self.begin, end: self.end, what: form(&self.what) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The readings that it has had.
    struct Heard(Vec<u64>);

    impl Stretch for Heard {
        type Told = u64;

        fn begin(first: &[u64]) -> Self {
            Self(first.to_vec())
        }

        fn told(&mut self, told: &[u64]) {
            self.0.extend(told);
        }
    }

    fn at(second: u64) -> Stamp {
        Stamp::from_nanos(1).after(Duration::from_secs(second))
    }

    fn read_every(step: u64, until: u64) -> Lately<Heard> {
        let mut lately = Lately::default();
        (0..=until).step_by(usize::try_from(step).expect("small")).for_each(|second| {
            lately.told(at(second), &[second]);
        });
        lately
    }

    #[test]
    fn there_is_a_stretch_of_the_wanted_length_whatever_the_interval() {
        for step in [1, 4, 15, 60] {
            let lately = read_every(step, 1_200);
            for wanted in [60, 200, 300] {
                let all = lately.between(|heard, long| (heard.0.clone(), long));
                let one = Between::since(&all, at(1_200 - wanted)).expect("a stretch");
                let long = one.end.since(one.begin);
                let (heard, told) = &one.what;
                assert_eq!((*told, one.end), (long, at(1_200)));
                let short = Duration::from_secs(wanted).saturating_sub(long);
                assert!(short <= STEP.max(Duration::from_secs(step)), "{step} {wanted} {long:?}");
                let first = 1_200 - long.as_secs();
                let every = (first..=1_200).step_by(usize::try_from(step).expect("small"));
                assert_eq!(*heard, every.collect::<Vec<_>>(), "every reading since, and no other");
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_old_is_gone() {
        let lately = read_every(1, 5_000);
        assert!(lately.stretches.len() <= 21, "{}", lately.stretches.len());
        assert!(lately.stretches.iter().all(|(begin, _)| *begin >= at(5_000 - 300)));
        let mut lately = lately;
        lately.told(at(9_000), &[9_000]);
        assert!(lately.between(|_, long| long).is_empty(), "one reading is no stretch");
    }

    #[test]
    fn what_began_before_is_not_taken() {
        let lately = read_every(15, 60);
        let all = lately.between(|_, long| long);
        assert_eq!(Between::since(&all, at(31)).map(|one| one.begin), Some(at(45)));
        assert_eq!(Between::since(&all, at(46)), None);
    }
}
