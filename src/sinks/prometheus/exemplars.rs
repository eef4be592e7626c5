//! Exemplars: of each bucket of a histogram, the last trace that was kept and fell into it; of a
//! counter, the last one that it counted.
//!
//! Owns them because the library has none on a histogram that is native too. They are put into its
//! model when a scrape is answered.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    self as model, LabelPair, Metric,
};

use crate::event::{Beat, TraceId};

/// The exemplars of one series. A counter is one bucket without a boundary.
#[derive(Debug)]
pub(super) struct Exemplars {
    bounds: Vec<f64>,
    /// One for each bucket, that of all that is larger than every boundary last. Empty until there
    /// is one: most histograms never have any.
    last: Mutex<Vec<Option<Exemplar>>>,
}

/// Whose trace an observation belongs to, and when it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) trace: TraceId,
    pub(super) unix_nanos: i64,
}

impl Origin {
    /// Of what is known of `beat`, all of it since it had ended.
    pub(super) fn of(beat: &Beat) -> Self {
        let timeline = &beat.exchange.timeline;
        let over = timeline.end.or(timeline.closed).unwrap_or(timeline.due);
        let took = beat.measurement.e2e.unwrap_or_else(|| over.since(timeline.due));
        let took = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
        let unix_nanos = beat.due_unix_nanos.saturating_add(took);
        Self { trace: beat.trace.trace, unix_nanos }
    }
}

#[derive(Clone, Copy, Debug)]
struct Exemplar {
    value: f64,
    origin: Origin,
}

impl Exemplars {
    pub(super) fn new(bounds: &[f64]) -> Arc<Self> {
        Arc::new(Self { bounds: bounds.to_vec(), last: Mutex::default() })
    }

    /// Makes an observation the exemplar of its bucket, unless a later one is.
    pub(super) fn observe(&self, value: f64, origin: Origin) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.resize(self.bounds.len() + 1, None);
        if let Some(known) = last.get_mut(bucket)
            && known.is_none_or(|known| known.origin.unix_nanos <= origin.unix_nanos)
        {
            *known = Some(Exemplar { value, origin });
        }
    }

    /// Makes an event the exemplar of the counter that counted it, unless a later one is.
    pub(super) fn counted(&self, origin: Origin) {
        self.observe(1.0, origin);
    }

    /// Puts the exemplars into the model of their series: of a histogram, beside its classic
    /// buckets, and beside its native ones, for a server that ingests only those.
    pub(super) fn put_into(&self, metric: &mut Metric) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = &mut metric.counter {
            counter.exemplar = last.first().copied().flatten().map(Exemplar::model);
        }
        let Some(histogram) = &mut metric.histogram else { return };
        for (bucket, exemplar) in histogram.bucket.iter_mut().zip(&*last) {
            bucket.exemplar = exemplar.map(Exemplar::model);
        }
        drop(last);
        let of_buckets = histogram.bucket.iter().filter_map(|bucket| bucket.exemplar.clone());
        histogram.exemplars = of_buckets.collect();
        // A server takes the exemplars of one series in the order of their times.
        histogram.exemplars.sort_by_key(|exemplar| {
            exemplar.timestamp.as_ref().map(|time| (time.seconds, time.nanos))
        });
    }
}

impl Exemplar {
    fn model(self) -> model::Exemplar {
        const SECOND: i64 = 1_000_000_000;
        let Origin { trace, unix_nanos } = self.origin;
        let nanos = i32::try_from(unix_nanos.rem_euclid(SECOND)).unwrap_or(0);
        let label = vec![LabelPair { name: "trace_id".into(), value: trace.to_string() }];
        let mut exemplar = model::Exemplar { label, value: self.value, timestamp: None };
        // The type has a name only in a crate that is none of ours.
        let time = exemplar.timestamp.get_or_insert_default();
        (time.seconds, time.nanos) = (unix_nanos.div_euclid(SECOND), nanos);
        exemplar
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
        Bucket, Counter, Histogram,
    };

    use super::*;
    use crate::event::TraceContext;

    fn origin(trace: u128, unix_nanos: i64) -> Origin {
        Origin { trace: TraceContext::of_bits(trace, 1).trace, unix_nanos }
    }

    fn model(exemplars: &Exemplars) -> Histogram {
        let bucket = |upper_bound| Bucket { upper_bound, ..Default::default() };
        let bucket = [1.0, 2.0, f64::INFINITY].map(bucket).to_vec();
        let histogram = Some(Histogram { bucket, ..Default::default() });
        let mut metric = Metric { histogram, ..Default::default() };
        exemplars.put_into(&mut metric);
        metric.histogram.expect("still there")
    }

    #[test]
    fn the_latest_event_is_the_exemplar_of_its_counter() {
        let exemplars = Exemplars::new(&[]);
        let shown = || {
            let counter = Some(Counter::default());
            let mut metric = Metric { counter, ..Default::default() };
            exemplars.put_into(&mut metric);
            metric.counter.and_then(|counter| counter.exemplar)
        };
        assert!(shown().is_none());
        for (trace, time) in [(1, 10), (2, 30), (3, 20)] {
            exemplars.counted(origin(trace, time));
        }
        let exemplar = shown().expect("an exemplar");
        assert_eq!((&*exemplar.label[0].value, exemplar.value), (&*format!("{:032x}", 2), 1.0));
    }

    #[test]
    fn the_latest_of_each_bucket_is_its_exemplar() {
        let exemplars = Exemplars::new(&[1.0, 2.0]);
        assert!(model(&exemplars).bucket.iter().all(|bucket| bucket.exemplar.is_none()));
        // A boundary belongs to the bucket below it; a slow beat ends after a later one.
        for (value, trace, time) in
            [(1.0, 1, 10), (1.5, 2, 30), (1.2, 3, 20), (9.0, 4, 5), (0.5, 5, 1_500_000_000)]
        {
            exemplars.observe(value, origin(trace, time));
        }
        let histogram = model(&exemplars);
        let values: Vec<_> = histogram
            .bucket
            .iter()
            .map(|bucket| bucket.exemplar.as_ref().map(|exemplar| exemplar.value))
            .collect();
        assert_eq!(values, [Some(0.5), Some(1.5), Some(9.0)]);
        let native: Vec<_> = histogram.exemplars.iter().map(|one| one.value).collect();
        assert_eq!(native, [9.0, 1.5, 0.5], "by time");
        let last = &histogram.exemplars[2];
        let time = last.timestamp.as_ref().map(|time| (time.seconds, time.nanos));
        assert_eq!(time, Some((1, 500_000_000)));
        assert_eq!(last.label[0].value, format!("{:032x}", 5));
    }
}
