//! The desk at which sweeps are dispatched.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    asked::{Asked, Looked},
    circumstances,
    draft::draft,
    ears::Ears,
    history::History,
    restore,
};
use crate::{
    clock::{Stamp, Wall},
    config::{Global, Sweep},
    daemon::{fleet::Swept, listeners::Listeners},
    event::{Engine, RunKey, RunRecord, SweepSkipped, Trigger},
    load::{Halt, HaltReason, Link, Loader, RunOrder},
    schedule::{Decision, Due, HeldBack, Plan, Planned},
    sinks::{prometheus::SweepSeries, sweeps::SweepView},
    store::{Latest, RunId, Settings, Store},
    web::{CancelRefused, SweepReply},
    workload,
};

/// Longest time between two looks at the plan: the wall clock may be set at any time.
const LOOK: Duration = Duration::from_secs(1);

/// How long a run that was given up may take to hand in its record, and the store to write it.
const GIVEN_UP: Duration = Duration::from_secs(2);

/// The sweeps of the daemon, and the runs that are under way.
pub(in crate::daemon) struct Desk {
    sinks: Arc<Listeners>,
    history: Arc<History>,
    storage: Settings,
    store: Option<Arc<Store>>,
    loader: Option<Loader>,
    plan: Plan,
    subjects: BTreeMap<Arc<RunKey>, Subject>,
    global: Option<Arc<Global>>,
    /// What the last search of a subject ended with.
    answers: BTreeMap<Arc<RunKey>, f64>,
    /// The ids of runs that somebody asked for and whose turn has not come.
    promised: BTreeMap<Arc<RunKey>, RunId>,
    running: BTreeMap<RunId, Running>,
    tasks: JoinSet<Home>,
}

struct Subject {
    link: Arc<Link>,
    sweep: Arc<Sweep>,
}

struct Running {
    key: Arc<RunKey>,
    halt: Halt,
}

/// Something to be taken care of.
pub(in crate::daemon) struct Turn(Option<Home>);

/// What a task brings home.
enum Home {
    /// What is known of the target of a run whose turn has come.
    Seen { due: Due, held: Option<HeldBack>, engine: Option<Engine> },
    /// What is known of the targets of runs that somebody asked for.
    Looked(Looked),
    /// A run has ended; without a record only by a mistake of ours.
    Ended { id: RunId, key: Arc<RunKey>, record: Option<Arc<RunRecord>> },
    /// What is known from a daemon before this one.
    Restored(Vec<(Arc<RunKey>, Latest)>),
}

impl Desk {
    pub(in crate::daemon) fn new(
        sinks: Arc<Listeners>,
        history: Arc<History>,
        storage: Settings,
    ) -> Self {
        Self {
            sinks,
            history,
            storage,
            store: None,
            loader: None,
            plan: Plan::default(),
            subjects: BTreeMap::new(),
            global: None,
            answers: BTreeMap::new(),
            promised: BTreeMap::new(),
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Takes over the sweeps of a configuration, with the models that are known.
    pub(in crate::daemon) fn apply(&mut self, swept: Vec<Swept>, global: &Global) {
        self.global = Some(Arc::new(global.clone()));
        if !swept.is_empty() {
            self.open();
        }
        let mut planned = Vec::new();
        let mut before = std::mem::take(&mut self.subjects);
        let mut new = Vec::new();
        for Swept { sweep, link, models } in swept {
            let target = link.target();
            let mut keys = Vec::new();
            for model in models {
                let (target, sweep_name) = (Arc::clone(&target.name), Arc::clone(&sweep.name));
                let key = Arc::new(RunKey { target, model, sweep: sweep_name });
                // The very key that there was: what listens tells one life of a name from the next.
                let known = before.remove_entry(&key);
                let key = known.map_or_else(
                    || {
                        new.push(Arc::clone(&key));
                        Arc::clone(&key)
                    },
                    |(known, _)| known,
                );
                self.sinks.prometheus.add_sweep(&SweepSeries {
                    key: Arc::clone(&key),
                    max_duration: sweep.guard.max_duration,
                    slos: sweep.slos.clone(),
                });
                self.sinks.sweeps.add(&key, SweepView::of(link.target(), &sweep));
                let subject = Subject { link: Arc::clone(&link), sweep: Arc::clone(&sweep) };
                self.subjects.insert(Arc::clone(&key), subject);
                keys.push(key);
            }
            let target = Arc::clone(link.target());
            planned.push(Planned { sweep, target, keys });
        }
        let now = now();
        let change = self.plan.apply(planned, now);
        for key in before.keys() {
            self.sinks.prometheus.remove_sweep(key);
            self.sinks.sweeps.remove(key);
            self.answers.remove(key);
            self.promised.remove(key);
        }
        for key in &change.cancel {
            self.halt(key, HaltReason::Cancelled, "its sweep is no longer configured");
        }
        self.tell_upcoming();
        if let Some(store) = self.store.clone().filter(|_| !new.is_empty()) {
            self.tasks.spawn_blocking(move || Home::Restored(restore::restored(&store, new)));
        }
    }

    /// Returns when something is to be taken care of. May be given up and asked again.
    pub(in crate::daemon) async fn turn(&mut self) -> Turn {
        let wait = match self.plan.next() {
            Some(next) => {
                let left = u64::try_from(next.saturating_sub(now())).unwrap_or(0);
                Duration::from_nanos(left).min(LOOK)
            }
            None => LOOK,
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
            Some(Home::Seen { due, held, engine }) => self.seen(due, held, engine),
            Some(Home::Looked(looked)) => self.looked(looked),
            Some(Home::Ended { id, key, record }) => self.ended(&id, &key, record.as_deref()),
            Some(Home::Restored(known)) => self.restored(known),
            None => {}
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
        self.tasks.spawn(async move {
            let mut held = Vec::new();
            for (key, link, guard) in subjects {
                if let Some(back) = circumstances::held(&link, &guard, &recent).await {
                    held.push((key, back));
                }
            }
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
        self.plan.withdraw(&key);
        self.tell_upcoming();
        Ok(())
    }

    /// Drains what runs within `limit`, gives up the rest, and writes what is to be written.
    pub(in crate::daemon) async fn stop(&mut self, limit: Duration) {
        let keys: Vec<_> = self.running.values().map(|running| Arc::clone(&running.key)).collect();
        for key in &keys {
            self.halt(key, HaltReason::Interrupted, "tokenbeat is stopping");
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
                Some(Ok(Home::Ended { id, .. })) => drop(self.running.remove(&id)),
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

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Start(due) => {
                    self.was_due(&due);
                    self.look_at_target(due);
                }
                Decision::Wait(due) => {
                    self.was_due(&due);
                    tracing::info!(sweep = %due.key.sweep, target = %due.key.target, model = %due.key.model, "the sweep waits: another one has the target");
                }
                Decision::Skip(due, why) => {
                    self.was_due(&due);
                    let words = match why {
                        SweepSkipped::Maintenance => "a maintenance window is open",
                        _ => "an earlier run of it, or one that waits, is not over",
                    };
                    self.skip(&due, why, words);
                }
                Decision::Missed(due) => {
                    self.keep_due(&due);
                    tracing::warn!(sweep = %due.key.sweep, target = %due.key.target, model = %due.key.model, "the sweep was due while tokenbeat was not there, and is not made up for");
                }
            }
        }
    }

    /// A run has its turn: what is known of its target?
    fn look_at_target(&mut self, due: Due) {
        let Some(Subject { link, .. }) = self.subjects.get(&due.key) else {
            let decisions = self.plan.ended(&due.key, now());
            return self.carry_out(decisions);
        };
        let (link, recent) = (Arc::clone(link), Arc::clone(&self.sinks.recent));
        self.tasks.spawn(async move {
            let held = circumstances::held(&link, &due.sweep.guard, &recent).await;
            let engine = match held {
                None => circumstances::engine(&link).await,
                Some(_) => None,
            };
            Home::Seen { due, held, engine }
        });
    }

    /// A run has its turn, and nothing holds it back: what engine is behind its target?
    fn recognise(&mut self, due: Due) {
        let link = self.subjects.get(&due.key).map(|subject| Arc::clone(&subject.link));
        self.tasks.spawn(async move {
            let engine = match link {
                Some(link) => circumstances::engine(&link).await,
                None => None,
            };
            Home::Seen { due, held: None, engine }
        });
    }

    fn seen(&mut self, due: Due, held: Option<HeldBack>, engine: Option<Engine>) {
        let promised = self.promised.remove(&due.key);
        let started = match held {
            None => self.start(&due, promised, engine),
            Some(HeldBack { why, words }) => {
                self.skip(&due, why, &words);
                false
            }
        };
        if !started {
            let decisions = self.plan.ended(&due.key, now());
            self.carry_out(decisions);
        }
    }

    /// Starts a run; whether there is somebody to do it.
    fn start(&mut self, due: &Due, promised: Option<RunId>, engine: Option<Engine>) -> bool {
        let (Some(subject), Some(loader), Some(global)) =
            (self.subjects.get(&due.key), &self.loader, &self.global)
        else {
            return false;
        };
        let key = &due.key;
        let id = promised.unwrap_or_else(|| RunId::new(key, now()));
        let scenario = Arc::clone(&due.sweep.scenario);
        let names = [&*key.sweep, &*key.target, &*key.model];
        let order = RunOrder {
            id: id.as_str().into(),
            key: Arc::clone(key),
            trigger: due.trigger,
            due_unix_nanos: due.at,
            link: Arc::clone(&subject.link),
            seed: scenario.seed.unwrap_or_else(|| workload::seed(&names, now())),
            scenario,
            slos: due.sweep.slos.clone(),
            global: Arc::clone(global),
            known_answer: self.answers.get(key).copied(),
            max_duration: Some(due.sweep.guard.max_duration),
            compat: None,
            engine,
            calibration: None,
        };
        if let Some(store) = &self.store {
            store.begin(draft(&order, now()));
        }
        let ears = Ears {
            key: Arc::clone(key),
            id: id.clone(),
            prometheus: Arc::clone(&self.sinks.prometheus),
            board: Arc::clone(&self.sinks.sweeps),
            store: self.store.clone(),
        };
        tracing::info!(run = %id, sweep = %key.sweep, target = %key.target, model = %key.model, trigger = ?due.trigger, "a run begins");
        let sweeping = subject.link.sweeping();
        let halt = Halt::default();
        let record = loader.run(order, Arc::new(ears), halt.clone());
        self.running.insert(id.clone(), Running { key: Arc::clone(key), halt });
        let key = Arc::clone(key);
        self.tasks.spawn(async move {
            let record = record.await.ok();
            drop(sweeping);
            Home::Ended { id, key, record }
        });
        true
    }

    fn ended(&mut self, id: &RunId, key: &Arc<RunKey>, record: Option<&RunRecord>) {
        self.running.remove(id);
        match record {
            Some(record) => {
                if let Some(answer) = restore::answer(record) {
                    self.answers.insert(Arc::clone(key), answer);
                }
                let (result, reason) = (record.result.as_str(), record.reason.as_deref());
                tracing::info!(run = %id, sweep = %key.sweep, target = %key.target, model = %key.model, result, reason, "a run has ended");
            }
            None => tracing::error!(run = %id, "a run ended without a record; this is a bug"),
        }
        let decisions = self.plan.ended(key, now());
        self.carry_out(decisions);
    }

    /// What somebody asked for, now that the targets were looked at.
    fn looked(&mut self, looked: Looked) {
        let mut answer = looked.answer();
        let now = now();
        let requested = self.plan.request(|key| looked.lets(key), now);
        for key in requested.runs {
            let id = RunId::new(&key, now);
            answer.runs.push((id.as_str().into(), Arc::clone(&key)));
            self.promised.insert(key, id);
        }
        let refused = requested.refused.into_iter();
        answer.refused.extend(refused.map(|(key, why)| (key, why.to_string())));
        for due in requested.starts {
            self.was_due(&due);
            self.recognise(due);
        }
        let _ = looked.asked.reply.send(Some(answer));
    }

    fn restored(&mut self, known: Vec<(Arc<RunKey>, Latest)>) {
        let now = now();
        let mut last_dues: BTreeMap<(Arc<str>, Arc<str>), i64> = BTreeMap::new();
        for (key, latest) in known {
            let runs = [&latest.newest, &latest.complete, &latest.success];
            for run in runs.into_iter().flatten() {
                self.sinks.prometheus.sweep_restore(run);
                self.sinks.sweeps.restored(&key, run);
            }
            if let Some(answer) = latest.complete.as_deref().and_then(restore::answer) {
                self.answers.entry(Arc::clone(&key)).or_insert(answer);
            }
            let name = (Arc::clone(&key.sweep), Arc::clone(&key.target));
            match restore::last_due(&latest) {
                Some(last) => {
                    let known = last_dues.entry(name).or_insert(last);
                    *known = last.max(*known);
                }
                // From now on it is known when it was last there.
                None => self.keep_due_at(&key, now),
            }
        }
        for ((sweep, target), last) in last_dues {
            let decisions = self.plan.restored(&sweep, &target, last, now);
            self.carry_out(decisions);
        }
    }

    fn was_due(&self, due: &Due) {
        self.sinks.prometheus.sweep_due(&due.key, due.at as f64 / 1e9);
        self.keep_due(due);
    }

    fn keep_due(&self, due: &Due) {
        if due.trigger != Trigger::Manual {
            self.keep_due_at(&due.key, due.at);
        }
    }

    fn keep_due_at(&self, key: &Arc<RunKey>, at: i64) {
        if let Some(store) = &self.store {
            store.due(key, at);
        }
    }

    fn skip(&self, due: &Due, why: SweepSkipped, words: &str) {
        let key = &due.key;
        self.sinks.prometheus.sweep_skipped(key, why);
        self.sinks.sweeps.skipped(key, why, due.at, words);
        tracing::warn!(sweep = %key.sweep, target = %key.target, model = %key.model, reason = why.as_str(), words, "the sweep is skipped");
    }

    /// Tells who waits, and when everything is due next.
    fn tell_upcoming(&self) {
        for (key, next) in self.plan.upcoming() {
            self.sinks.sweeps.waiting(key, self.plan.is_waiting(key));
            if self.sinks.sweeps.next(key, next) {
                let seconds = next.map(|next| next as f64 / 1e9);
                self.sinks.prometheus.sweep_next_run(key, seconds);
            }
        }
    }

    fn halt(&self, key: &RunKey, reason: HaltReason, why: &str) {
        let running = self.running.values().find(|running| *running.key == *key);
        if let Some(running) = running {
            running.halt.drain(reason, why);
        }
    }
}

/// The time now, in nanoseconds since the Unix epoch.
fn now() -> i64 {
    Wall::anchor().unix_nanos(Stamp::now())
}
