//! From the registry's families to OpenTelemetry's metrics.
//!
//! Names stay as they are on `/metrics`; units are OpenTelemetry's. A native histogram becomes an
//! exponential one of the same resolution: its bucket `i` is `i − 1` there, because Prometheus
//! counts buckets by their upper boundary and OpenTelemetry by their lower one.

use super::{
    message::{
        Buckets, CUMULATIVE, Data, Exemplar, Gauge, Histogram, HistogramPoint, KeyValue, Metric,
        NumberPoint, Sum, text,
    },
    starts::Starts,
};
use crate::sinks::prometheus::model::{self, BucketSpan, LabelPair, MetricFamily, MetricType};

/// The last words of a name, and their units in UCUM.
const UNITS: [(&str, &str); 6] = [
    ("_seconds", "s"),
    ("_bytes", "By"),
    ("_joules", "J"),
    ("_watts", "W"),
    ("_hertz", "Hz"),
    ("_celsius", "Cel"),
];

/// The metric of a family, as it is at `unix_nanos`; absent for a type that we do not have.
pub(super) fn metric(family: MetricFamily, starts: &mut Starts, unix_nanos: u64) -> Option<Metric> {
    let kind = family.r#type();
    let MetricFamily { name, help, metric: series, .. } = family;
    let data = match kind {
        MetricType::Counter => {
            let point = |one: model::Metric| {
                let (counter, attributes) = (one.counter?, attributes(one.label));
                Some(NumberPoint {
                    start_unix_nanos: starts.of(&name, &attributes, counter.value),
                    unix_nanos,
                    value: Some(counter.value),
                    exemplars: counter.exemplar.iter().map(exemplar).collect(),
                    attributes,
                })
            };
            let points = series.into_iter().filter_map(point).collect();
            Data::Sum(Sum { points, temporality: CUMULATIVE, is_monotonic: true })
        }
        MetricType::Gauge => {
            let point = |one: model::Metric| {
                let (value, attributes) = (one.gauge?.value, attributes(one.label));
                Some(NumberPoint {
                    start_unix_nanos: 0,
                    unix_nanos,
                    value: Some(value),
                    exemplars: Vec::new(),
                    attributes,
                })
            };
            Data::Gauge(Gauge { points: series.into_iter().filter_map(point).collect() })
        }
        MetricType::Histogram => {
            let point = |one: model::Metric| {
                let (histogram, attributes) = (one.histogram?, attributes(one.label));
                let start = match &histogram.start_timestamp {
                    Some(created) => nanos(created.seconds, created.nanos),
                    None => starts.of(&name, &attributes, histogram.sample_count as f64),
                };
                Some(histogram_point(&histogram, attributes, start, unix_nanos))
            };
            let points = series.into_iter().filter_map(point).collect();
            Data::Histogram(Histogram { points, temporality: CUMULATIVE })
        }
        _ => return None,
    };
    Some(Metric { unit: unit(&name).to_owned(), name, description: help, data: Some(data) })
}

fn histogram_point(
    histogram: &model::Histogram,
    attributes: Vec<KeyValue>,
    start_unix_nanos: u64,
    unix_nanos: u64,
) -> HistogramPoint {
    HistogramPoint {
        attributes,
        start_unix_nanos,
        unix_nanos,
        count: histogram.sample_count,
        sum: Some(histogram.sample_sum),
        scale: histogram.schema,
        zero_count: histogram.zero_count,
        positive: buckets(&histogram.positive_span, &histogram.positive_delta),
        negative: buckets(&histogram.negative_span, &histogram.negative_delta),
        // Those of the classic buckets are the same ones.
        exemplars: histogram.exemplars.iter().map(exemplar).collect(),
        zero_threshold: histogram.zero_threshold,
    }
}

/// Spans of differences become one run of counts; absent without a bucket. A histogram keeps few
/// buckets and its latencies lie within some 30 powers of two, so the gaps cost little.
fn buckets(spans: &[BucketSpan], deltas: &[i64]) -> Option<Buckets> {
    let first = spans.iter().find(|span| span.length > 0).map(|_| spans[0].offset)?;
    let (mut counts, mut count, mut deltas) = (Vec::new(), 0_i64, deltas.iter());
    for (at, span) in spans.iter().enumerate() {
        let gap = if at == 0 { 0 } else { usize::try_from(span.offset).unwrap_or(0) };
        counts.resize(counts.len() + gap, 0);
        for delta in deltas.by_ref().take(span.length as usize) {
            count += delta;
            counts.push(u64::try_from(count).unwrap_or(0));
        }
    }
    Some(Buckets { offset: first - 1, counts })
}

/// An exemplar; the ids in its labels become those of its trace.
fn exemplar(exemplar: &model::Exemplar) -> Exemplar {
    let mut found = Exemplar {
        // 0 if absent: so the schema says it.
        unix_nanos: exemplar.timestamp.as_ref().map_or(0, |at| nanos(at.seconds, at.nanos)),
        value: Some(exemplar.value),
        ..Exemplar::default()
    };
    for LabelPair { name, value } in &exemplar.label {
        match (name.as_str(), hex(value)) {
            ("trace_id", Some(id)) => found.trace_id = id,
            ("span_id", Some(id)) => found.span_id = id,
            _ => found.attributes.push(text(name, value)),
        }
    }
    found
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    text.len().is_multiple_of(2).then(|| (0..text.len()).step_by(2).map(byte).collect())?
}

fn attributes(labels: Vec<LabelPair>) -> Vec<KeyValue> {
    labels.into_iter().map(|LabelPair { name, value }| text(name, value)).collect()
}

/// Nanoseconds since the Unix epoch.
fn nanos(seconds: i64, nanos: i32) -> u64 {
    let nanos = seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos));
    u64::try_from(nanos).unwrap_or(0)
}

fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    UNITS.iter().find(|(end, _)| name.ends_with(end)).map_or("", |(_, unit)| unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(offset: i32, length: u32) -> BucketSpan {
        BucketSpan { offset, length }
    }

    #[test]
    fn spans_of_differences_become_a_run_of_counts() {
        // Prometheus' buckets 3, 4 and 7 with 2, 5 and 1 observations.
        let found = buckets(&[span(3, 2), span(2, 1)], &[2, 3, -4]);
        assert_eq!(found, Some(Buckets { offset: 2, counts: vec![2, 5, 0, 0, 1] }));
        // The first span may be empty, and then only moves the next one.
        let found = buckets(&[span(-9, 0), span(4, 1)], &[7]);
        assert_eq!(found, Some(Buckets { offset: -10, counts: vec![0, 0, 0, 0, 7] }));
        assert_eq!(buckets(&[span(0, 0)], &[]), None);
        assert_eq!(buckets(&[], &[]), None);
    }

    #[test]
    fn ids_in_the_labels_of_an_exemplar_are_those_of_its_trace() {
        let label = |name: &str, value: &str| LabelPair { name: name.into(), value: value.into() };
        let found = exemplar(&model::Exemplar {
            label: vec![
                label("trace_id", "000102030405060708090a0b0c0d0eff"),
                label("span_id", "not hex"),
            ],
            value: 0.5,
            timestamp: None,
        });
        assert_eq!(found.trace_id, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!((found.span_id.len(), found.attributes.len(), found.value), (0, 1, Some(0.5)));
    }

    #[test]
    fn units_are_those_of_the_name() {
        for (name, expected) in [
            ("tokenbeat_probe_ttft_seconds", "s"),
            ("process_cpu_seconds_total", "s"),
            ("process_resident_memory_bytes", "By"),
            ("tokenbeat_slo_objective_ratio", ""),
            ("tokenbeat_sweep_step_requests_per_second", ""),
            ("tokenbeat_probe_attempts_total", ""),
        ] {
            assert_eq!(unit(name), expected, "{name}");
        }
    }
}
