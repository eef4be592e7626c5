//! Many values of one latency.
//!
//! Owns the percentiles of many exchanges: an HDR histogram of the finite values beside the number
//! of infinite ones. Knows nothing of which exchanges its values come from.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Serializer, V2Serializer},
};

use super::Moments;

/// Digits that a percentile is right to.
const DIGITS: u8 = 3;

/// The largest value that the histogram tells apart: one hour in microseconds.
const TOP: u64 = 3_600_000_000;

/// By how much `q · n` may exceed a whole number and still be that number: a few roundings of a
/// double.
const ROUNDING: f64 = 1e-14;

/// What a summary counts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Seconds; its histogram counts whole microseconds, from 1 µs to 1 h.
    #[default]
    Seconds,
    /// Things, such as tokens; its histogram counts them one by one.
    Count,
}

/// The values of one latency over the exchanges of a step: an HDR histogram of the finite ones,
/// the number of infinite ones, and the exact moments of the finite ones.
///
/// The histogram has 3 significant digits between 1 µs and 1 h, counted in microseconds: shorter
/// values count as 1 µs, longer ones as 1 h. It is made with the first value, as large as it will
/// ever be: 94 KB.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    unit: Unit,
    histogram: Option<Histogram<u32>>,
    infinite: u64,
    moments: Moments,
}

/// A percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantile {
    /// There are no values.
    Undefined,
    /// So many seconds, or things.
    Finite(f64),
    /// Among the failed.
    Infinite,
}

impl Quantile {
    /// The value, if it is a finite one.
    pub const fn finite(self) -> Option<f64> {
        match self {
            Self::Finite(value) => Some(value),
            Self::Undefined | Self::Infinite => None,
        }
    }
}

impl Unit {
    /// Steps of the histogram in one unit.
    const fn steps(self) -> f64 {
        match self {
            Self::Seconds => 1e6,
            Self::Count => 1.0,
        }
    }

    /// The least value that the histogram takes.
    const fn bottom(self) -> u64 {
        match self {
            Self::Seconds => 1,
            Self::Count => 0,
        }
    }
}

/// An empty histogram in memory that is there from the beginning: it takes no more with its
/// millionth value than with its first.
fn whole() -> Option<Histogram<u32>> {
    // `TOP` and three digits are a range and a precision that the crate has.
    let mut histogram = Histogram::new_with_max(TOP, DIGITS).ok()?;
    // The memory comes zeroed, so that the system lends it only when it is written to.
    histogram.reset();
    Some(histogram)
}

impl Summary {
    /// A summary without values.
    pub fn new(unit: Unit) -> Self {
        Self { unit, ..Self::default() }
    }

    /// Takes in a latency.
    pub fn record(&mut self, value: Duration) {
        self.put(value.as_secs_f64());
    }

    /// Takes in a number of things.
    pub fn record_count(&mut self, value: u64) {
        self.put(value as f64);
    }

    /// Takes in a value that is above all others: that of a failed exchange.
    pub fn record_infinite(&mut self) {
        self.infinite += 1;
    }

    fn put(&mut self, value: f64) {
        self.moments.push(value);
        let step = (value * self.unit.steps()).round();
        let step = (step as u64).clamp(self.unit.bottom(), TOP);
        if self.histogram.is_none() {
            self.histogram = whole();
        }
        if let Some(histogram) = &mut self.histogram {
            // Fails only where a table of `TOP` could not be addressed.
            let _ = histogram.record(step);
        }
    }

    /// Values, infinite ones included.
    pub fn n(&self) -> u64 {
        self.finite() + self.infinite
    }

    /// Finite values.
    pub fn finite(&self) -> u64 {
        self.moments.n()
    }

    /// Infinite values.
    pub fn infinite(&self) -> u64 {
        self.infinite
    }

    /// Mean, deviation, least and most of the finite values, in seconds or things.
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// The rank statistic `sorted[ceil(q · n) − 1]` over all values, infinite ones last.
    pub fn quantile(&self, q: f64) -> Quantile {
        match rank(q, self.n()) {
            None => Quantile::Undefined,
            Some(rank) if rank > self.finite() => Quantile::Infinite,
            Some(rank) => self.at_rank(rank),
        }
    }

    /// The same over the finite values alone: what a typical successful exchange was.
    pub fn finite_quantile(&self, q: f64) -> Option<f64> {
        self.at_rank(rank(q, self.finite())?).finite()
    }

    /// The finite value of a rank, counted from 1.
    fn at_rank(&self, rank: u64) -> Quantile {
        let Some(histogram) = &self.histogram else { return Quantile::Undefined };
        let mut below = 0;
        for step in histogram.iter_recorded() {
            below += step.count_since_last_iteration();
            if below >= rank {
                let middle = histogram.median_equivalent(step.value_iterated_to()) as f64;
                let value = middle / self.unit.steps();
                // The exact extremes bound what the histogram rounds.
                let least = self.moments.least().unwrap_or(value);
                let most = self.moments.most().unwrap_or(value);
                return Quantile::Finite(value.clamp(least, most));
            }
        }
        Quantile::Undefined
    }

    /// The histogram of the finite values, form V2 in base64, which any HDR histogram reads and merges;
    /// absent without values.
    pub fn encode_v2_base64(&self) -> Option<String> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(self.histogram.as_ref()?, &mut bytes).ok()?;
        Some(STANDARD.encode(bytes))
    }
}

/// The rank of a quantile among `n` values, counted from 1; absent without values.
fn rank(q: f64, n: u64) -> Option<u64> {
    let exact = q * n as f64 * (1.0 - ROUNDING);
    (n > 0).then(|| (exact.ceil() as u64).clamp(1, n))
}

#[cfg(test)]
mod tests;
