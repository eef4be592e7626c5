//! What an engine has told so far: one account a target.
//!
//! Owns what is remembered from one scrape to the next, and how several processes are put together:
//! counters and queues add up, the fullest KV cache counts, and each process is followed through its
//! own restarts first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    quantity::Counter,
    told::{Cache, Said, Told},
};
use crate::{
    measure::catalogue::{Id, Reading},
    telemetry::rising::Rising,
};

/// Most series of counters that are followed for one target.
pub(super) const MOST_SERIES: usize = 4096;

/// A series of a counter: what it counts, the engine's name of the model, the place of its
/// exposition, and the series there.
type Series = (Counter, Option<String>, usize, String);

/// What the engine behind one target has told.
#[derive(Debug)]
pub struct Account {
    target: Arc<str>,
    counters: BTreeMap<Series, Rising>,
    /// What stands now; none after a failure.
    now: Vec<Told>,
    up: Option<bool>,
    version: Arc<str>,
}

impl Account {
    /// An account of nothing yet.
    pub fn new(target: Arc<str>) -> Self {
        let (counters, now) = (BTreeMap::new(), Vec::new());
        Self { target, counters, now, up: None, version: "".into() }
    }

    /// Takes in what the expositions of a target tell, in the order in which they are configured.
    pub fn told(&mut self, told: Vec<Told>) {
        for (place, one) in told.iter().enumerate() {
            for said in &one.counters {
                let key = (said.what, said.model.clone(), place, said.series.clone());
                let full = self.counters.len() >= MOST_SERIES;
                if full && !self.counters.contains_key(&key) {
                    continue;
                }
                self.counters.entry(key).or_default().observe(said.value);
            }
        }
        self.now = told;
        self.up = Some(true);
    }

    /// One of them could not be read: what stands for the moment is not known, not even in part.
    pub fn failed(&mut self) {
        self.now.clear();
        self.up = Some(false);
    }

    /// The engine's version, as it was asked for.
    pub fn set_version(&mut self, version: Option<&str>) {
        self.version = version.unwrap_or_default().into();
    }

    /// The engine's version; empty while it is not known.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The size of its KV cache, if the last scrape told.
    pub fn cache(&self) -> Cache {
        Cache::of(&self.now)
    }

    /// The engine, if the last scrape told.
    pub fn engine(&self) -> Option<&'static str> {
        self.now.first().map(|told| told.engine)
    }

    /// The readings of it, for a target with these models.
    pub fn readings(&self, models: &[Arc<str>]) -> Vec<Reading> {
        let mut readings = Vec::new();
        let target = || Arc::clone(&self.target);
        if let Some(up) = self.up {
            let value = f64::from(u8::from(up));
            readings.push(Reading { id: Id::EngineUp, labels: vec![target()], value });
        }
        if let Some(engine) = self.engine() {
            let labels = vec![target(), engine.into(), Arc::clone(&self.version)];
            readings.push(Reading { id: Id::EngineInfo, labels, value: 1.0 });
        }
        let names = Names { ours: models, theirs: self.models() };
        let mut values: BTreeMap<(Id, Arc<str>), f64> = BTreeMap::new();
        for Said { what, model, value, .. } in self.now.iter().flat_map(|told| &told.gauges) {
            let Some(model) = names.ours(model.as_deref()) else { continue };
            let held = values.entry((what.id(), model));
            held.and_modify(|held| *held = what.together(*held, *value)).or_insert(*value);
        }
        for ((counter, model, ..), rising) in &self.counters {
            let Some(model) = names.ours(model.as_deref()) else { continue };
            *values.entry((counter.id(), model)).or_default() += rising.value();
        }
        readings.extend(values.into_iter().map(|((id, model), value)| Reading {
            id,
            labels: vec![target(), model],
            value,
        }));
        readings
    }

    /// The names of models that the engine uses.
    fn models(&self) -> BTreeSet<&str> {
        let gauges = self.now.iter().flat_map(|told| &told.gauges);
        let gauges = gauges.filter_map(|said| said.model.as_deref());
        let counters = self.counters.keys().filter_map(|(_, model, ..)| model.as_deref());
        gauges.chain(counters).collect()
    }
}

/// Whose series an engine's are. An engine may know a model by a path, by the name of the base of
/// an adapter, or by none.
struct Names<'a> {
    ours: &'a [Arc<str>],
    theirs: BTreeSet<&'a str>,
}

impl Names<'_> {
    /// The `model` of a series: one of ours; empty if it is of the target as a whole; absent if it
    /// is of a model that is not ours.
    fn ours(&self, theirs: Option<&str>) -> Option<Arc<str>> {
        if let Some(known) = self.ours.iter().find(|ours| Some(&***ours) == theirs) {
            return Some(Arc::clone(known));
        }
        let only = match theirs {
            None => true,
            Some(_) => self.theirs.len() == 1,
        };
        match (only, self.ours) {
            (true, [one]) => Some(Arc::clone(one)),
            (true, _) => Some("".into()),
            (false, _) => None,
        }
    }
}

#[cfg(test)]
#[path = "account/tests.rs"]
mod tests;
