//! The traces that wait for their export.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::counts::Counts;
use crate::event::{Trace, TraceSink};

/// Most traces that wait: a few megabytes.
const MOST: usize = 2048;

/// Most traces of one export.
const BATCH: usize = 256;

/// How long an export waits for further traces.
const LINGER: Duration = Duration::from_secs(1);

/// The traces that wait. Whoever hands one over is never held up: what does not fit is dropped.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Waiting {
    door: Door,
    traces: VecDeque<Arc<Trace>>,
}

/// Whether somebody exports traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Door {
    /// Nobody: they are let go.
    #[default]
    Closed,
    /// Somebody.
    Open,
}

impl Queue {
    /// An empty queue that nobody reads.
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        Self { waiting: Mutex::default(), arrived: Notify::new(), counts }
    }

    /// Somebody exports from now on.
    pub(super) fn open(&self) {
        self.lock().door = Door::Open;
    }

    /// Nobody exports any more: what waits is lost.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.door = Door::Closed;
        let lost = std::mem::take(&mut waiting.traces).len();
        drop(waiting);
        self.counts.dropped(lost);
    }

    /// Waits until there is something to export.
    pub(super) async fn ready(&self) {
        while self.lock().traces.is_empty() {
            self.arrived.notified().await;
        }
        if self.lock().traces.len() < BATCH {
            sleep(LINGER).await;
        }
    }

    /// The traces of the next export; empty if none wait.
    pub(super) fn take(&self) -> Vec<Arc<Trace>> {
        let mut waiting = self.lock();
        let count = waiting.traces.len().min(BATCH);
        waiting.traces.drain(..count).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TraceSink for Queue {
    fn kept(&self, trace: Arc<Trace>) {
        let mut waiting = self.lock();
        if waiting.door == Door::Closed {
            return;
        }
        self.counts.trace();
        if waiting.traces.len() >= MOST {
            drop(waiting);
            self.counts.dropped(1);
            return;
        }
        waiting.traces.push_back(trace);
        drop(waiting);
        self.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{BeatKey, Kept, TraceId},
        measure::catalogue::Id,
    };

    fn trace() -> Arc<Trace> {
        let key = BeatKey { target: "t".into(), model: "m".into(), probe: "p".into() };
        let (key, id) = (Arc::new(key), TraceId([1; 16]));
        Arc::new(Trace { key, id, kept: Kept::Failed, spans: Vec::new() })
    }

    fn count(counts: &Counts, id: Id) -> f64 {
        counts.readings().iter().filter(|one| one.id == id).map(|one| one.value).sum()
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_counted() {
        let counts = Arc::new(Counts::default());
        let queue = Queue::new(Arc::clone(&counts));
        queue.kept(trace());
        assert_eq!(count(&counts, Id::SinkEvents), 0.0, "nobody exports");
        queue.open();
        for _ in 0..MOST + 3 {
            queue.kept(trace());
        }
        assert_eq!(count(&counts, Id::SinkEvents), MOST as f64 + 3.0);
        assert_eq!(count(&counts, Id::SinkDropped), 3.0);
        queue.ready().await;
        assert_eq!(queue.take().len(), BATCH);
        queue.close();
        assert_eq!(count(&counts, Id::SinkDropped), (MOST - BATCH) as f64 + 3.0);
        assert!(queue.take().is_empty());
    }
}
