//! What the export counts of itself: there from the start, also where nothing is exported.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::measure::catalogue::{Id, Reading};

/// How an export ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken.
    Ok,
    /// It was taken, but for a part.
    Partial,
    /// It was refused.
    Rejected,
    /// It could not be delivered.
    Failed,
}

impl Outcome {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Ok, "ok"),
        (Self::Partial, "partial"),
        (Self::Rejected, "rejected"),
        (Self::Failed, "failed"),
    ];
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Counts {
    exports: [AtomicU64; Outcome::ALL.len()],
    traces: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    /// An export has ended.
    pub(super) fn export(&self, outcome: Outcome) {
        self.exports[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A trace was handed over.
    pub(super) fn trace(&self) {
        self.traces.fetch_add(1, Ordering::Relaxed);
    }

    /// So many of the traces were lost.
    pub(super) fn dropped(&self, traces: usize) {
        self.dropped.fetch_add(traces as u64, Ordering::Relaxed);
    }

    /// The counts so far.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let reading = |id, label: &'static str, count: &AtomicU64| {
            let value = count.load(Ordering::Relaxed) as f64;
            Reading { id, labels: vec![Arc::from(label)], value }
        };
        let exports = Outcome::ALL.iter().map(|(outcome, label)| {
            reading(Id::OtlpExports, label, &self.exports[*outcome as usize])
        });
        let traces = [(Id::SinkEvents, &self.traces), (Id::SinkDropped, &self.dropped)];
        let traces = traces.map(|(id, count)| reading(id, "traces", count));
        exports.chain(traces).collect()
    }
}
