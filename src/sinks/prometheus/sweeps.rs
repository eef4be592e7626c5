//! The front door of sweeps: what the daemon tells of them and their runs.

use std::sync::Arc;

use super::{
    sink::{Prometheus, read, write},
    sweep::{Sweep, SweepSeries, SweepSnapshot},
};
use crate::{
    clock::unix_seconds,
    event::{Progress, RunKey, RunRecord, RunStarted, SweepSkipped},
    timeline::Outcome,
};

impl Prometheus {
    /// Makes every series of a sweep, counters at 0. A sweep that is known keeps what it has
    /// counted and found.
    pub fn add_sweep(&self, series: &SweepSeries) {
        let mut sweeps = write(&self.sweeps);
        let new = Sweep::new(series, sweeps.get(&series.key).map(|old| &**old));
        sweeps.insert(Arc::clone(&series.key), Arc::new(new));
    }

    /// Takes a sweep's series away. What is told of it afterwards goes unheard.
    pub fn remove_sweep(&self, key: &RunKey) {
        write(&self.sweeps).remove(key);
    }

    /// A run was due at a time in seconds since the Unix epoch, whether it is begun or skipped.
    pub fn sweep_due(&self, key: &RunKey, due_unix_seconds: f64) {
        self.with_sweep(key, |sweep| sweep.due(due_unix_seconds));
    }

    /// A run was due in an earlier life of the process, likewise: what is later stands.
    pub fn sweep_restore_due(&self, key: &RunKey, due_unix_seconds: f64) {
        self.with_sweep(key, |sweep| sweep.restore_due(due_unix_seconds));
    }

    /// When the next run is due, in seconds since the Unix epoch, if ever.
    pub fn sweep_next_run(&self, key: &RunKey, unix_seconds: Option<f64>) {
        self.with_sweep(key, |sweep| sweep.next_run(unix_seconds));
    }

    /// A run was due and not begun.
    pub fn sweep_skipped(&self, key: &RunKey, reason: SweepSkipped) {
        self.with_sweep(key, |sweep| sweep.skipped(reason));
    }

    /// A run has begun.
    pub fn sweep_started(&self, run: &RunStarted) {
        self.with_sweep(&run.key, |sweep| sweep.started(unix_seconds(run.at_unix_nanos)));
    }

    /// An exchange of a run has ended, those of the warm-up and of the sizing included.
    pub fn sweep_exchange(&self, key: &RunKey, outcome: Outcome) {
        self.with_sweep(key, |sweep| sweep.exchange(outcome));
    }

    /// Where a run stands.
    pub fn sweep_progress(&self, progress: &Progress) {
        self.with_sweep(&progress.key, |sweep| sweep.progress(progress.ratio));
    }

    /// A run has ended. If it was carried out to its end, the gauges of its steps and results
    /// replace those of the run before, all in one scrape.
    pub fn sweep_ended(&self, run: &Arc<RunRecord>) {
        self.with_sweep(&key(run), |sweep| sweep.ended(run));
    }

    /// A run that is in the store, told at start: its gauges stand unless a later run's do, and
    /// nothing is counted. Tell the latest run, the latest complete one and the latest success, in
    /// any order.
    pub fn sweep_restore(&self, run: &Arc<RunRecord>) {
        self.with_sweep(&key(run), |sweep| sweep.restore(run));
    }

    /// The sweeps in the order of their keys, each at one moment.
    pub(super) fn sweep_snapshots(&self) -> Vec<SweepSnapshot> {
        let mut sweeps: Vec<_> = read(&self.sweeps)
            .iter()
            .map(|(key, sweep)| (Arc::clone(key), Arc::clone(sweep)))
            .collect();
        sweeps.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        sweeps.into_iter().map(|(_, sweep)| sweep.snapshot()).collect()
    }

    fn with_sweep(&self, key: &RunKey, tell: impl FnOnce(&Sweep)) {
        // Told under the lock: a run that ends while a reload replaces its series is lost by none.
        if let Some(sweep) = read(&self.sweeps).get(key) {
            tell(sweep);
        }
    }
}

fn key(run: &RunRecord) -> RunKey {
    RunKey {
        target: run.target.as_str().into(),
        model: run.model.as_str().into(),
        sweep: run.sweep.as_str().into(),
    }
}
