//! The misses of a sequence of exchanges, counted as they come.
//!
//! Owns the sums by size of group that show how misses cluster. Memory is fixed, nothing is
//! allocated, and an exchange costs two additions in the mean.

use super::clusters::{Clustered, GROUPS, Groups};

/// Sizes of groups, 2, 4, 8 and so on: more exchanges than eight of the largest never come.
const SIZES: usize = 32;

/// Misses of consecutive exchanges under one objective, in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub struct Misses {
    n: u64,
    count: u64,
    outages: u64,
    /// The latest exchange missed.
    down: bool,
    sizes: [Size; SIZES],
}

/// Groups of one size.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// Misses of the first half of the next group, if that is over: it is where `n` has its bit.
    half: u64,
    groups: Groups,
}

impl Misses {
    /// Takes in the next exchange.
    pub fn push(&mut self, missed: bool) {
        let mut misses = u64::from(missed);
        // Groups fill up as the bits of a counter carry.
        for (bit, size) in self.sizes.iter_mut().enumerate() {
            if (self.n >> bit) & 1 == 0 {
                size.half = misses;
                break;
            }
            misses += size.half;
            size.groups.push(misses);
        }
        self.n += 1;
        self.count += u64::from(missed);
        self.outages += u64::from(missed && !self.down);
        self.down = missed;
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What they show.
    pub fn clustered(&self) -> Clustered {
        let sizes = self.sizes.iter().zip(1..);
        let effect = sizes
            .take_while(|(size, _)| size.groups.count() >= GROUPS)
            .map(|(size, doublings)| size.groups.excess(2_f64.powi(doublings)))
            .reduce(f64::max);
        Clustered {
            n: self.n,
            misses: self.count,
            outages: self.outages,
            effect: effect.map(|effect| effect.max(1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(missed: impl IntoIterator<Item = bool>) -> Clustered {
        let mut misses = Misses::default();
        missed.into_iter().for_each(|missed| misses.push(missed));
        misses.clustered()
    }

    /// By the definition: from all groups of a size that are whole.
    fn by_hand(missed: &[bool]) -> Option<f64> {
        let sizes = (1..SIZES).map(|doublings| 1 << doublings);
        let effects = sizes.take_while(|size| missed.len() / size >= 8).map(|size| {
            let counts: Vec<f64> = missed
                .chunks_exact(size)
                .map(|group| group.iter().filter(|missed| **missed).count() as f64)
                .collect();
            let mean = counts.iter().sum::<f64>() / counts.len() as f64;
            let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
            let share = mean / size as f64;
            let independent = mean * (1.0 - share);
            if independent == 0.0 { 1.0 } else { squares / (counts.len() - 1) as f64 / independent }
        });
        effects.reduce(f64::max).map(|effect| effect.max(1.0))
    }

    #[test]
    fn sums_are_those_of_all_whole_groups() {
        for n in [0, 1, 15, 16, 17, 100, 1_000, 1_023, 1_024, 5_000] {
            for (every, run) in [(1, 0), (1, 1), (7, 1), (20, 1), (40, 5), (400, 90)] {
                let missed: Vec<bool> = (0..n).map(|at| at % every < run).collect();
                let (shown, effect) = (shown(missed.iter().copied()), by_hand(&missed));
                let count = missed.iter().filter(|missed| **missed).count() as u64;
                assert_eq!((shown.n, shown.misses), (n as u64, count));
                let close = match (shown.effect, effect) {
                    (Some(shown), Some(effect)) => (shown - effect).abs() < 1e-9 * effect,
                    (shown, effect) => shown == effect,
                };
                assert!(close, "{n}, {run} of {every}: {:?}, not {effect:?}", shown.effect);
            }
        }
    }

    #[test]
    fn runs_of_misses_are_outages() {
        let seen = |text: &str| shown(text.chars().map(|mark| mark == 'x')).outages;
        for (text, outages) in [("", 0), ("...", 0), ("x", 1), ("xx.xxx..x", 3), (".x.x", 2)] {
            assert_eq!(seen(text), outages, "{text}");
        }
    }

    #[test]
    fn runs_of_misses_show() {
        // Five of a hundred, evenly: they vary less than independent ones.
        let even = shown((0..10_000).map(|at| at % 20 == 0));
        assert_eq!((even.effect, even.outages), (Some(1.0), 500));
        // Five in a row of a hundred: a group of four or eight has all or none.
        let runs = shown((0..10_000).map(|at| at % 100 < 5));
        let effect = runs.effect.expect("groups");
        assert!((2.5..6.0).contains(&effect), "{effect}");
        assert_eq!(runs.outages, 100);
    }
}
