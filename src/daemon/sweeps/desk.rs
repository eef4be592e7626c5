//! The desk at which sweeps are dispatched.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    asked::{Asked, Looked},
    circumstances,
    ears::Ears,
    history::History,
    restore,
    watch::Watch,
};
use crate::{
    clock::{Stamp, Wall},
    config::{Global, Sweep},
    daemon::{fleet::Swept, listeners::Listeners},
    event::{Engine, RunKey, RunRecord},
    load::{Halt, HaltReason, Link, Loader},
    schedule::{Due, HeldBack, Plan, Planned},
    sinks::{prometheus::SweepSeries, sweeps::SweepView},
    store::{Latest, RunId, Settings, Store},
    telemetry::Nvml,
    web::{CancelRefused, SweepReply},
};

/// Longest time between two looks at the plan: the wall clock may be set at any time.
const LOOK: Duration = Duration::from_secs(1);

/// The same where nothing has a schedule: whatever changes that is told.
const NOTHING_DUE: Duration = Duration::from_secs(3_600);

/// How long a run that was given up may take to hand in its record, and the store to write it.
const GIVEN_UP: Duration = Duration::from_secs(2);

/// The sweeps of the daemon, and the runs that are under way.
pub(in crate::daemon) struct Desk {
    pub(super) sinks: Arc<Listeners>,
    pub(super) history: Arc<History>,
    pub(super) storage: Settings,
    /// The driver of this machine's GPUs, for runs at targets that have some of them.
    pub(super) driver: Nvml,
    pub(super) store: Option<Arc<Store>>,
    pub(super) loader: Option<Loader>,
    pub(super) plan: Plan,
    pub(super) subjects: BTreeMap<Arc<RunKey>, Subject>,
    pub(super) global: Option<Arc<Global>>,
    /// What the last search of a subject ended with.
    pub(super) answers: BTreeMap<Arc<RunKey>, f64>,
    /// Whether a subject's runs get worse.
    pub(super) watches: BTreeMap<Arc<RunKey>, Arc<Watch>>,
    /// The ids of runs that somebody asked for and whose turn has not come.
    pub(super) promised: BTreeMap<Arc<RunKey>, RunId>,
    /// Runs that were cancelled after their turn had come and before they had begun.
    pub(super) taken_back: BTreeSet<Arc<RunKey>>,
    pub(super) running: BTreeMap<RunId, Running>,
    pub(super) tasks: JoinSet<Home>,
}

pub(super) struct Subject {
    pub(super) link: Arc<Link>,
    /// The links to the same origin, this one among them.
    pub(super) beside: Vec<Arc<Link>>,
    pub(super) sweep: Arc<Sweep>,
}

pub(super) struct Running {
    pub(super) key: Arc<RunKey>,
    pub(super) halt: Halt,
    pub(super) ears: Arc<Ears>,
}

/// Something to be taken care of.
pub(in crate::daemon) struct Turn(Option<Home>);

/// What a task brings home.
pub(super) enum Home {
    /// What is known of the target of a run whose turn has come.
    Seen { due: Due, held: Option<HeldBack>, engine: Option<Engine> },
    /// What is known of the targets of runs that somebody asked for.
    Looked(Looked),
    /// A run has ended; without a record if it panicked.
    Ended { id: RunId, key: Arc<RunKey>, record: Option<Arc<RunRecord>> },
    /// What is known from a daemon before this one.
    Restored(Vec<(Arc<RunKey>, Latest)>),
    /// Histories know what was before this daemon.
    Watched,
}

impl Desk {
    pub(in crate::daemon) fn new(
        sinks: Arc<Listeners>,
        history: Arc<History>,
        storage: Settings,
        driver: Nvml,
    ) -> Self {
        Self {
            sinks,
            history,
            storage,
            driver,
            store: None,
            loader: None,
            plan: Plan::default(),
            subjects: BTreeMap::new(),
            global: None,
            answers: BTreeMap::new(),
            watches: BTreeMap::new(),
            promised: BTreeMap::new(),
            taken_back: BTreeSet::new(),
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Takes over the sweeps of a configuration, with the models that are known.
    pub(in crate::daemon) fn apply(&mut self, swept: Vec<Swept>, global: &Global) {
        self.global = Some(Arc::new(global.clone()));
        let opened = !swept.is_empty() && self.store.is_none();
        if !swept.is_empty() {
            self.open();
        }
        let now = now();
        let mut planned = Vec::new();
        let mut before = std::mem::take(&mut self.subjects);
        let mut new = Vec::new();
        for Swept { sweep, link, beside, models } in swept {
            let target = link.target();
            let mut keys = Vec::new();
            for model in models {
                let (target, sweep_name) = (Arc::clone(&target.name), Arc::clone(&sweep.name));
                let key = Arc::new(RunKey { target, model, sweep: sweep_name });
                // The very key that there was: what listens tells one life of a name from the next.
                let key = match before.remove_entry(&key) {
                    Some((known, old)) => {
                        // Who has another schedule from now on has missed nothing of it.
                        if restore::schedule(&old.sweep) != restore::schedule(&sweep) {
                            self.watched(&known, &sweep, now);
                        }
                        known
                    }
                    None => {
                        new.push(Arc::clone(&key));
                        key
                    }
                };
                self.sinks.prometheus.add_sweep(&SweepSeries {
                    key: Arc::clone(&key),
                    max_duration: sweep.guard.max_duration,
                    slos: sweep.slos.clone(),
                });
                self.sinks.sweeps.add(&key, SweepView::of(link.target(), &sweep));
                let (link, sweep) = (Arc::clone(&link), Arc::clone(&sweep));
                let subject = Subject { link, beside: beside.clone(), sweep };
                self.subjects.insert(Arc::clone(&key), subject);
                keys.push(key);
            }
            let target = Arc::clone(link.target());
            planned.push(Planned { sweep, target, keys });
        }
        let change = self.plan.apply(planned, now);
        for key in before.keys() {
            self.sinks.prometheus.remove_sweep(key);
            self.sinks.sweeps.remove(key);
            self.answers.remove(key);
            self.watches.remove(key);
            self.promised.remove(key);
        }
        for key in &change.cancel {
            self.halt(key, HaltReason::Cancelled, "its sweep is no longer configured");
        }
        self.tell_upcoming();
        let watches = self.watch(&new);
        // What was cut off is closed even while no model of it is known.
        if let Some(store) = self.store.clone().filter(|_| opened || !new.is_empty()) {
            let of_past = Arc::clone(&store);
            self.tasks.spawn_blocking(move || Home::Restored(restore::restored(&store, new)));
            self.tasks.spawn_blocking(move || {
                for (key, watch) in watches {
                    watch.restore(&of_past, &key);
                }
                Home::Watched
            });
        }
    }

    /// Begins to watch subjects.
    fn watch(&mut self, new: &[Arc<RunKey>]) -> Vec<(Arc<RunKey>, Arc<Watch>)> {
        let begin = |key: &Arc<RunKey>| {
            let watch = Arc::<Watch>::default();
            self.watches.insert(Arc::clone(key), Arc::clone(&watch));
            (Arc::clone(key), watch)
        };
        new.iter().map(begin).collect()
    }

    /// Returns when something is to be taken care of. May be given up and asked again.
    pub(in crate::daemon) async fn turn(&mut self) -> Turn {
        let wait = match self.plan.next() {
            Some(next) => {
                let left = u64::try_from(next.saturating_sub(now())).unwrap_or(0);
                Duration::from_nanos(left).min(LOOK)
            }
            None => NOTHING_DUE,
        };
        tokio::select! {
            Some(home) = self.tasks.join_next() => match home {
                Ok(home) => Turn(Some(home)),
                Err(error) => {
                    tracing::error!(%error, "a task of the sweeps failed; this is a bug");
                    Turn(None)
                }
            },
            () = sleep(wait) => Turn(None),
        }
    }

    /// Takes care of it.
    pub(in crate::daemon) fn take(&mut self, turn: Turn) {
        match turn.0 {
            Some(Home::Seen { due, held, engine }) => self.seen(&due, held, engine),
            Some(Home::Looked(looked)) => self.looked(looked),
            Some(Home::Ended { id, key, record }) => self.ended(&id, &key, record),
            Some(Home::Restored(known)) => self.restored(known),
            Some(Home::Watched) | None => {}
        }
        let decisions = self.plan.look(now());
        self.carry_out(decisions);
        self.tell_upcoming();
    }

    /// Somebody asks for a sweep.
    pub(in crate::daemon) fn ask(
        &mut self,
        sweep: &str,
        target: Option<&str>,
        model: Option<&str>,
        reply: SweepReply,
    ) {
        let is = |wanted: Option<&str>, name: &str| wanted.is_none_or(|wanted| wanted == name);
        let wanted =
            |key: &RunKey| &*key.sweep == sweep && is(target, &key.target) && is(model, &key.model);
        let found: Vec<_> = self.subjects.iter().filter(|(key, _)| wanted(key)).collect();
        if found.is_empty() {
            // A requester that is gone no longer wants the answer.
            let _ = reply.send(None);
            return;
        }
        let subjects: Vec<_> = found
            .iter()
            .map(|(key, of)| (Arc::clone(key), Arc::clone(&of.link), of.sweep.guard))
            .collect();
        let recent = Arc::clone(&self.sinks.recent);
        let asked =
            Asked { keys: subjects.iter().map(|(key, ..)| Arc::clone(key)).collect(), reply };
        let mut looks = JoinSet::new();
        for (key, link, guard) in subjects {
            let recent = Arc::clone(&recent);
            looks.spawn(async move { (key, circumstances::held(link, guard, recent).await) });
        }
        self.tasks.spawn(async move {
            let seen = looks.join_all().await.into_iter();
            let held = seen.filter_map(|(key, held)| Some((key, held?))).collect();
            Home::Looked(Looked { asked, held })
        });
    }

    /// Somebody cancels a run: it is drained.
    pub(in crate::daemon) fn cancel(&mut self, id: &str) -> Result<(), CancelRefused> {
        let id = RunId::parse(id).ok_or(CancelRefused::Unknown)?;
        if let Some(running) = self.running.get(&id) {
            running.halt.drain(HaltReason::Cancelled, "cancelled on request");
            return Ok(());
        }
        let promised = self.promised.iter().find(|(_, promised)| **promised == id);
        let key = promised.map(|(key, _)| Arc::clone(key)).ok_or(CancelRefused::Unknown)?;
        self.promised.remove(&key);
        if !self.plan.withdraw(&key) {
            self.taken_back.insert(key);
        }
        self.tell_upcoming();
        Ok(())
    }

    /// Drains what runs within `limit`, gives up the rest, and writes what is to be written.
    pub(in crate::daemon) async fn stop(&mut self, limit: Duration) {
        let keys: Vec<_> = self.running.values().map(|running| Arc::clone(&running.key)).collect();
        for key in &keys {
            self.halt(key, HaltReason::Interrupted, "tokenbeat is stopping");
        }
        for (key, _) in self.plan.upcoming().filter(|(key, _)| self.plan.is_waiting(key)) {
            tracing::warn!(sweep = %key.sweep, target = %key.target, model = %key.model, "a run that waits for its turn is not begun: tokenbeat is stopping");
        }
        if timeout(limit, self.all_ended()).await.is_err() {
            tracing::warn!(runs = self.running.len(), "runs were still in flight");
            for running in self.running.values() {
                running.halt.abort(HaltReason::Interrupted, "tokenbeat is stopping");
            }
            if timeout(GIVEN_UP, self.all_ended()).await.is_err() {
                tracing::error!("a run that was given up does not end; this is a bug");
            }
        }
        if let Some(store) = self.store.take() {
            let closed = tokio::task::spawn_blocking(move || store.close());
            if timeout(GIVEN_UP, closed).await.is_err() {
                tracing::error!("the disk is so slow that not every record may be written");
            }
        }
    }

    /// Returns when nothing runs.
    async fn all_ended(&mut self) {
        while !self.running.is_empty() {
            match self.tasks.join_next().await {
                Some(Ok(Home::Ended { id, record, .. })) => drop(self.settle(&id, record)),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// The store and the thread of the runs, of which a daemon without sweeps has none.
    fn open(&mut self) {
        if self.store.is_none() {
            let prometheus = Arc::clone(&self.sinks.prometheus);
            match Store::open(&self.storage, move || prometheus.store_error()) {
                Ok(store) => {
                    let store = Arc::new(store);
                    self.history.is_in(&store);
                    self.store = Some(store);
                }
                Err(error) => tracing::error!(%error, "records of runs cannot be kept"),
            }
        }
        if self.loader.is_none() {
            match Loader::start(Wall::anchor()) {
                Ok(loader) => self.loader = Some(loader),
                Err(error) => tracing::error!(%error, "sweeps cannot be run"),
            }
        }
    }
}

/// The time now, in nanoseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    Wall::anchor().unix_nanos(Stamp::now())
}

#[cfg(test)]
mod tests;
