//! Instruments that share a set of labels and live and die together.

use std::{borrow::Cow, fmt, sync::Arc, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::{
        EncodeLabel as _, EncodeLabelSet, EncodeMetric as _, LabelSetEncoder, MetricEncoder,
    },
    metrics::{
        counter::Counter,
        gauge,
        histogram::{Histogram, NativeHistogramConfig},
    },
};

use super::exemplars::Exemplars;
use crate::measure::catalogue::Id;

/// A gauge. While it is NaN its series is absent: a value not known is not exposed.
pub(super) type Gauge = gauge::Gauge<f64, AtomicU64>;

/// A label of a group.
pub(super) type Label = (Cow<'static, str>, Arc<str>);

/// Growth of the native buckets, and the most of them before their resolution is halved.
const NATIVE_FACTOR: f64 = 1.05;
const NATIVE_MOST: usize = 160;

#[derive(Clone, Debug)]
enum Instrument {
    Counter { counter: Counter, exemplars: Option<Arc<Exemplars>> },
    Gauge(Gauge),
    Histogram { bounds: Vec<f64>, histogram: Histogram, exemplars: Option<Arc<Exemplars>> },
}

#[derive(Debug)]
struct Series {
    id: Id,
    extra: Option<&'static str>,
    instrument: Instrument,
}

/// Instruments that share a set of labels. One who counts holds the instrument itself and finds
/// nothing by name; a group that was dropped is counted into no more.
#[derive(Debug)]
pub(super) struct Group {
    labels: Vec<Label>,
    /// Sorted by `id`.
    series: Vec<Series>,
}

impl Group {
    /// Adds the group's series of one metric to `encoder`.
    pub(super) fn encode(&self, id: Id, encoder: &mut MetricEncoder) -> fmt::Result {
        for series in self.of(id) {
            // The label that a series has of its own is the last one of its row.
            let extra = series.extra.and_then(|value| Some((*id.row().labels.last()?, value)));
            let labels = LabelSet { shared: &self.labels, extra };
            match &series.instrument {
                Instrument::Counter { counter, .. } => {
                    counter.encode(encoder.encode_family(&labels)?)?;
                }
                Instrument::Gauge(gauge) if gauge.get().is_nan() => {}
                Instrument::Gauge(gauge) => gauge.encode(encoder.encode_family(&labels)?)?,
                Instrument::Histogram { histogram, .. } => {
                    histogram.encode(encoder.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    /// The exemplars of the series of one metric, in the order in which [`Self::encode`] adds them;
    /// absent for one that has none.
    pub(super) fn exemplars(&self, id: Id) -> impl Iterator<Item = Option<&Arc<Exemplars>>> {
        self.of(id).filter_map(|series| match &series.instrument {
            Instrument::Counter { exemplars, .. } | Instrument::Histogram { exemplars, .. } => {
                Some(exemplars.as_ref())
            }
            // No gauge has any, and one that is not known is not encoded.
            Instrument::Gauge(_) => None,
        })
    }

    /// The counters of the group with what they have counted so far: these count no further.
    pub(super) fn counted(&self) -> Self {
        let still = |series: &Series| match &series.instrument {
            Instrument::Counter { counter: counting, exemplars } => {
                let (counter, exemplars) = (Counter::default(), exemplars.clone());
                counter.inc_by(counting.get());
                Some(Series { instrument: Instrument::Counter { counter, exemplars }, ..*series })
            }
            Instrument::Gauge(_) | Instrument::Histogram { .. } => None,
        };
        Self { labels: self.labels.clone(), series: self.series.iter().filter_map(still).collect() }
    }

    /// The series of one metric.
    fn of(&self, id: Id) -> impl Iterator<Item = &Series> {
        let first = self.series.partition_point(|series| series.id < id);
        self.series[first..].iter().take_while(move |series| series.id == id)
    }
}

/// Builds a group, taking over what the group that it replaces has counted.
pub(super) struct Builder<'a> {
    group: Group,
    old: Option<&'a Group>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(labels: Vec<Label>, old: Option<&'a Group>) -> Self {
        Self { group: Group { labels, series: Vec::new() }, old }
    }

    /// The counter of a series, at 0 if it is new. `extra` is the value of the row's last label,
    /// where that is not one of the group's.
    pub(super) fn counter(&mut self, id: Id, extra: Option<&'static str>) -> Counter {
        let counter = match self.old(id, extra) {
            Some(Instrument::Counter { counter, .. }) => counter.clone(),
            _ => Counter::default(),
        };
        let instrument = Instrument::Counter { counter: counter.clone(), exemplars: None };
        self.push(id, extra, instrument);
        counter
    }

    /// The counter of a series whose last event is its exemplar; that lives as long as it does.
    pub(super) fn traced_counter(
        &mut self,
        id: Id,
        extra: Option<&'static str>,
    ) -> (Counter, Arc<Exemplars>) {
        let (counter, exemplars) = match self.old(id, extra) {
            Some(Instrument::Counter { counter, exemplars: Some(exemplars) }) => {
                (counter.clone(), Arc::clone(exemplars))
            }
            _ => (Counter::default(), Exemplars::new(&[])),
        };
        let (shown, known) = (counter.clone(), Some(Arc::clone(&exemplars)));
        self.push(id, extra, Instrument::Counter { counter: shown, exemplars: known });
        (counter, exemplars)
    }

    /// The gauge of a series; a new one is absent until it is set.
    pub(super) fn gauge(&mut self, id: Id, extra: Option<&'static str>) -> Gauge {
        let gauge = match self.old(id, extra) {
            Some(Instrument::Gauge(gauge)) => gauge.clone(),
            _ => {
                let gauge = Gauge::default();
                gauge.set(f64::NAN);
                gauge
            }
        };
        self.push(id, extra, Instrument::Gauge(gauge.clone()));
        gauge
    }

    /// The histogram of a series; other boundaries than before start it anew.
    pub(super) fn histogram(
        &mut self,
        id: Id,
        extra: Option<&'static str>,
        bounds: Vec<f64>,
    ) -> Histogram {
        let histogram = match self.old(id, extra) {
            Some(Instrument::Histogram { bounds: old, histogram, .. }) if *old == bounds => {
                histogram.clone()
            }
            _ => new_histogram(&bounds),
        };
        let instrument =
            Instrument::Histogram { bounds, histogram: histogram.clone(), exemplars: None };
        self.push(id, extra, instrument);
        histogram
    }

    /// The histogram of a series that has exemplars; these live as long as it does.
    pub(super) fn traced_histogram(
        &mut self,
        id: Id,
        bounds: Vec<f64>,
    ) -> (Histogram, Arc<Exemplars>) {
        let (histogram, exemplars) = match self.old(id, None) {
            Some(Instrument::Histogram { bounds: old, histogram, exemplars: Some(exemplars) })
                if *old == bounds =>
            {
                (histogram.clone(), Arc::clone(exemplars))
            }
            _ => (new_histogram(&bounds), Exemplars::new(&bounds)),
        };
        let (shown, known) = (histogram.clone(), Some(Arc::clone(&exemplars)));
        let instrument = Instrument::Histogram { bounds, histogram: shown, exemplars: known };
        self.push(id, None, instrument);
        (histogram, exemplars)
    }

    pub(super) fn build(mut self) -> Group {
        self.group.series.sort_by_key(|series| series.id);
        self.group
    }

    fn old(&self, id: Id, extra: Option<&'static str>) -> Option<&'a Instrument> {
        let mut series = self.old?.series.iter();
        series.find(|series| series.id == id && series.extra == extra).map(|one| &one.instrument)
    }

    fn push(&mut self, id: Id, extra: Option<&'static str>, instrument: Instrument) {
        self.group.series.push(Series { id, extra, instrument });
    }
}

fn new_histogram(bounds: &[f64]) -> Histogram {
    let native = NativeHistogramConfig::new(NATIVE_FACTOR).max_buckets(NATIVE_MOST);
    Histogram::new_classic_and_native(bounds.iter().copied(), native)
}

/// Counts `which` on the counter that stands where it stands in `all`.
pub(super) fn count<T: Copy + PartialEq>(all: &[T], counters: &[Counter], which: T) {
    for (_, counter) in all.iter().zip(counters).filter(|(known, _)| **known == which) {
        counter.inc();
    }
}

/// The labels of one series.
#[derive(Clone, Debug)]
pub(super) struct LabelSet<'a> {
    pub(super) shared: &'a [Label],
    pub(super) extra: Option<(&'static str, &'static str)>,
}

impl EncodeLabelSet for LabelSet<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> fmt::Result {
        for (name, value) in self.shared {
            (&**name, &**value).encode(encoder.encode_label())?;
        }
        self.extra.map_or(Ok(()), |extra| extra.encode(encoder.encode_label()))
    }
}
