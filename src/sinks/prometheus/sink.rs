//! The sink: what the daemon tells, and what a scraper is told.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use super::{
    group::Group,
    model,
    own::{BuildInfo, Own},
    probe::{Probe, ProbeSeries},
    render::{self, Exposition, ExpositionError},
    scrape::{Readings, Snapshot},
    sweep::Sweep,
    target,
};
use crate::{
    event::{Beat, BeatKey, Kept, RunKey, Skipped, TraceShare},
    measure::catalogue::{CATALOGUE, Reading},
    protocol::Api,
};

/// The Prometheus sink. Everything it is told is applied when the call returns; a call never waits
/// for a scrape, but for the moment in which probes and sweeps come and go.
pub struct Prometheus {
    own: Arc<Own>,
    probes: RwLock<HashMap<Arc<BeatKey>, Arc<Probe>>>,
    pub(super) sweeps: RwLock<HashMap<Arc<RunKey>, Arc<Sweep>>>,
    targets: RwLock<BTreeMap<Subject, Arc<Group>>>,
    sources: RwLock<Vec<Source>>,
    share: Arc<TraceShare>,
}

impl Prometheus {
    /// A sink that knows no probe and no sweep.
    pub fn new(build: BuildInfo) -> Self {
        Self {
            own: Arc::new(Own::new(build)),
            probes: RwLock::default(),
            sweeps: RwLock::default(),
            targets: RwLock::default(),
            sources: RwLock::default(),
            share: Arc::default(),
        }
    }

    /// Makes every series of a probe, counters at 0. A probe that is known keeps what it has
    /// counted; a histogram whose boundaries are others now starts anew, and so does the verdict
    /// under an SLO that changed.
    pub fn add_probe(&self, series: &ProbeSeries) {
        let mut probes = write(&self.probes);
        let new = Probe::new(series, probes.get(&series.key).map(|old| &**old));
        probes.insert(Arc::clone(&series.key), Arc::new(new));
    }

    /// Takes a probe's series away. Its beats that are still in flight end unheard.
    pub fn remove_probe(&self, key: &BeatKey) {
        write(&self.probes).remove(key);
    }

    /// Sets `tokenbeat_target_info` of one subject, with the user's labels of its target.
    pub fn set_target(
        &self,
        target: &Arc<str>,
        model: &Arc<str>,
        api: Api,
        labels: &BTreeMap<String, String>,
    ) {
        let info = target::info(target, model, api.as_str(), labels);
        write(&self.targets).insert((Arc::clone(target), Arc::clone(model)), Arc::new(info));
    }

    /// Takes `tokenbeat_target_info` of one subject away.
    pub fn remove_target(&self, target: &Arc<str>, model: &Arc<str>) {
        write(&self.targets).remove(&(Arc::clone(target), Arc::clone(model)));
    }

    /// A beat was sent. Here and below, `key` is the very one that its subject was made with.
    pub fn started(&self, key: &BeatKey) {
        if let Some(probe) = self.probe(key) {
            probe.started();
        }
    }

    /// A beat was due and not sent.
    pub fn skipped(&self, key: &BeatKey, reason: Skipped) {
        if let Some(probe) = self.probe(key) {
            probe.skipped(reason);
        }
    }

    /// A beat has ended: applies everything that follows from it, once. A trace that is kept
    /// becomes the exemplar of the buckets that the latencies fall into.
    pub fn beat(&self, beat: &Beat) {
        self.own.beat(beat);
        if let Some(probe) = self.probe(&beat.key) {
            probe.ended(beat, Kept::of(beat, &self.share));
        }
    }

    /// The share of the good beats whose traces are kept, for whoever keeps them and whoever sets
    /// it: an exemplar must lead to a trace that there is.
    pub fn trace_share(&self) -> &Arc<TraceShare> {
        &self.share
    }

    /// A configuration was applied, at a time in seconds since the Unix epoch. `hash` must fit a
    /// float's 53 bits.
    pub fn config_applied(&self, unix_seconds: f64, hash: u64) {
        self.own.config_applied(unix_seconds, hash);
    }

    /// A configuration was refused; the one before stays in force.
    pub fn config_refused(&self) {
        self.own.config_refused();
    }

    /// A round of discovery has ended: `subjects` models of targets that it found are in force,
    /// `dropped_models` it left out because of a limit.
    pub fn discovered(&self, subjects: usize, dropped_models: usize) {
        self.own.discovered(subjects, dropped_models);
    }

    /// A discovery failed.
    pub fn discovery_failed(&self) {
        self.own.discovery_failed();
    }

    /// The store of runs could not be read or written.
    pub fn store_error(&self) {
        self.own.store_error();
    }

    /// A timer of the measuring runtime fired late.
    pub fn runtime_stall(&self, late: Duration) {
        self.own.runtime_stall(late);
    }

    /// Adds a source whose readings every scrape asks for.
    pub fn add_source(&self, source: impl Fn() -> Vec<Reading> + Send + Sync + 'static) {
        write(&self.sources).push(Box::new(source));
    }

    /// Answers a scrape by its `Accept` and `Accept-Encoding`.
    ///
    /// # Errors
    /// If a value does not fit the formats.
    pub fn render(
        &self,
        accept: Option<&str>,
        accept_encoding: Option<&str>,
    ) -> Result<Exposition, ExpositionError> {
        render::render(&Arc::new(self.snapshot()), accept, accept_encoding)
    }

    /// Hands over every family that has a series, in the order of the catalogue: the form from which
    /// a scrape is written, for whoever writes another one.
    ///
    /// # Errors
    /// If a value does not fit the model.
    pub(in crate::sinks) fn families(
        &self,
        mut take: impl FnMut(model::MetricFamily),
    ) -> Result<(), fmt::Error> {
        let snapshot = Arc::new(self.snapshot());
        for row in CATALOGUE {
            if let Some(family) = snapshot.family(row)? {
                take(family);
            }
        }
        Ok(())
    }

    /// What there is to expose now. Taken before anything is written, so that probes come and go
    /// while a scrape is answered.
    fn snapshot(&self) -> Snapshot {
        let mut probes: Vec<_> = read(&self.probes)
            .iter()
            .map(|(key, probe)| (Arc::clone(key), Arc::clone(probe)))
            .collect();
        probes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let probes = probes.into_iter().map(|(_, probe)| probe).collect();
        Snapshot {
            own: Arc::clone(&self.own),
            probes,
            sweeps: self.sweep_snapshots(),
            targets: read(&self.targets).values().cloned().collect(),
            readings: Readings::new(
                read(&self.sources).iter().flat_map(|source| source()).collect(),
            ),
        }
    }

    fn probe(&self, key: &BeatKey) -> Option<Arc<Probe>> {
        read(&self.probes).get(key).filter(|probe| probe.counts(key)).cloned()
    }
}

type Source = Box<dyn Fn() -> Vec<Reading> + Send + Sync>;
type Subject = (Arc<str>, Arc<str>);

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus")
            .field("probes", &read(&self.probes).len())
            .field("sweeps", &read(&self.sweeps).len())
            .field("targets", &read(&self.targets).len())
            .finish()
    }
}

/// A lock whose holder panicked is taken all the same: what it guards is whole at every step.
pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
