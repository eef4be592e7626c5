//! A Prometheus histogram of durations, in seconds.
//!
//! Owns counting and its text form. Must not know what is measured.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts by upper bound.
pub(super) struct Histogram {
    bounds: &'static [f64],
    /// One more than `bounds`: the last is for what exceeds them all.
    counts: Box<[AtomicU64]>,
    sum_nanos: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum_nanos: AtomicU64::new(0) }
    }

    pub(super) fn observe(&self, value: Duration) {
        let seconds = value.as_secs_f64();
        let slot = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[slot].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Appends the samples of family `name` with `labels` (without braces).
    pub(super) fn render(&self, out: &mut String, name: &str, labels: &str) {
        let mut total = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = self.bounds.get(slot).map_or("+Inf".to_owned(), |le| format!("{le:?}"));
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {total}.0");
        }
        let sum = Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(out, "{name}_count{{{labels}}} {total}.0");
        let _ = writeln!(out, "{name}_sum{{{labels}}} {sum:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_cumulative() {
        let histogram = Histogram::new(&[0.1, 1.0]);
        for ms in [100, 101, 5_000] {
            histogram.observe(Duration::from_millis(ms));
        }
        let mut text = String::new();
        histogram.render(&mut text, "h", "a=\"b\"");
        assert_eq!(
            text,
            "h_bucket{a=\"b\",le=\"0.1\"} 1.0\nh_bucket{a=\"b\",le=\"1.0\"} 2.0\n\
             h_bucket{a=\"b\",le=\"+Inf\"} 3.0\nh_count{a=\"b\"} 3.0\nh_sum{a=\"b\"} 5.201\n"
        );
    }
}
