//! Counts of misses by block of consecutive beats.
//!
//! Owns what is kept of the beats of a window, so that the oldest can be forgotten, and what the
//! blocks show together.

use super::clusters::{Clustered, GROUPS, Groups};

/// Beats of one block.
pub(super) const BLOCK: u8 = 30;

/// Misses among the consecutive beats of one block under one objective.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    misses: u8,
    /// Runs of misses.
    outages: u8,
    /// The first beat missed.
    starts_down: bool,
    /// The latest beat missed.
    down: bool,
}

impl Count {
    /// Counts a beat of one lane, the first of its block or a later one.
    pub(super) fn push(&mut self, first: bool, met: bool) {
        if !met {
            self.misses += 1;
            self.outages += u8::from(!self.down);
            self.starts_down |= first;
        }
        self.down = !met;
    }
}

/// A block of beats, with a lane for each objective they are held against.
#[derive(Clone, Debug)]
pub(super) struct Block {
    beats: u8,
    first_due: i64,
    last_due: i64,
    lanes: Box<[Count]>,
}

impl Block {
    /// A block without beats.
    pub(super) fn new(lanes: usize) -> Self {
        let lanes = vec![Count::default(); lanes].into();
        Self { beats: 0, first_due: i64::MAX, last_due: i64::MIN, lanes }
    }

    /// Counts a beat; `met` says for each lane whether it was met.
    pub(super) fn push<'a>(&mut self, due_unix_nanos: i64, met: impl Iterator<Item = &'a bool>) {
        for (count, met) in self.lanes.iter_mut().zip(met) {
            count.push(self.beats == 0, *met);
        }
        self.beats += 1;
        self.first_due = self.first_due.min(due_unix_nanos);
        self.last_due = self.last_due.max(due_unix_nanos);
    }

    /// Whether it has all its beats.
    pub(super) fn is_full(&self) -> bool {
        self.beats >= BLOCK
    }

    /// Earliest due time, in nanoseconds since the Unix epoch.
    pub(super) fn first_due(&self) -> i64 {
        self.first_due
    }

    /// Latest due time, in nanoseconds since the Unix epoch.
    pub(super) fn last_due(&self) -> i64 {
        self.last_due
    }

    /// The counts of a lane.
    pub(super) fn lane(&self, lane: usize) -> Count {
        self.lanes.get(lane).copied().unwrap_or_default()
    }
}

/// What the counts of consecutive full blocks show together. The design effect is that of blocks,
/// of pairs of blocks, of fours and so on; absent for fewer than two blocks, which show no variance.
pub(super) fn clustered(counts: impl Iterator<Item = Count>) -> Clustered {
    let (mut blocks, mut seen) = (Vec::new(), Clustered::default());
    let mut down = false;
    for count in counts {
        let goes_on = down && count.starts_down;
        seen.outages += u64::from(count.outages) - u64::from(goes_on);
        seen.misses += u64::from(count.misses);
        blocks.push(u64::from(count.misses));
        down = count.down;
    }
    seen.n = blocks.len() as u64 * u64::from(BLOCK);
    seen.effect = effect(blocks);
    seen
}

/// The design effect of blocks with so many misses.
fn effect(mut misses: Vec<u64>) -> Option<f64> {
    let of = |misses: &[u64]| {
        let mut groups = Groups::default();
        misses.iter().for_each(|misses| groups.push(*misses));
        groups
    };
    let (mut groups, mut beats) = (of(&misses), f64::from(BLOCK));
    let mut effect = (groups.count() >= 2).then(|| groups.excess(beats).max(1.0))?;
    loop {
        misses = misses.chunks_exact(2).map(|pair| pair.iter().sum()).collect();
        (groups, beats) = (of(&misses), beats * 2.0);
        if groups.count() < GROUPS {
            return Some(effect);
        }
        effect = effect.max(groups.excess(beats));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(beats: impl IntoIterator<Item = bool>) -> Count {
        let mut count = Count::default();
        for (beat, met) in beats.into_iter().enumerate() {
            count.push(beat == 0, met);
        }
        count
    }

    /// A block whose last beats missed.
    fn ending(misses: u8) -> Count {
        count((0..BLOCK).map(|beat| beat + misses < BLOCK))
    }

    fn close(found: Option<f64>, expected: Option<f64>) -> bool {
        match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9 * expected,
            _ => found == expected,
        }
    }

    #[test]
    fn a_design_effect_is_the_ratio_of_variances() {
        for (misses, effect) in [
            (vec![], None),
            (vec![3], None),
            (vec![0, 0, 0], Some(1.0)),
            (vec![30, 30], Some(1.0)),
            (vec![2, 2, 2, 2], Some(1.0)),
            // q = 1/4, 30 q (1 − q) = 5.625, variance of 0, 15, 0, 15 = 75.
            (vec![0, 15, 0, 15], Some(75.0 / 5.625)),
            // All misses in one of two blocks: q = 1/2, variance 450.
            (vec![0, 30], Some(450.0 / 7.5)),
        ] {
            let seen = clustered(misses.iter().copied().map(ending));
            assert!(close(seen.effect, effect), "{misses:?}");
        }
    }

    #[test]
    fn the_size_at_which_misses_cluster_most_counts() {
        // Two blocks in a row of sixteen: q = 1/8; by blocks 105 ÷ 3.28, by pairs 450 ÷ 6.56.
        let misses = |block| if block < 2 { BLOCK } else { 0 };
        let seen = clustered((0..16).map(misses).map(ending));
        assert!(close(seen.effect, Some(450.0 / (60.0 * 7.0 / 64.0))));
        // Seven pairs are too few to tell.
        let seen = clustered((0..15).map(misses).map(ending));
        let by_blocks = 900.0 * 2.0 * 13.0 / (15.0 * 14.0) / (30.0 * 26.0 / 225.0);
        assert!(close(seen.effect, Some(by_blocks)));
    }

    #[test]
    fn an_outage_that_spans_blocks_is_one() {
        let whole = count([false; 30]);
        let begun = ending(10);
        let ended = count((0..BLOCK).map(|beat| beat >= 5));
        let flapping = count((0..BLOCK).map(|beat| beat % 2 == 1));
        for (counts, misses, outages) in [
            (vec![begun, whole, ended], 45, 1),
            (vec![begun, Count::default(), ended], 15, 2),
            (vec![ended, begun], 15, 2),
            (vec![flapping, flapping], 30, 30),
            // The beats before it have left the window.
            (vec![whole, ended, Count::default()], 35, 1),
        ] {
            let seen = clustered(counts.into_iter());
            assert_eq!((seen.misses, seen.outages), (misses, outages));
        }
    }

    #[test]
    fn few_outages_leave_room_for_longer_ones() {
        let effects = |counts: Vec<Count>| {
            let seen = clustered(counts.into_iter());
            (seen.effect.expect("blocks"), seen.cautious_effect(1.4395).expect("blocks"))
        };
        let quiet = |blocks| std::iter::repeat_n(Count::default(), blocks);
        // Nothing missed: nothing is known of outages.
        assert_eq!(effects(quiet(96).collect()), (1.0, 1.0));
        // One outage of ten beats: those of a hundred are not ruled out.
        let (effect, cautious) = effects(quiet(95).chain([ending(10)]).collect());
        assert!(effect < 11.0 && cautious > 200.0, "{effect} {cautious}");
        // Many single misses: there is hardly a doubt.
        let single = (0..96).map(|_| ending(1)).collect();
        let (effect, cautious) = effects(single);
        assert!(effect == 1.0 && cautious < 1.5, "{effect} {cautious}");
    }

    #[test]
    fn a_block_counts_each_lane_alone() {
        let mut block = Block::new(2);
        for beat in 0..BLOCK {
            assert!(!block.is_full());
            block.push(i64::from(beat % 7), [beat < 29, beat % 2 == 0].iter());
        }
        assert!(block.is_full());
        let misses = |lane| clustered([block.lane(lane)].into_iter()).misses;
        assert_eq!((misses(0), misses(1)), (1, 15));
        assert_eq!((block.first_due(), block.last_due()), (0, 6));
    }
}
