//! Who is told that exports fail: the log, when it begins, now and then while it lasts, and when it
//! is over.

use std::time::Duration;

use super::Signal;
use crate::clock::Stamp;

/// Between two complaints about the same.
const QUIET: Duration = Duration::from_secs(300);

/// What has been told of one signal.
#[derive(Debug)]
pub(super) struct Complaints {
    signal: Signal,
    /// Since when exports fail, how many have, and when it was last told.
    failing: Option<(Stamp, u64, Stamp)>,
    /// When a part that was not taken was last told of.
    partial: Option<Stamp>,
}

impl Complaints {
    /// All is well.
    pub(super) fn new(signal: Signal) -> Self {
        Self { signal, failing: None, partial: None }
    }

    /// An export was taken.
    pub(super) fn well(&mut self, collector: &impl ToString) {
        if let Some((since, exports, _)) = self.failing.take() {
            let (collector, lasted) = (collector.to_string(), Stamp::now().since(since));
            tracing::info!(
                collector,
                what = self.what(),
                exports,
                ?lasted,
                "OTLP exports succeed again"
            );
        }
    }

    /// An export failed or was refused.
    pub(super) fn failed(&mut self, collector: &impl ToString, reason: &str) {
        let now = Stamp::now();
        let (since, exports, told) =
            self.failing.map_or((now, 0, None), |(since, count, told)| (since, count, Some(told)));
        let exports = exports + 1;
        if told.is_some_and(|told| now.since(told) < QUIET) {
            self.failing = self.failing.map(|(since, _, told)| (since, exports, told));
            return;
        }
        self.failing = Some((since, exports, now));
        let collector = collector.to_string();
        tracing::warn!(collector, what = self.what(), exports, reason, "OTLP exports fail");
    }

    /// An export was taken, but for a part.
    pub(super) fn partial(&mut self, collector: &impl ToString, rejected: i64, reason: &str) {
        self.well(collector);
        let now = Stamp::now();
        if self.partial.is_none_or(|told| now.since(told) >= QUIET) {
            self.partial = Some(now);
            let collector = collector.to_string();
            tracing::warn!(
                collector,
                what = self.what(),
                rejected,
                reason,
                "an OTLP export was taken in part"
            );
        }
    }

    const fn what(&self) -> &'static str {
        match self.signal {
            Signal::Metrics => "metrics",
            Signal::Traces => "traces",
        }
    }
}
