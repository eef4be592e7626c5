//! Sums of many gaps.

/// A sum whose error does not grow with the number of its terms (Neumaier's compensation): a
/// schedule of millions of gaps ends where it would end in exact arithmetic.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        let (large, small) =
            if self.sum.abs() >= term.abs() { (self.sum, term) } else { (term, self.sum) };
        self.lost += (large - sum) + small;
        self.sum = sum;
    }

    pub(super) fn value(self) -> f64 {
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_terms_are_summed_as_one_product() {
        // Neither 0.1 nor its partial sums are floats: the plain sum is off by 1e-6.
        let mut sum = Sum::default();
        (0..1_000_000).for_each(|_| sum.add(0.1));
        assert_eq!(sum.value(), 0.1 * 1e6);
    }

    #[test]
    fn small_terms_beside_large_ones_are_kept() {
        let mut sum = Sum::default();
        [1.0, 1e100, 1.0, -1e100].into_iter().for_each(|term| sum.add(term));
        assert_eq!(sum.value(), 2.0);
    }
}
