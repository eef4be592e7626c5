//! Where every sweep stands, for the page and the JSON API.
//!
//! Owns a bounded memory: per subject its state, its next run, its last run, and why it was
//! skipped. Must not know who reads it, nor what decides.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    config::{Sweep, Target},
    event::{Progress, RunKey, RunRecord, RunStarted, SweepSkipped},
};

/// What is said about a sweep that does not change from run to run.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepView {
    /// Its schedule as it was written; absent: on demand only.
    pub cron: Option<String>,
    /// The time zone of the schedule.
    pub zone: Option<String>,
    /// What it runs.
    pub scenario: Arc<str>,
    /// Scheme, host and port of the target.
    pub origin: String,
}

impl SweepView {
    /// The view of `sweep` at `target`. Only the origin of the URL is kept: a path can hold a key.
    pub fn of(target: &Target, sweep: &Sweep) -> Self {
        let zone = |zone: &jiff::tz::TimeZone| zone.iana_name().map(str::to_owned);
        Self {
            cron: sweep.cron.as_ref().map(|cron| cron.text().to_owned()),
            zone: sweep.cron.as_ref().and_then(|cron| zone(cron.zone())),
            scenario: Arc::clone(&sweep.scenario.name),
            origin: target.url.origin().ascii_serialization(),
        }
    }
}

/// What a sweep does now.
#[derive(Clone, Debug, Default)]
pub enum Doing {
    /// Nothing.
    #[default]
    Idle,
    /// It waits for its turn.
    Waiting,
    /// It runs.
    Running {
        /// The run.
        id: Arc<str>,
        /// Since when, in nanoseconds since the Unix epoch.
        since_unix_nanos: i64,
        /// Where it stands, once it has told.
        progress: Option<Arc<Progress>>,
    },
}

/// How often, and when last, a sweep was skipped for a reason.
#[derive(Clone, Debug)]
pub struct SkippedRuns {
    /// How often since the start.
    pub times: u64,
    /// The due time of the last, in nanoseconds since the Unix epoch.
    pub last_unix_nanos: i64,
    /// Why, in words.
    pub words: String,
}

/// A sweep of one subject and where it stands.
#[derive(Clone, Debug)]
pub struct SweepSnapshot {
    /// Whose.
    pub key: Arc<RunKey>,
    /// What does not change.
    pub view: Arc<SweepView>,
    /// What it does now.
    pub doing: Doing,
    /// When it is due next, in nanoseconds since the Unix epoch.
    pub next_unix_nanos: Option<i64>,
    /// Its last run, whatever became of it.
    pub last: Option<Arc<RunRecord>>,
    /// Why it was skipped.
    pub skipped: BTreeMap<&'static str, SkippedRuns>,
}

/// The memory. A writer holds the lock for one change, a reader for one copy.
#[derive(Debug, Default)]
pub struct Sweeps(Mutex<BTreeMap<Arc<RunKey>, SweepSnapshot>>);

impl Sweeps {
    /// Begins to remember a sweep of a subject. One that is known keeps what is known.
    pub fn add(&self, key: &Arc<RunKey>, view: SweepView) {
        let view = Arc::new(view);
        let mut sweeps = self.lock();
        let entry = sweeps.entry(Arc::clone(key)).or_insert_with(|| SweepSnapshot {
            key: Arc::clone(key),
            view: Arc::clone(&view),
            doing: Doing::Idle,
            next_unix_nanos: None,
            last: None,
            skipped: BTreeMap::new(),
        });
        entry.view = view;
    }

    /// Forgets a sweep of a subject.
    pub fn remove(&self, key: &RunKey) {
        self.lock().remove(key);
    }

    /// When it is due next; whether that is news.
    pub fn next(&self, key: &RunKey, unix_nanos: Option<i64>) -> bool {
        let mut news = false;
        self.with(key, |sweep| {
            news = sweep.next_unix_nanos != unix_nanos;
            sweep.next_unix_nanos = unix_nanos;
        });
        news
    }

    /// It waits for its turn, or no longer does.
    pub fn waiting(&self, key: &RunKey, waits: bool) {
        self.with(key, |sweep| match (&sweep.doing, waits) {
            (Doing::Idle, true) => sweep.doing = Doing::Waiting,
            (Doing::Waiting, false) => sweep.doing = Doing::Idle,
            _ => {}
        });
    }

    /// It was due and is not run.
    pub fn skipped(&self, key: &RunKey, why: SweepSkipped, due_unix_nanos: i64, words: &str) {
        self.with(key, |sweep| {
            let times = sweep.skipped.get(why.as_str()).map_or(0, |skipped| skipped.times);
            let words = words.to_owned();
            let skipped = SkippedRuns { times: times + 1, last_unix_nanos: due_unix_nanos, words };
            sweep.skipped.insert(why.as_str(), skipped);
        });
    }

    /// A run has begun.
    pub fn started(&self, run: &RunStarted) {
        self.with(&run.key, |sweep| {
            sweep.doing = Doing::Running {
                id: Arc::clone(&run.id),
                since_unix_nanos: run.at_unix_nanos,
                progress: None,
            };
        });
    }

    /// Where a run stands.
    pub fn progress(&self, told: &Progress) {
        self.with(&told.key, |sweep| {
            if let Doing::Running { progress, .. } = &mut sweep.doing {
                *progress = Some(Arc::new(told.clone()));
            }
        });
    }

    /// A run has ended.
    pub fn ended(&self, key: &RunKey, run: &Arc<RunRecord>) {
        self.with(key, |sweep| {
            sweep.doing = Doing::Idle;
            sweep.last = Some(Arc::clone(run));
        });
    }

    /// A run that is known from before; one that ended since is newer.
    pub fn restored(&self, key: &RunKey, run: &Arc<RunRecord>) {
        self.with(key, |sweep| {
            sweep.last.get_or_insert_with(|| Arc::clone(run));
        });
    }

    /// All that is remembered, by key.
    pub fn snapshot(&self) -> Vec<SweepSnapshot> {
        self.lock().values().cloned().collect()
    }

    fn with(&self, key: &RunKey, change: impl FnOnce(&mut SweepSnapshot)) {
        if let Some(sweep) = self.lock().get_mut(key) {
            change(sweep);
        }
    }

    /// A panic while the lock was held leaves at worst one change out: go on.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<RunKey>, SweepSnapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> SweepView {
        SweepView { cron: None, zone: None, scenario: "s".into(), origin: "http://t".to_owned() }
    }

    fn key() -> Arc<RunKey> {
        Arc::new(RunKey { target: "t".into(), model: "m".into(), sweep: "nightly".into() })
    }

    #[test]
    fn a_sweep_is_remembered_through_a_reload_and_forgotten_with_its_key() {
        let (sweeps, key) = (Sweeps::default(), key());
        sweeps.skipped(&key, SweepSkipped::Guard, 1, "unheard");
        sweeps.add(&key, view());
        sweeps.skipped(&key, SweepSkipped::Guard, 2, "one");
        sweeps.skipped(&key, SweepSkipped::Guard, 3, "two");
        assert!(sweeps.next(&key, Some(9)) && !sweeps.next(&key, Some(9)));
        sweeps.add(&key, SweepView { scenario: "other".into(), ..view() });
        let all = sweeps.snapshot();
        let guard = &all[0].skipped["guard"];
        assert_eq!((guard.times, guard.last_unix_nanos, &*guard.words), (2, 3, "two"));
        assert_eq!((&*all[0].view.scenario, all[0].next_unix_nanos), ("other", Some(9)));
        sweeps.remove(&key);
        assert!(sweeps.snapshot().is_empty() && !sweeps.next(&key, None));
    }

    #[test]
    fn a_run_is_not_hidden_by_the_next_one_that_waits() {
        let (sweeps, key) = (Sweeps::default(), key());
        sweeps.add(&key, view());
        let id: Arc<str> = "id".into();
        sweeps.started(&RunStarted { key: Arc::clone(&key), id, at_unix_nanos: 5, steps: 1 });
        sweeps.waiting(&key, true);
        let running = |sweeps: &Sweeps| {
            matches!(sweeps.snapshot()[0].doing, Doing::Running { since_unix_nanos: 5, .. })
        };
        assert!(running(&sweeps));
        sweeps.waiting(&key, false);
        assert!(running(&sweeps));
    }
}
