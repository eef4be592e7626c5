//! The sink: what the daemon tells, and what a scraper is told.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::{
    group::{Group, LabelSet},
    model::{self, Exposition, ExpositionError},
    own::{BuildInfo, Own},
    probe::{Probe, ProbeSeries},
    target,
};
use crate::{
    event::{Beat, BeatKey, Skipped},
    measure::catalogue::{CATALOGUE, Family, Kind, Reading, Row},
    protocol::Api,
    verdict::State,
};

/// The Prometheus sink. Everything it is told is applied when the call returns; a call never waits
/// for a scrape, but for the moment in which probes come and go.
#[derive(Debug)]
pub struct Prometheus {
    registry: Registry,
    store: Arc<Store>,
}

impl Prometheus {
    /// A sink that knows no probe.
    pub fn new(build: BuildInfo) -> Self {
        let store = Arc::new(Store {
            own: Own::new(build),
            probes: RwLock::default(),
            targets: RwLock::default(),
            sources: RwLock::default(),
        });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&store)));
        Self { registry, store }
    }

    /// Makes every series of a probe, counters at 0. A probe that is known keeps what it has
    /// counted; a histogram whose boundaries are others now starts anew.
    pub fn add_probe(&self, series: &ProbeSeries) {
        let mut probes = write(&self.store.probes);
        let new = Probe::new(series, probes.get(&series.key).map(|old| &**old));
        probes.insert(Arc::clone(&series.key), Arc::new(new));
    }

    /// Takes a probe's series away. Its beats that are still in flight end unheard.
    pub fn remove_probe(&self, key: &BeatKey) {
        write(&self.store.probes).remove(key);
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
        write(&self.store.targets).insert((Arc::clone(target), Arc::clone(model)), info);
    }

    /// Takes `tokenbeat_target_info` of one subject away.
    pub fn remove_target(&self, target: &Arc<str>, model: &Arc<str>) {
        write(&self.store.targets).remove(&(Arc::clone(target), Arc::clone(model)));
    }

    /// A beat was sent.
    pub fn started(&self, key: &BeatKey) {
        if let Some(probe) = self.store.probe(key) {
            probe.started();
        }
    }

    /// A beat was due and not sent.
    pub fn skipped(&self, key: &BeatKey, reason: Skipped) {
        if let Some(probe) = self.store.probe(key) {
            probe.skipped(reason);
        }
    }

    /// A beat has ended: applies everything that follows from it, once.
    pub fn beat(&self, beat: &Beat) {
        self.store.own.beat(beat);
        if let Some(probe) = self.store.probe(&beat.key) {
            probe.ended(beat);
        }
    }

    /// What can be said of an SLO of a probe over its window.
    pub fn verdict(&self, key: &BeatKey, slo: &str, state: State) {
        if let Some(probe) = self.store.probe(key) {
            for slo in probe.slos.iter().filter(|one| &*one.name == slo) {
                slo.verdict(state);
            }
        }
    }

    /// A configuration was applied, at a time in seconds since the Unix epoch. `hash` must fit a
    /// float's 53 bits.
    pub fn config_applied(&self, unix_seconds: f64, hash: u64) {
        self.store.own.config_applied(unix_seconds, hash);
    }

    /// A configuration was refused; the one before stays in force.
    pub fn config_refused(&self) {
        self.store.own.config_refused();
    }

    /// A round of discovery has ended: `subjects` models of targets that it found are in force,
    /// `dropped_models` it left out because of a limit.
    pub fn discovered(&self, subjects: usize, dropped_models: usize) {
        self.store.own.discovered(subjects, dropped_models);
    }

    /// A discovery failed.
    pub fn discovery_failed(&self) {
        self.store.own.discovery_failed();
    }

    /// A timer of the measuring runtime fired late.
    pub fn runtime_stall(&self, late: Duration) {
        self.store.own.runtime_stall(late);
    }

    /// Adds a source whose readings every scrape asks for.
    pub fn add_source(&self, source: impl Fn() -> Vec<Reading> + Send + Sync + 'static) {
        write(&self.store.sources).push(Box::new(source));
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
        model::render(&self.registry, accept, accept_encoding)
    }
}

type Source = Box<dyn Fn() -> Vec<Reading> + Send + Sync>;
type Subject = (Arc<str>, Arc<str>);

struct Store {
    own: Own,
    probes: RwLock<HashMap<Arc<BeatKey>, Arc<Probe>>>,
    targets: RwLock<BTreeMap<Subject, Group>>,
    sources: RwLock<Vec<Source>>,
}

impl Store {
    fn probe(&self, key: &BeatKey) -> Option<Arc<Probe>> {
        read(&self.probes).get(key).cloned()
    }

    fn encode_row(
        &self,
        row: &Row,
        probes: &[Arc<Probe>],
        readings: &[Reading],
        encoder: &mut MetricEncoder,
    ) -> fmt::Result {
        match row.family {
            Family::Probe => probes.iter().try_for_each(|one| one.group.encode(row.id, encoder)),
            Family::Slo => probes
                .iter()
                .flat_map(|probe| &probe.slos)
                .try_for_each(|slo| slo.group.encode(row.id, encoder)),
            Family::Daemon | Family::Process => {
                self.own.build.encode(row.id, encoder)?;
                self.own.group.encode(row.id, encoder)?;
                for info in read(&self.targets).values() {
                    info.encode(row.id, encoder)?;
                }
                let mut readings = readings.iter().filter(|reading| reading.id == row.id);
                readings.try_for_each(|one| encode_reading(row, *one, encoder))
            }
        }
    }
}

impl Collector for Store {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let readings: Vec<Reading> =
            read(&self.sources).iter().flat_map(|source| source()).collect();
        // A copy of the list, so that probes come and go while a scrape is written.
        let probes: Vec<Arc<Probe>> = read(&self.probes).values().cloned().collect();
        for row in CATALOGUE {
            // The library appends the suffix itself.
            let name = row.name.strip_suffix("_total").unwrap_or(row.name);
            let kind = match row.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram(_) => MetricType::Histogram,
            };
            let mut metrics = encoder.encode_descriptor(name, row.help, None, kind)?;
            self.encode_row(row, &probes, &readings, &mut metrics)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (probes, targets) = (read(&self.probes).len(), read(&self.targets).len());
        f.debug_struct("Store").field("probes", &probes).field("targets", &targets).finish()
    }
}

fn encode_reading(row: &Row, reading: Reading, encoder: &mut MetricEncoder) -> fmt::Result {
    let extra = reading.label.and_then(|value| Some((*row.labels.last()?, value)));
    let labels = LabelSet { shared: &[], extra };
    let encoder = encoder.encode_family(&labels)?;
    match row.kind {
        Kind::Counter => ConstCounter::new(reading.value).encode(encoder),
        Kind::Gauge => ConstGauge::new(reading.value).encode(encoder),
        // No histogram is read at a scrape.
        Kind::Histogram(_) => Err(fmt::Error),
    }
}

/// A lock whose holder panicked is taken all the same: what it guards is whole at every step.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
