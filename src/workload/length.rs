//! How many tokens: lengths and their draws.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, LogNormal, Normal};

use super::Empirical;

/// A distribution of lengths in tokens. A draw is never less than 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Length {
    /// Always the same.
    Constant(u32),
    /// Normal, cut at 1 and at twice the mean plus four standard deviations.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
    },
    /// Uniform over both ends included.
    Uniform {
        /// Least.
        low: u32,
        /// Most.
        high: u32,
    },
    /// Lognormal: many short ones and a long tail. Cut at 1 and at `most`, or else at the median
    /// times e to the fourfold sigma, above which one draw in 30,000 lies.
    LogNormal {
        /// Median.
        median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
        /// Longer ones become this long.
        most: Option<u32>,
    },
    /// One of a list.
    Empirical(Empirical),
}

impl Length {
    /// The lognormal of this mean and standard deviation, both of the lengths themselves.
    pub fn lognormal(mean: f64, stddev: f64, most: Option<u32>) -> Self {
        let variance = (stddev / mean).powi(2).ln_1p();
        Self::LogNormal { median: mean * (-variance / 2.0).exp(), sigma: variance.sqrt(), most }
    }

    /// Draws one length.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> u32 {
        let drawn = match *self {
            Self::Constant(tokens) => tokens,
            Self::Uniform { low, high } => rng.random_range(low.min(high)..=low.max(high)),
            Self::Normal { mean, stddev } => {
                // Parameters that make no distribution leave the mean.
                let tokens = Normal::new(mean, stddev).map_or(mean, |normal| normal.sample(rng));
                whole(tokens.round()).min(self.max())
            }
            Self::LogNormal { median, sigma, .. } => {
                let tokens = LogNormal::new(median.ln(), sigma)
                    .map_or(median, |lognormal| lognormal.sample(rng));
                whole(tokens.round()).min(self.max())
            }
            Self::Empirical(ref lengths) => lengths.draw(rng),
        };
        drawn.max(1)
    }

    /// The most that a draw gives.
    pub fn max(&self) -> u32 {
        let most = match *self {
            Self::Constant(tokens) => tokens,
            Self::Uniform { low, high } => low.max(high),
            Self::Normal { mean, stddev } => whole((2.0 * mean + 4.0 * stddev).ceil()),
            Self::LogNormal { median, sigma, most } => {
                most.unwrap_or_else(|| whole((median * (4.0 * sigma).exp()).ceil()))
            }
            Self::Empirical(ref lengths) => lengths.max(),
        };
        most.max(1)
    }

    /// The fewest tokens that are asked for on purpose; of a normal distribution the mean and of a
    /// lognormal one the median, for their tails reach down to one token whatever was meant.
    pub fn fewest(&self) -> u32 {
        match *self {
            Self::Constant(tokens) => tokens,
            Self::Uniform { low, .. } => low,
            Self::Normal { mean, .. } => whole(mean),
            Self::LogNormal { median, .. } => whole(median),
            Self::Empirical(ref lengths) => lengths.min(),
        }
    }
}

/// A whole number of tokens; the cast saturates at both ends.
fn whole(tokens: f64) -> u32 {
    tokens as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    fn draws(length: &Length, seed: u64) -> Vec<u32> {
        let mut rng = Pcg64::seed_from_u64(seed);
        (0..2000).map(|_| length.draw(&mut rng)).collect()
    }

    #[test]
    fn a_normal_has_its_mean_and_spread() {
        let drawn = draws(&Length::Normal { mean: 200.0, stddev: 20.0 }, 1);
        let n = drawn.len() as f64;
        let mean = drawn.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
        let variance = drawn.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
        // Four standard errors of each.
        assert!((mean - 200.0).abs() < 1.8, "mean {mean}");
        assert!((variance.sqrt() - 20.0).abs() < 1.3, "stddev {}", variance.sqrt());
    }

    #[test]
    fn a_wide_normal_is_cut_at_both_ends() {
        let drawn = draws(&Length::Normal { mean: 2.0, stddev: 50.0 }, 2);
        assert_eq!(drawn.iter().min(), Some(&1));
        assert!(drawn.iter().all(|tokens| *tokens <= 204));
    }

    #[test]
    fn a_uniform_reaches_both_ends() {
        let drawn = draws(&Length::Uniform { low: 3, high: 6 }, 3);
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&6)));
    }

    #[test]
    fn a_lognormal_has_its_mean_and_spread() {
        let drawn = draws(&Length::lognormal(200.0, 100.0, None), 4);
        let n = drawn.len() as f64;
        let mean = drawn.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
        let below = drawn.iter().filter(|x| f64::from(**x) < 178.9).count() as f64 / n;
        let variance = drawn.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
        // Four standard errors of each; the median is 200 ÷ √1.25.
        assert!((mean - 200.0).abs() < 9.0, "mean {mean}");
        assert!((below - 0.5).abs() < 0.045, "below the median {below}");
        assert!((variance.sqrt() - 100.0).abs() < 20.0, "stddev {}", variance.sqrt());
    }

    #[test]
    fn a_lognormal_is_cut_at_its_most() {
        let length = Length::lognormal(200.0, 400.0, Some(300));
        let drawn = draws(&length, 5);
        assert_eq!((drawn.iter().max(), length.max()), (Some(&300), 300));
        assert!(drawn.iter().filter(|tokens| **tokens == 300).count() > 100);
    }

    #[test]
    fn the_fewest_meant_and_the_most() {
        for (length, fewest, most) in [
            (Length::Constant(16), 16, 16),
            (Length::Normal { mean: 100.0, stddev: 10.0 }, 100, 240),
            (Length::Normal { mean: 2.0, stddev: 5.0 }, 2, 24),
            (Length::Uniform { low: 8, high: 9 }, 8, 9),
            (Length::LogNormal { median: 100.0, sigma: 1.0, most: Some(900) }, 100, 900),
            (Length::LogNormal { median: 100.0, sigma: 0.5, most: None }, 100, 739),
        ] {
            assert_eq!((length.fewest(), length.max()), (fewest, most), "{length:?}");
        }
    }

    proptest! {
        #[test]
        fn no_draw_is_empty_or_beyond_the_most(
            mean in 0.0..5000.0_f64, stddev in 0.0..500.0_f64, low in 0_u32..100, high in 0_u32..100,
            most in prop::option::of(1_u32..10_000), seed: u64,
        ) {
            let mut rng = Pcg64::seed_from_u64(seed);
            for length in [
                Length::Normal { mean, stddev },
                Length::Uniform { low, high },
                Length::lognormal(mean, stddev, most),
            ] {
                let drawn = length.draw(&mut rng);
                prop_assert!((1..=length.max()).contains(&drawn));
            }
        }
    }
}
