//! The instruments of one sweep of one subject, and what its runs do to them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;

use super::{
    group::{Builder, Group, Label, count},
    results::{Results, flag, regressions, set},
};
use crate::{
    event::{RunKey, RunRecord, RunResult, SweepSkipped},
    measure::catalogue::Id,
    timeline::Outcome,
    verdict::Slo,
};

/// A sweep of one subject, as the sink needs to know it.
#[derive(Clone, Debug)]
pub struct SweepSeries {
    /// Whose series they are.
    pub key: Arc<RunKey>,
    /// Longest run.
    pub max_duration: Duration,
    /// What it is held against.
    pub slos: Vec<Arc<Slo>>,
}

#[derive(Debug)]
pub(super) struct Sweep {
    labels: Vec<Label>,
    slos: Vec<Arc<Slo>>,
    counters: Group,
    runs: [Counter; RunResult::ALL.len()],
    skipped: [Counter; SweepSkipped::ALL.len()],
    requests: [Counter; Outcome::ALL.len()],
    standing: Mutex<Standing>,
}

/// What the gauges follow from. Times are in seconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
struct Standing {
    max_duration: f64,
    /// How far the run is that is on.
    progress: Option<f64>,
    last_due: Option<f64>,
    last_start: Option<f64>,
    last_end: Option<f64>,
    last_success: Option<f64>,
    last_duration: Option<f64>,
    next_run: Option<f64>,
    /// The last complete run, and when it ended.
    results: Option<(f64, Arc<Results>)>,
    /// The last run that was held against those before it, likewise.
    regressions: Option<(f64, Arc<Vec<Group>>)>,
}

impl Sweep {
    /// The series of a sweep, with what `old`, which they replace, has counted and found.
    pub(super) fn new(sweep: &SweepSeries, old: Option<&Self>) -> Self {
        let labels: Vec<Label> = vec![
            ("target".into(), Arc::clone(&sweep.key.target)),
            ("model".into(), Arc::clone(&sweep.key.model)),
            ("sweep".into(), Arc::clone(&sweep.key.sweep)),
        ];
        let standing = Standing {
            max_duration: sweep.max_duration.as_secs_f64(),
            ..old.map_or_else(Standing::default, |old| old.standing().clone())
        };
        let mut series = Builder::new(labels.clone(), old.map(|old| &old.counters));
        Self {
            labels,
            slos: sweep.slos.clone(),
            runs: RunResult::ALL.map(|one| series.counter(Id::SweepRuns, Some(one.as_str()))),
            skipped: SweepSkipped::ALL
                .map(|one| series.counter(Id::SweepSkipped, Some(one.as_str()))),
            requests: Outcome::ALL.map(|one| series.counter(Id::SweepRequests, Some(one.as_str()))),
            counters: series.build(),
            standing: Mutex::new(standing),
        }
    }

    pub(super) fn due(&self, at: f64) {
        self.standing().last_due = Some(at);
    }

    pub(super) fn restore_due(&self, at: f64) {
        let mut standing = self.standing();
        standing.last_due = Some(standing.last_due.map_or(at, |last| last.max(at)));
    }

    pub(super) fn next_run(&self, at: Option<f64>) {
        self.standing().next_run = at;
    }

    pub(super) fn skipped(&self, reason: SweepSkipped) {
        count(&SweepSkipped::ALL, &self.skipped, reason);
    }

    pub(super) fn started(&self, at: f64) {
        let mut standing = self.standing();
        standing.progress = Some(0.0);
        standing.last_start = Some(at);
    }

    pub(super) fn progress(&self, ratio: f64) {
        // A run that is not on makes no progress: what comes late is of one that has ended.
        if let Some(progress) = &mut self.standing().progress {
            *progress = ratio.clamp(0.0, 1.0);
        }
    }

    pub(super) fn exchange(&self, outcome: Outcome) {
        count(&Outcome::ALL, &self.requests, outcome);
    }

    /// A run has ended: everything that follows, at once.
    pub(super) fn ended(&self, run: &RunRecord) {
        let results = Results::of(&self.labels, &self.slos, run);
        let regressions = regressions(&self.labels, run);
        let mut standing = self.standing();
        count(&RunResult::ALL, &self.runs, run.result);
        standing.progress = None;
        // The clock may have been set back since: what is told now is the latest all the same.
        standing.ended(run);
        if let Some(results) = results {
            standing.results = Some((run.ended_at, Arc::new(results)));
        }
        if let Some(regressions) = regressions {
            standing.regressions = Some((run.ended_at, Arc::new(regressions)));
        }
    }

    /// A run of an earlier life of the process, from the store: nothing is counted, and what is
    /// later stands.
    pub(super) fn restore(&self, run: &RunRecord) {
        let results = Results::of(&self.labels, &self.slos, run);
        let regressions = regressions(&self.labels, run);
        let mut standing = self.standing();
        if standing.last_end.is_none_or(|last| last <= run.ended_at) {
            standing.ended(run);
        } else if run.result == RunResult::Success {
            let last = standing.last_success.unwrap_or(f64::NEG_INFINITY);
            standing.last_success = Some(last.max(run.ended_at));
        }
        let later = standing.results.as_ref().is_none_or(|(last, _)| *last <= run.ended_at);
        if let Some(results) = results.filter(|_| later) {
            standing.results = Some((run.ended_at, Arc::new(results)));
        }
        let later = standing.regressions.as_ref().is_none_or(|(last, _)| *last <= run.ended_at);
        if let Some(regressions) = regressions.filter(|_| later) {
            standing.regressions = Some((run.ended_at, Arc::new(regressions)));
        }
    }

    /// What there is to expose at one moment. The counts are of that moment too: a run that ends
    /// during the scrape is wholly in the next one.
    pub(super) fn snapshot(&self) -> SweepSnapshot {
        let (standing, counters) = {
            let standing = self.standing();
            (standing.clone(), self.counters.counted())
        };
        let mut gauges = Builder::new(self.labels.clone(), None);
        for (id, value) in [
            (Id::SweepRunning, Some(flag(standing.progress.is_some()))),
            (Id::SweepProgress, standing.progress),
            (Id::SweepLastDue, standing.last_due),
            (Id::SweepLastStart, standing.last_start),
            (Id::SweepLastEnd, standing.last_end),
            (Id::SweepLastSuccess, standing.last_success),
            (Id::SweepNextRun, standing.next_run),
            (Id::SweepLastDuration, standing.last_duration),
            (Id::SweepMaxDuration, Some(standing.max_duration)),
        ] {
            set(&mut gauges, id, None, value);
        }
        let results = standing.results.map(|(_, results)| results);
        let regressions = standing.regressions.map(|(_, regressions)| regressions);
        SweepSnapshot { counters, gauges: gauges.build(), results, regressions }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// The times of a run, which is the latest.
    fn ended(&mut self, run: &RunRecord) {
        self.last_due = Some(self.last_due.map_or(run.due_at, |last| last.max(run.due_at)));
        self.last_start = Some(run.started_at);
        self.last_end = Some(run.ended_at);
        self.last_duration = Some((run.ended_at - run.started_at).max(0.0));
        if run.result == RunResult::Success {
            self.last_success = self.last_end;
        }
    }
}

/// The series of one sweep at one moment.
#[derive(Debug)]
pub(super) struct SweepSnapshot {
    counters: Group,
    gauges: Group,
    results: Option<Arc<Results>>,
    regressions: Option<Arc<Vec<Group>>>,
}

impl SweepSnapshot {
    /// Its groups. A metric is in one kind of them only.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        let results = self.results.iter().flat_map(|results| &results.groups);
        let regressions = self.regressions.iter().flat_map(|groups| groups.iter());
        [&self.counters, &self.gauges].into_iter().chain(results).chain(regressions)
    }
}
