//! Which sweep runs when: what is due, what waits, what is skipped.
//!
//! Owns the due times of all sweeps, whose turn it is on a target, and what was missed. Pure:
//! whoever asks says what time it is, in nanoseconds since the Unix epoch, and carries out the
//! [`Decision`]s. Must not know how a run is made, nor what the guards look at.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::is_open;
use crate::{
    config::{Missed, Overlap, Sweep, Target},
    event::{RunKey, SweepSkipped, Trigger},
};

const SECOND: i64 = 1_000_000_000;

/// A due time that is found later than this was missed: nobody was there, or the machine slept.
const LATE: i64 = 30 * SECOND;

/// A clock that goes back by more than this was set. What has run is not run again, unless the
/// clock was so wrong before that its due times mean nothing now.
const SET_BACK: i64 = SECOND;
const WRONG_BEFORE: i64 = 24 * 3_600 * SECOND;

/// A sweep of one target. Its models have runs of their own, one after the other.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The sweep.
    pub sweep: Arc<Sweep>,
    /// The target.
    pub target: Arc<Target>,
    /// Whose runs they are, in their order.
    pub keys: Vec<Arc<RunKey>>,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Decision {
    /// This run has the target to itself from now on, until [`Plan::ended`] is told of it.
    Start(Due),
    /// It waits until the target is free.
    Wait(Due),
    /// It does not run.
    Skip(Due, SweepSkipped),
    /// It was due while nobody was there, and is not made up for.
    Missed(Due),
}

/// A run that was due.
#[derive(Clone, Debug)]
pub struct Due {
    /// Whose.
    pub key: Arc<RunKey>,
    /// The sweep, in the form that it has now.
    pub sweep: Arc<Sweep>,
    /// Why.
    pub trigger: Trigger,
    /// When, in nanoseconds since the Unix epoch.
    pub at: i64,
}

/// What somebody who asked for a sweep gets.
#[derive(Clone, Debug, Default)]
pub struct Requested {
    /// The runs that there will be. Those of one target run one after the other.
    pub runs: Vec<Arc<RunKey>>,
    /// The ones of them that start now.
    pub starts: Vec<Due>,
    /// Those that there will not be, and why, in words.
    pub refused: Vec<(Arc<RunKey>, Refused)>,
}

/// Why a sweep that somebody asked for does not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another run has the target, or one of its group.
    #[error("busy: the sweep {sweep:?} has {target:?}")]
    Busy {
        /// The sweep that runs or waits.
        sweep: Arc<str>,
        /// Where.
        target: Arc<str>,
    },
    /// A maintenance window is open.
    #[error("maintenance: a window of the sweep is open")]
    Maintenance,
}

/// What a new configuration changes.
#[derive(Debug, Default)]
pub struct Change {
    /// Runs whose sweep is gone: they are to be cancelled.
    pub cancel: Vec<Arc<RunKey>>,
}

/// What no two sweeps have at once.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exclusive {
    Group(Arc<str>),
    Target(Arc<str>),
}

impl Exclusive {
    fn of(target: &Target) -> Self {
        match &target.exclusive_group {
            Some(group) => Self::Group(Arc::clone(group)),
            None => Self::Target(Arc::clone(&target.name)),
        }
    }
}

/// A sweep of a target, by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    sweep: Arc<str>,
    target: Arc<str>,
}

#[derive(Debug)]
struct Entry {
    planned: Planned,
    /// Since when it is planned.
    since: i64,
    next: Option<i64>,
    last: Option<i64>,
}

/// The runs of one sweep of one target, from one due time.
#[derive(Debug)]
struct Turn {
    name: Name,
    exclusive: Exclusive,
    trigger: Trigger,
    at: i64,
    left: VecDeque<Arc<RunKey>>,
}

/// All sweeps, and whose turn it is.
#[derive(Debug, Default)]
pub struct Plan {
    entries: BTreeMap<Name, Entry>,
    running: Vec<(Turn, Arc<RunKey>)>,
    /// In the order in which they came.
    waiting: Vec<Turn>,
    /// When it was last looked at.
    looked: Option<i64>,
}

impl Plan {
    /// Takes over the sweeps of a configuration. One whose schedule did not change keeps its next
    /// due time; one that changed otherwise takes its new form at its next run.
    pub fn apply(&mut self, planned: Vec<Planned>, now: i64) -> Change {
        let mut before = std::mem::take(&mut self.entries);
        for planned in planned {
            let name = Name {
                sweep: Arc::clone(&planned.sweep.name),
                target: Arc::clone(&planned.target.name),
            };
            let entry = match before.remove(&name) {
                Some(old) if same_schedule(&old.planned.sweep, &planned.sweep) => {
                    Entry { planned, ..old }
                }
                _ => {
                    let next = next_after(&planned.sweep, now);
                    Entry { planned, since: now, next, last: None }
                }
            };
            self.entries.insert(name, entry);
        }
        let entries = &self.entries;
        let stands = |name: &Name, key: &Arc<RunKey>| {
            entries.get(name).is_some_and(|entry| entry.planned.keys.contains(key))
        };
        let mut change = Change::default();
        for turn in self.running.iter_mut().map(|(turn, _)| turn).chain(&mut self.waiting) {
            turn.left.retain(|key| stands(&turn.name, key));
        }
        for (turn, key) in &self.running {
            if !stands(&turn.name, key) {
                change.cancel.push(Arc::clone(key));
            }
        }
        self.waiting.retain(|turn| !turn.left.is_empty());
        change
    }

    /// A daemon that ran before knows that a sweep of a target was last due at `last`: what was
    /// missed since then, up to the time at which it was planned, is made up for or not. Where it has
    /// come due again meanwhile, there is nothing to make up for.
    pub fn restored(&mut self, sweep: &str, target: &str, last: i64, now: i64) -> Vec<Decision> {
        let name = Name { sweep: sweep.into(), target: target.into() };
        let entry = self.entries.get(&name).filter(|entry| entry.last.is_none());
        let Some(entry) = entry else { return Vec::new() };
        let missed = entry.planned.sweep.cron.as_ref().and_then(|cron| {
            (last < entry.since).then(|| cron.last_between(last, entry.since)).flatten()
        });
        missed.map_or_else(Vec::new, |at| self.missed(&name, at, now))
    }

    /// Everything that has come due until `now`.
    pub fn look(&mut self, now: i64) -> Vec<Decision> {
        if self.looked.is_some_and(|before| before - now > SET_BACK) {
            for entry in self.entries.values_mut() {
                let last = entry.last.filter(|last| *last - now < WRONG_BEFORE);
                let after = last.map_or(now, |last| last.max(now));
                entry.next = next_after(&entry.planned.sweep, after);
            }
        }
        self.looked = Some(now);
        let due: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(name, entry)| Some((name.clone(), entry.next.filter(|at| *at <= now)?)))
            .collect();
        let mut decisions = Vec::new();
        for (name, first) in due {
            let Some(entry) = self.entries.get_mut(&name) else { continue };
            let Some(cron) = &entry.planned.sweep.cron else { continue };
            // Of several that came due at once, the last stands for all.
            let at = cron.last_between(first - 1, now).unwrap_or(first);
            entry.next = cron.next_after(now);
            entry.last = Some(at);
            decisions.extend(match now - at <= LATE {
                true => self.due(&name, Trigger::Schedule, at, now),
                false => self.missed(&name, at, now),
            });
        }
        decisions
    }

    /// A run that was started has ended, or was held back: whose turn it is now.
    pub fn ended(&mut self, key: &RunKey, now: i64) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let Some(at) = self.running.iter().position(|(_, running)| **running == *key) else {
            return decisions;
        };
        let (turn, _) = self.running.remove(at);
        self.go_on(turn, now, &mut decisions);
        let mut waiting = std::mem::take(&mut self.waiting);
        while let Some(next) = waiting.iter().position(|turn| self.has(turn).is_none()) {
            let turn = waiting.remove(next);
            self.go_on(turn, now, &mut decisions);
        }
        self.waiting = waiting;
        decisions
    }

    /// Somebody asks for the runs that are `wanted`. They wait for nobody.
    pub fn request(&mut self, wanted: impl Fn(&RunKey) -> bool, now: i64) -> Requested {
        let mut requested = Requested::default();
        let names: Vec<_> = self.entries.keys().cloned().collect();
        for name in names {
            let Some(mut turn) = self.turn(&name, Trigger::Manual, now) else { continue };
            turn.left.retain(|key| wanted(key));
            if turn.left.is_empty() {
                continue;
            }
            let waits = self.waiting.iter().find(|other| other.conflicts(&turn));
            let refused = match self.has(&turn).or(waits) {
                Some(Turn { name: Name { sweep, target }, .. }) => {
                    let (sweep, target) = (Arc::clone(sweep), Arc::clone(target));
                    Some(Refused::Busy { sweep, target })
                }
                None => self.in_maintenance(&name, now).then_some(Refused::Maintenance),
            };
            if let Some(why) = refused {
                requested.refused.extend(turn.left.into_iter().map(|key| (key, why.clone())));
                continue;
            }
            requested.runs.extend(turn.left.iter().cloned());
            let mut decisions = Vec::new();
            self.go_on(turn, now, &mut decisions);
            requested.starts.extend(decisions.into_iter().filter_map(|decision| match decision {
                Decision::Start(due) => Some(due),
                _ => None,
            }));
        }
        requested
    }

    /// Takes a run back that somebody has asked for and that waits for its turn; whether there is
    /// one. One of the schedule that waits behind it stays.
    pub fn withdraw(&mut self, key: &RunKey) -> bool {
        let turns = self.running.iter_mut().map(|(turn, _)| turn);
        let asked = turns.filter(|turn| turn.trigger == Trigger::Manual);
        asked.fold(false, |withdrawn, turn| {
            let before = turn.left.len();
            turn.left.retain(|left| **left != *key);
            withdrawn || turn.left.len() < before
        })
    }

    /// When something is due next.
    pub fn next(&self) -> Option<i64> {
        self.entries.values().filter_map(|entry| entry.next).min()
    }

    /// Every run that there can be, with the time at which it is due next.
    pub fn upcoming(&self) -> impl Iterator<Item = (&Arc<RunKey>, Option<i64>)> {
        self.entries
            .values()
            .flat_map(|entry| entry.planned.keys.iter().map(|key| (key, entry.next)))
    }

    /// Whether a run of `key` waits for its turn.
    pub fn is_waiting(&self, key: &RunKey) -> bool {
        let running = self.running.iter().map(|(turn, _)| turn);
        running.chain(&self.waiting).any(|turn| turn.left.iter().any(|left| **left == *key))
    }

    fn missed(&mut self, name: &Name, at: i64, now: i64) -> Vec<Decision> {
        let Some(entry) = self.entries.get(name) else { return Vec::new() };
        match entry.planned.sweep.missed {
            Missed::Once => self.due(name, Trigger::Missed, at, now),
            Missed::Skip => {
                let turn = self.turn(name, Trigger::Missed, at);
                turn.map_or_else(Vec::new, |turn| self.each(&turn, Decision::Missed))
            }
        }
    }

    /// A turn has come due.
    fn due(&mut self, name: &Name, trigger: Trigger, at: i64, now: i64) -> Vec<Decision> {
        let Some(turn) = self.turn(name, trigger, at) else { return Vec::new() };
        if self.in_maintenance(name, now) {
            return self.each(&turn, |due| Decision::Skip(due, SweepSkipped::Maintenance));
        }
        let overlap = self.entries.get(name).map(|entry| entry.planned.sweep.overlap);
        let runs = self.running.iter().any(|(other, _)| other.name == *name);
        let waits = self.waiting.iter().any(|other| other.name == *name);
        if waits || (runs && overlap == Some(Overlap::Skip)) {
            return self.each(&turn, |due| Decision::Skip(due, SweepSkipped::Overlap));
        }
        if self.has(&turn).is_some() {
            let decisions = self.each(&turn, Decision::Wait);
            self.waiting.push(turn);
            return decisions;
        }
        let waits = self.each(&turn, Decision::Wait);
        let mut decisions = Vec::new();
        self.go_on(turn, now, &mut decisions);
        // The other models were due as well, and wait for the first.
        decisions.extend(waits.into_iter().skip(decisions.len()));
        decisions
    }

    /// The next run of a turn that has its target, if there is one left; without one, the target
    /// is free.
    fn go_on(&mut self, mut turn: Turn, now: i64, decisions: &mut Vec<Decision>) {
        while let Some(key) = turn.left.pop_front() {
            let Some(due) = self.of(&turn, &key) else { continue };
            if self.in_maintenance(&turn.name, now) {
                decisions.push(Decision::Skip(due, SweepSkipped::Maintenance));
                continue;
            }
            decisions.push(Decision::Start(due));
            self.running.push((turn, key));
            return;
        }
    }

    fn turn(&self, name: &Name, trigger: Trigger, at: i64) -> Option<Turn> {
        let entry = self.entries.get(name)?;
        let exclusive = Exclusive::of(&entry.planned.target);
        let left = entry.planned.keys.iter().cloned().collect();
        Some(Turn { name: name.clone(), exclusive, trigger, at, left })
    }

    /// Who has what `turn` needs.
    fn has(&self, turn: &Turn) -> Option<&Turn> {
        self.running.iter().map(|(other, _)| other).find(|other| other.conflicts(turn))
    }

    fn in_maintenance(&self, name: &Name, now: i64) -> bool {
        self.entries.get(name).is_some_and(|entry| is_open(&entry.planned.sweep.maintenance, now))
    }

    fn each(&self, turn: &Turn, decide: impl Fn(Due) -> Decision) -> Vec<Decision> {
        turn.left.iter().filter_map(|key| self.of(turn, key)).map(decide).collect()
    }

    fn of(&self, turn: &Turn, key: &Arc<RunKey>) -> Option<Due> {
        let sweep = Arc::clone(&self.entries.get(&turn.name)?.planned.sweep);
        Some(Due { key: Arc::clone(key), sweep, trigger: turn.trigger, at: turn.at })
    }
}

impl Turn {
    /// Whether the two cannot run at once. A reload may have put a target into another group while
    /// it was in use, so its name counts too.
    fn conflicts(&self, other: &Self) -> bool {
        self.exclusive == other.exclusive || self.name.target == other.name.target
    }
}

fn next_after(sweep: &Sweep, now: i64) -> Option<i64> {
    sweep.cron.as_ref().and_then(|cron| cron.next_after(now))
}

fn same_schedule(one: &Sweep, other: &Sweep) -> bool {
    let schedule = |sweep: &Sweep| {
        sweep.cron.as_ref().map(|cron| (cron.text().to_owned(), cron.zone().clone()))
    };
    schedule(one) == schedule(other)
}

#[cfg(test)]
mod tests;
