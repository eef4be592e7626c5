//! Who hears of one run: the metrics, the page's memory, the store.

use std::sync::{Arc, Mutex, PoisonError};

use super::watch::Watch;
use crate::{
    event::{Progress, RunKey, RunRecord, RunSink, RunStarted},
    sinks::{prometheus::Prometheus, sweeps::Sweeps},
    store::Store,
    timeline::Outcome,
};

/// The listeners of one run.
pub(super) struct Ears {
    pub(super) key: Arc<RunKey>,
    pub(super) prometheus: Arc<Prometheus>,
    pub(super) sweeps: Arc<Sweeps>,
    pub(super) store: Option<Arc<Store>>,
    pub(super) watch: Arc<Watch>,
    /// Its record as it stands: what is left of a run that panics.
    pub(super) draft: Mutex<RunRecord>,
}

impl Ears {
    /// The record so far.
    pub(super) fn draft(&self) -> RunRecord {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RunSink for Ears {
    fn started(&self, run: &RunStarted) {
        self.prometheus.sweep_started(run);
        self.sweeps.started(run);
    }

    fn exchange(&self, key: &RunKey, outcome: Outcome) {
        self.prometheus.sweep_exchange(key, outcome);
    }

    fn progress(&self, progress: &Progress) {
        self.prometheus.sweep_progress(progress);
        self.sweeps.progress(progress);
    }

    fn so_far(&self, record: &dyn Fn() -> RunRecord) {
        let record = record();
        if let Some(store) = &self.store {
            store.draft(record.clone());
        }
        *self.draft.lock().unwrap_or_else(PoisonError::into_inner) = record;
    }

    fn ended(&self, run: &Arc<RunRecord>) {
        let run = self.watch.judged(run);
        self.prometheus.sweep_ended(&run);
        self.sweeps.ended(&self.key, &run);
        if let Some(store) = &self.store {
            store.save(run);
        }
    }
}
