//! One scrape: what there is to expose at one moment, family by family.

use std::{borrow::Cow, fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeMetric as _, MetricEncoder,
        prometheus_protobuf::{encode, prometheus_data_model::MetricFamily},
    },
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::{
    exemplars::Exemplars,
    group::{Group, Label, LabelSet},
    own::Own,
    probe::Probe,
    sweep::SweepSnapshot,
};
use crate::measure::catalogue::{Family, Kind, Reading, Row};

/// What there is to expose. The instruments of probes go on counting; which there are, the series of
/// sweeps, and what was read from the system, stand still.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) own: Arc<Own>,
    pub(super) probes: Vec<Arc<Probe>>,
    pub(super) sweeps: Vec<SweepSnapshot>,
    pub(super) targets: Vec<Arc<Group>>,
    pub(super) readings: Readings,
}

impl Snapshot {
    /// The family of a row; `None` if it has no series. Its series stand in the order of the
    /// probes, and those of one probe in the order of the closed set of their own label: the same
    /// at every scrape, and nothing is sorted for it.
    ///
    /// A family at a time, because the model of a whole scrape is several times its text.
    pub(super) fn family(
        self: &Arc<Self>,
        row: &'static Row,
    ) -> Result<Option<MetricFamily>, fmt::Error> {
        // The library gives its model for a registry only: one that holds this family.
        let mut registry = Registry::default();
        registry.register_collector(Box::new(OneFamily { snapshot: Arc::clone(self), row }));
        let family = encode(&registry)?.into_iter().find(|family| !family.metric.is_empty());
        Ok(family.map(|mut family| {
            family.unit = row.unit.as_str().to_owned();
            // The library keeps the order in which it was given the series.
            for (metric, exemplars) in family.metric.iter_mut().zip(self.exemplars(row)) {
                if let Some(exemplars) = exemplars {
                    exemplars.put_into(metric);
                }
            }
            family
        }))
    }

    /// The exemplars of every series of a row, in their order; only probes have any.
    fn exemplars(&self, row: &Row) -> impl Iterator<Item = Option<&Arc<Exemplars>>> {
        let probes = self.probes.iter().filter(|_| row.family == Family::Probe);
        let id = row.id;
        probes.flat_map(move |probe| probe.group.exemplars(id))
    }

    fn encode(&self, row: &Row, encoder: &mut MetricEncoder) -> fmt::Result {
        match row.family {
            Family::Probe => {
                self.probes.iter().try_for_each(|probe| probe.group.encode(row.id, encoder))
            }
            Family::Slo => {
                let mut slos = self.probes.iter().flat_map(|probe| &probe.slos);
                slos.try_for_each(|slo| slo.group.encode(row.id, encoder))
            }
            Family::Sweep => {
                let mut groups = self.sweeps.iter().flat_map(SweepSnapshot::groups);
                groups.try_for_each(|group| group.encode(row.id, encoder))
            }
            Family::Daemon | Family::Process => {
                self.own.build.encode(row.id, encoder)?;
                self.own.group.encode(row.id, encoder)?;
                self.targets.iter().try_for_each(|info| info.encode(row.id, encoder))?;
                self.readings.encode(row, encoder)
            }
            Family::Telemetry => self.readings.encode(row, encoder),
        }
    }
}

/// One family of a snapshot, as the library asks for it.
#[derive(Debug)]
struct OneFamily {
    snapshot: Arc<Snapshot>,
    row: &'static Row,
}

impl Collector for OneFamily {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        // The library appends the suffix itself.
        let name = self.row.name.strip_suffix("_total").unwrap_or(self.row.name);
        let kind = match self.row.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram(_) => MetricType::Histogram,
        };
        let mut encoder = encoder.encode_descriptor(name, self.row.help, None, kind)?;
        self.snapshot.encode(self.row, &mut encoder)
    }
}

/// What the sources read, by metric.
#[derive(Debug)]
pub(super) struct Readings(Vec<Reading>);

impl Readings {
    /// The readings of one metric stay in the order in which their source gave them.
    pub(super) fn new(mut readings: Vec<Reading>) -> Self {
        readings.sort_by_key(|reading| reading.id);
        Self(readings)
    }

    fn encode(&self, row: &Row, encoder: &mut MetricEncoder) -> fmt::Result {
        let first = self.0.partition_point(|reading| reading.id < row.id);
        let mut readings = self.0[first..].iter().take_while(|reading| reading.id == row.id);
        readings.try_for_each(|reading| encode_reading(row, reading, encoder))
    }
}

fn encode_reading(row: &Row, reading: &Reading, encoder: &mut MetricEncoder) -> fmt::Result {
    let names = row.labels.iter().map(|name| Cow::Borrowed(*name));
    let shared: Vec<Label> = names.zip(reading.labels.iter().cloned()).collect();
    let labels = LabelSet { shared: &shared, extra: None };
    let encoder = encoder.encode_family(&labels)?;
    match row.kind {
        Kind::Counter => ConstCounter::new(reading.value).encode(encoder),
        Kind::Gauge => ConstGauge::new(reading.value).encode(encoder),
        // No histogram is read at a scrape.
        Kind::Histogram(_) => Err(fmt::Error),
    }
}
