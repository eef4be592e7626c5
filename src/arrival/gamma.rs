//! Gamma arrivals: gaps more or less even than those of a Poisson process.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;

use super::sum::Sum;

/// Points with gamma gaps of mean 1, the first at 0.
#[derive(Clone, Debug)]
pub(super) struct Gamma {
    rng: Pcg64,
    gap: rand_distr::Gamma<f64>,
    next: Sum,
}

impl Gamma {
    /// Gaps of this shape: their coefficient of variation is 1 ÷ √shape. Absent for a shape that
    /// is not above 0 or not finite.
    pub(super) fn new(shape: f64, seed: u64) -> Option<Self> {
        // The mean is shape × scale.
        let gap = rand_distr::Gamma::new(shape, shape.recip()).ok()?;
        Some(Self { rng: Pcg64::seed_from_u64(seed), gap, next: Sum::default() })
    }
}

impl Iterator for Gamma {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let point = self.next.value();
        self.next.add(self.rng.sample(self.gap));
        Some(point)
    }
}
