//! What the desk does when something was decided, seen, ended or restored.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{
    asked::Looked,
    circumstances,
    desk::{Desk, Home, Running, Subject, now},
    ears::Ears,
    restore,
};
use crate::{
    clock::unix_seconds,
    config::Sweep,
    daemon::Onlooker,
    event::{Engine, RunKey, RunRecord, RunResult, RunSink as _, SweepSkipped, Trigger},
    load::{Halt, HaltReason, RunOrder},
    schedule::{Decision, Due, HeldBack},
    store::{Latest, RunId},
    workload,
};

impl Desk {
    pub(super) fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Start(due) => {
                    self.was_due(&due);
                    self.look_at_target(due);
                }
                Decision::Wait(due) => {
                    self.was_due(&due);
                    tracing::info!(sweep = %due.key.sweep, target = %due.key.target, model = %due.key.model, "the sweep waits: another run has the target");
                }
                Decision::Skip(due, why) => {
                    if due.trigger == Trigger::Manual {
                        // The id is that of a run that there will not be.
                        self.promised.remove(&due.key);
                    }
                    self.was_due(&due);
                    let words = match why {
                        SweepSkipped::Maintenance => "a maintenance window is open",
                        _ => "an earlier run of it, or one that waits, is not over",
                    };
                    self.skip(&due, why, words);
                }
                Decision::Missed(due) => {
                    self.was_due(&due);
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
            let held = circumstances::held(Arc::clone(&link), due.sweep.guard, recent).await;
            let engine = match held {
                None => circumstances::engine(link).await,
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
                Some(link) => circumstances::engine(link).await,
                None => None,
            };
            Home::Seen { due, held: None, engine }
        });
    }

    pub(super) fn seen(&mut self, due: &Due, held: Option<HeldBack>, engine: Option<Engine>) {
        let promised = self.promised.remove(&due.key);
        let started = match held {
            _ if self.taken_back.remove(&due.key) => false,
            None => self.start(due, promised, engine),
            Some(HeldBack { why, words }) => {
                self.skip(due, why, &words);
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
        let (Some(subject), Some(loader)) = (self.subjects.get(&due.key), &self.loader) else {
            return false;
        };
        let key = &due.key;
        let id = promised.unwrap_or_else(|| RunId::new(key, now()));
        let Some(order) = self.order(subject, due, &id, engine) else { return false };
        let running = self.running(&order);
        if let Some(store) = &self.store {
            store.draft(running.ears.draft());
        }
        tracing::info!(run = %id, sweep = %key.sweep, target = %key.target, model = %key.model, trigger = ?due.trigger, "a run begins");
        let sweeping: Vec<_> = subject.beside.iter().map(|link| link.sweeping()).collect();
        let record = loader.run(order, Arc::clone(&running.ears) as _, running.halt.clone());
        self.running.insert(id.clone(), running);
        let key = Arc::clone(key);
        self.tasks.spawn(async move {
            let record = record.await.ok();
            drop(sweeping);
            Home::Ended { id, key, record }
        });
        true
    }

    /// What is to be done in a run; absent before the first configuration.
    pub(super) fn order(
        &self,
        subject: &Subject,
        due: &Due,
        id: &RunId,
        engine: Option<Engine>,
    ) -> Option<RunOrder> {
        let key = &due.key;
        let scenario = Arc::clone(&due.sweep.scenario);
        let names = [&*key.sweep, &*key.target, &*key.model];
        Some(RunOrder {
            id: id.as_str().into(),
            key: Arc::clone(key),
            trigger: due.trigger,
            due_unix_nanos: due.at,
            link: Arc::clone(&subject.link),
            seed: scenario.seed.unwrap_or_else(|| workload::seed(&names, now())),
            scenario,
            slos: due.sweep.slos.clone(),
            global: Arc::clone(self.global.as_ref()?),
            known_answer: self.answers.get(key).copied(),
            max_duration: Some(due.sweep.guard.max_duration),
            compat: None,
            engine,
            calibration: None,
            witness: Onlooker::of(&subject.link, &self.driver),
        })
    }

    /// What is kept of a run while it is under way.
    pub(super) fn running(&self, order: &RunOrder) -> Running {
        let ears = Ears {
            key: Arc::clone(&order.key),
            prometheus: Arc::clone(&self.sinks.prometheus),
            sweeps: Arc::clone(&self.sinks.sweeps),
            store: self.store.clone(),
            watch: self.watches.get(&order.key).cloned().unwrap_or_default(),
            draft: Mutex::new(order.head(now())),
        };
        Running { key: Arc::clone(&order.key), halt: Halt::default(), ears: Arc::new(ears) }
    }

    pub(super) fn ended(&mut self, id: &RunId, key: &Arc<RunKey>, record: Option<Arc<RunRecord>>) {
        if let Some(answer) = self.settle(id, record).as_deref().and_then(restore::answer) {
            self.answers.insert(Arc::clone(key), answer);
        }
        let decisions = self.plan.ended(key, now());
        self.carry_out(decisions);
    }

    /// A run is over. One that hands in no record has panicked, and gets one.
    pub(super) fn settle(
        &mut self,
        id: &RunId,
        record: Option<Arc<RunRecord>>,
    ) -> Option<Arc<RunRecord>> {
        let running = self.running.remove(id)?;
        let record = record.unwrap_or_else(|| running.panicked());
        let RunKey { sweep, target, model } = &*running.key;
        let (result, reason) = (record.result.as_str(), record.reason.as_deref());
        tracing::info!(run = %id, sweep = %sweep, target = %target, model = %model, result, reason, "a run has ended");
        Some(record)
    }

    /// What somebody asked for, now that the targets were looked at.
    pub(super) fn looked(&mut self, looked: Looked) {
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

    pub(super) fn restored(&mut self, known: Vec<(Arc<RunKey>, Latest)>) {
        let now = now();
        let mut last_seen: BTreeMap<(Arc<str>, Arc<str>), i64> = BTreeMap::new();
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
            if let Some(due) = latest.last_due {
                self.sinks.prometheus.sweep_restore_due(&key, unix_seconds(due));
            }
            let Some(subject) = self.subjects.get(&key) else { continue };
            if let Some(seen) = restore::seen(&latest, &restore::schedule(&subject.sweep)) {
                let known = last_seen.entry(name).or_insert(seen);
                *known = seen.max(*known);
            }
            self.watched(&key, &subject.sweep, now);
        }
        for ((sweep, target), last) in last_seen {
            let decisions = self.plan.restored(&sweep, &target, last, now);
            self.carry_out(decisions);
        }
    }

    /// From now on nothing of the sweep is missed unseen.
    pub(super) fn watched(&self, key: &Arc<RunKey>, sweep: &Sweep, now: i64) {
        if let Some(store) = &self.store {
            store.watched(key, now, restore::schedule(sweep));
        }
    }

    fn was_due(&self, due: &Due) {
        self.sinks.prometheus.sweep_due(&due.key, unix_seconds(due.at));
        if let Some(store) = &self.store
            && due.trigger != Trigger::Manual
        {
            store.due(&due.key, due.at);
        }
    }

    fn skip(&self, due: &Due, why: SweepSkipped, words: &str) {
        let key = &due.key;
        self.sinks.prometheus.sweep_skipped(key, why);
        self.sinks.sweeps.skipped(key, why, due.at, words);
        tracing::warn!(sweep = %key.sweep, target = %key.target, model = %key.model, reason = why.as_str(), words, "the sweep is skipped");
    }

    /// Tells who waits, and when everything is due next.
    pub(super) fn tell_upcoming(&self) {
        for (key, next) in self.plan.upcoming() {
            self.sinks.sweeps.waiting(key, self.plan.is_waiting(key));
            if self.sinks.sweeps.next(key, next) {
                let seconds = next.map(unix_seconds);
                self.sinks.prometheus.sweep_next_run(key, seconds);
            }
        }
    }

    pub(super) fn halt(&self, key: &RunKey, reason: HaltReason, why: &str) {
        let running = self.running.values().find(|running| *running.key == *key);
        if let Some(running) = running {
            running.halt.drain(reason, why);
        }
    }
}

impl Running {
    /// The record of a run that panicked, told to everyone whom the run can no longer tell.
    fn panicked(&self) -> Arc<RunRecord> {
        let record = Arc::new(RunRecord {
            result: RunResult::Failed,
            reason: Some("the run panicked, which is a bug of tokenbeat: see its log".to_owned()),
            ended_at: unix_seconds(now()),
            ..self.ears.draft()
        });
        self.ears.ended(&record);
        record
    }
}
