//! Lengths as they were counted somewhere.

use std::{num::NonZeroU32, sync::Arc};

use rand::{Rng, RngExt};

/// A list of lengths, each drawn in the share of its weight. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Empirical {
    /// The lengths, each with the sum of the weights up to and with its own.
    steps: Arc<[(u32, u64)]>,
}

impl Empirical {
    /// A distribution over `lengths` with their weights; absent if there is none.
    pub fn new(lengths: impl IntoIterator<Item = (u32, NonZeroU32)>) -> Option<Self> {
        let mut sum = 0_u64;
        let steps: Arc<[_]> = lengths
            .into_iter()
            .map(|(tokens, weight)| {
                // 2³² lengths of the greatest weight fit.
                sum += u64::from(weight.get());
                (tokens, sum)
            })
            .collect();
        (!steps.is_empty()).then_some(Self { steps })
    }

    /// Draws one length.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> u32 {
        let sum = self.steps.last().map_or(1, |(_, sum)| *sum);
        let ticket = rng.random_range(0..sum);
        let index = self.steps.partition_point(|(_, upto)| *upto <= ticket);
        self.steps.get(index).map_or(1, |(tokens, _)| *tokens)
    }

    /// The greatest length.
    pub fn max(&self) -> u32 {
        self.lengths().max().unwrap_or(1)
    }

    /// The least length.
    pub fn min(&self) -> u32 {
        self.lengths().min().unwrap_or(1)
    }

    fn lengths(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().map(|(tokens, _)| *tokens)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    #[test]
    fn each_length_comes_in_the_share_of_its_weight() {
        let weight = |weight| NonZeroU32::new(weight).expect("not zero");
        let lengths = Empirical::new([(10, weight(1)), (50, weight(2)), (20, weight(1))]);
        let lengths = lengths.expect("three lengths");
        let mut rng = Pcg64::seed_from_u64(11);
        let drawn: Vec<u32> = (0..8000).map(|_| lengths.draw(&mut rng)).collect();
        for (tokens, expected) in [(10, 2000_i32), (50, 4000), (20, 2000)] {
            let count = drawn.iter().filter(|drawn| **drawn == tokens).count() as i32;
            // Four standard deviations of a binomial of 8,000.
            assert!((count - expected).abs() < 180, "{tokens}: {count} of {expected}");
        }
        assert_eq!((lengths.min(), lengths.max()), (10, 50));
    }

    #[test]
    fn an_empty_list_is_no_distribution() {
        assert_eq!(Empirical::new([]), None);
    }
}
