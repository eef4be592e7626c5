//! Mean and deviation of many values, in one pass.
//!
//! Welford's recurrence, which does not lose the small difference of large sums, and Chan's rule
//! for joining two such.

/// Number, mean, deviation and extremes of finite values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    /// Sum of the squared differences from the mean.
    squares: f64,
    least: f64,
    most: f64,
}

impl Moments {
    /// Takes in a value.
    pub fn push(&mut self, value: f64) {
        self.push_n(value, 1);
    }

    /// Takes in a value so many times.
    pub fn push_n(&mut self, value: f64, times: u64) {
        self.merge(&Self { n: times, mean: value, squares: 0.0, least: value, most: value });
    }

    /// Takes in every value of `other`.
    pub fn merge(&mut self, other: &Self) {
        if self.n == 0 || other.n == 0 {
            if self.n == 0 {
                *self = *other;
            }
            return;
        }
        let (ours, theirs) = (self.n as f64, other.n as f64);
        let (all, apart) = (ours + theirs, other.mean - self.mean);
        self.n += other.n;
        self.mean += apart * theirs / all;
        self.squares += other.squares + apart * apart * ours * theirs / all;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// Values.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Mean; absent without values, as all below.
    pub fn mean(&self) -> Option<f64> {
        self.any(self.mean)
    }

    /// Standard deviation of the values themselves, not an estimate for more of them.
    pub fn stddev(&self) -> Option<f64> {
        self.any((self.squares / self.n.max(1) as f64).sqrt())
    }

    /// Least.
    pub fn least(&self) -> Option<f64> {
        self.any(self.least)
    }

    /// Most.
    pub fn most(&self) -> Option<f64> {
        self.any(self.most)
    }

    fn any(&self, value: f64) -> Option<f64> {
        (self.n > 0).then_some(value)
    }
}
