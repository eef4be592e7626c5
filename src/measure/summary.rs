//! Many values of one latency, mergeable.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The values of one latency over the exchanges of a step: an HDR histogram of the finite ones
/// (3 significant digits, 1 µs to 1 h, about 190 KB), the number of infinite ones, and the moments
/// of the finite ones.
#[derive(Clone, Debug)]
pub struct Summary {
    finite: Histogram<u64>,
    infinite: u64,
    mean: f64,
    squares: f64,
    least: Option<Duration>,
    most: Option<Duration>,
}

/// A percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantile {
    /// There are no values.
    Undefined,
    /// So many seconds.
    Finite(f64),
    /// Among the failed.
    Infinite,
}
