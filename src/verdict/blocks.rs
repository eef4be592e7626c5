//! Counts of misses by block of consecutive beats, and how far they cluster.

/// Beats of one block.
pub(super) const BLOCK: u8 = 30;

/// Misses among consecutive beats, lane by lane: one lane for all thresholds jointly, one for each.
#[derive(Clone, Debug)]
pub(super) struct Block {
    beats: u8,
    first_due: i64,
    last_due: i64,
    misses: Box<[u8]>,
}

impl Block {
    /// A block without beats.
    pub(super) fn new(lanes: usize) -> Self {
        Self { beats: 0, first_due: i64::MAX, last_due: i64::MIN, misses: vec![0; lanes].into() }
    }

    /// Counts a beat; `met` says for each lane whether it was met.
    pub(super) fn push<'a>(&mut self, due_unix_nanos: i64, met: impl Iterator<Item = &'a bool>) {
        self.beats += 1;
        self.first_due = self.first_due.min(due_unix_nanos);
        self.last_due = self.last_due.max(due_unix_nanos);
        for (misses, met) in self.misses.iter_mut().zip(met) {
            *misses += u8::from(!met);
        }
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

    /// Misses in a lane.
    pub(super) fn misses(&self, lane: usize) -> u8 {
        self.misses.get(lane).copied().unwrap_or(0)
    }
}

/// Sums over full blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    blocks: u64,
    misses: u64,
    squares: u64,
}

impl Tally {
    /// Sums the misses of full blocks.
    pub(super) fn of(misses: impl Iterator<Item = u8>) -> Self {
        misses.map(u64::from).fold(Self::default(), |sum, misses| Self {
            blocks: sum.blocks + 1,
            misses: sum.misses + misses,
            squares: sum.squares + misses * misses,
        })
    }

    /// Beats.
    pub(super) fn n(&self) -> u64 {
        self.blocks * u64::from(BLOCK)
    }

    /// Misses.
    pub(super) fn misses(&self) -> u64 {
        self.misses
    }

    /// By how much the miss counts of blocks vary more than those of independent beats would, but
    /// at least 1; absent for fewer than two blocks, which show no variance.
    pub(super) fn design_effect(&self) -> Option<f64> {
        if self.blocks < 2 {
            return None;
        }
        let blocks = self.blocks as f64;
        let total = self.misses as f64;
        let share = total / self.n() as f64;
        let independent = f64::from(BLOCK) * share * (1.0 - share);
        let variance = (self.squares as f64 - total * total / blocks) / (blocks - 1.0);
        // Without misses, or without anything else, no block differs from another.
        Some(if independent > 0.0 { (variance / independent).max(1.0) } else { 1.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let found = Tally::of(misses.iter().copied()).design_effect();
            match (found, effect) {
                (Some(found), Some(effect)) => assert!((found - effect).abs() < 1e-9, "{misses:?}"),
                _ => assert_eq!(found, effect, "{misses:?}"),
            }
        }
    }

    #[test]
    fn a_block_counts_each_lane_alone() {
        let mut block = Block::new(2);
        for beat in 0..BLOCK {
            assert!(!block.is_full());
            block.push(i64::from(beat % 7), [beat < 29, beat % 2 == 0].iter());
        }
        assert!(block.is_full());
        assert_eq!((block.misses(0), block.misses(1)), (1, 15));
        assert_eq!((block.first_due(), block.last_due()), (0, 6));
    }
}
