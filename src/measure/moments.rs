//! Mean and deviation of many values, in one pass.
//!
//! Welford's recurrence, which does not lose the small difference of large sums.

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
        if self.n == 0 {
            *self = Self { n: 1, mean: value, squares: 0.0, least: value, most: value };
            return;
        }
        let (before, apart) = (self.n as f64, value - self.mean);
        let all = before + 1.0;
        self.n += 1;
        self.mean += apart / all;
        self.squares += apart * apart * before / all;
        self.least = self.least.min(value);
        self.most = self.most.max(value);
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
