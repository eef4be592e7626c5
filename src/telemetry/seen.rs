//! A gauge over the readings of a stretch.

/// What a gauge said, over readings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    sum: f64,
    count: f64,
    /// The most that it said.
    pub(super) most: f64,
}

impl Seen {
    /// Takes in what it says at a reading.
    pub(super) fn take(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
        self.most = self.most.max(value);
    }

    /// Its mean; absent without a reading.
    pub(super) fn mean(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}
