//! Poisson arrivals: exponential gaps.

use rand::{RngExt as _, SeedableRng as _};
use rand_distr::Exp1;
use rand_pcg::Pcg64;

use super::sum::Sum;

/// Points with exponential gaps of mean 1, the first at 0.
#[derive(Clone, Debug)]
pub(super) struct Poisson {
    rng: Pcg64,
    next: Sum,
}

impl Poisson {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Pcg64::seed_from_u64(seed), next: Sum::default() }
    }
}

impl Iterator for Poisson {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let point = self.next.value();
        self.next.add(self.rng.sample(Exp1));
        Some(point)
    }
}
