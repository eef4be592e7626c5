//! Reads exports back, with the types of the `opentelemetry-proto` crate, into the samples that a
//! scrape of `/metrics` has.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{
        AggregationTemporality, Exemplar, ExponentialHistogramDataPoint, Metric, NumberDataPoint,
        exemplar, exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    },
};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    BucketSpan, Exemplar as Scraped, Histogram, MetricFamily,
};

use crate::exposition::{Key, Samples};

/// A histogram's resolution, its zero bucket, and its buckets by the index that Prometheus gives
/// them.
#[derive(Clone, Debug, PartialEq)]
pub struct Native {
    pub schema: i32,
    pub zero: (u64, f64),
    pub positive: BTreeMap<i32, u64>,
    pub negative: BTreeMap<i32, u64>,
}

/// An exemplar: the trace in hexadecimal digits, the value, the time in nanoseconds.
pub type Trace = (String, f64, u64);

/// Everything that one export holds, in however many requests it came.
#[derive(Debug, Default)]
pub struct Exported {
    /// Classic buckets left out: they are not exported.
    pub samples: Samples,
    pub natives: BTreeMap<Key, Native>,
    /// The exemplars of every series that has any: trace, value and time.
    pub exemplars: BTreeMap<Key, Vec<Trace>>,
    pub units: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
    /// Start and time of every cumulative point.
    pub spans: Vec<(u64, u64)>,
}

/// Reads the requests of one export.
///
/// # Panics
/// If something in them is not as it should be.
pub fn read(requests: &[ExportMetricsServiceRequest]) -> Exported {
    let mut found = Exported::default();
    for resource in requests.iter().flat_map(|request| &request.resource_metrics) {
        found.resource = labels(&resource.resource.as_ref().expect("a resource").attributes);
        for scope in &resource.scope_metrics {
            assert_eq!(scope.scope.as_ref().expect("a scope").name, "tokenbeat");
            scope.metrics.iter().for_each(|metric| found.add(metric));
        }
    }
    found
}

/// The text attributes.
pub fn labels(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |one: &KeyValue| match one.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => (one.key.clone(), text.clone()),
        other => panic!("{}: {other:?}", one.key),
    };
    attributes.iter().map(text).collect()
}

impl Exported {
    fn add(&mut self, metric: &Metric) {
        let name = &metric.name;
        self.units.insert(name.clone(), metric.unit.clone());
        assert!(!metric.description.is_empty(), "{name}");
        let kind = match metric.data.as_ref().expect("data") {
            Data::Gauge(gauge) => {
                gauge.data_points.iter().for_each(|point| self.number(name, point));
                "gauge"
            }
            Data::Sum(sum) => {
                assert!(sum.is_monotonic, "{name}");
                assert_eq!(sum.aggregation_temporality(), AggregationTemporality::Cumulative);
                for point in &sum.data_points {
                    self.spans.push((point.start_time_unix_nano, point.time_unix_nano));
                    self.number(name, point);
                }
                "counter"
            }
            Data::ExponentialHistogram(histogram) => {
                assert_eq!(histogram.aggregation_temporality(), AggregationTemporality::Cumulative);
                histogram.data_points.iter().for_each(|point| self.histogram(name, point));
                "histogram"
            }
            other => panic!("{name}: {other:?}"),
        };
        self.samples.types.insert(name.clone(), kind.to_owned());
    }

    fn number(&mut self, name: &str, point: &NumberDataPoint) {
        let Some(number_data_point::Value::AsDouble(value)) = point.value else {
            panic!("{name}: {point:?}")
        };
        self.put(name, labels(&point.attributes), value);
        self.traced(name, labels(&point.attributes), &point.exemplars);
    }

    fn traced(&mut self, name: &str, labels: BTreeMap<String, String>, exemplars: &[Exemplar]) {
        let one = |one: &Exemplar| {
            let Some(exemplar::Value::AsDouble(value)) = one.value else { panic!("{one:?}") };
            assert!(one.filtered_attributes.is_empty() && one.span_id.is_empty(), "{one:?}");
            let id = one.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
            (id, value, one.time_unix_nano)
        };
        if !exemplars.is_empty() {
            let all = exemplars.iter().map(one).collect();
            self.exemplars.insert((name.to_owned(), labels), all);
        }
    }

    fn histogram(&mut self, name: &str, point: &ExponentialHistogramDataPoint) {
        let labels = labels(&point.attributes);
        self.spans.push((point.start_time_unix_nano, point.time_unix_nano));
        self.put(&format!("{name}_count"), labels.clone(), point.count as f64);
        self.put(&format!("{name}_sum"), labels.clone(), point.sum.expect("a sum"));
        self.traced(name, labels.clone(), &point.exemplars);
        // OpenTelemetry's bucket i is Prometheus' bucket i + 1.
        let buckets = |buckets: &Option<Buckets>| {
            let buckets = buckets
                .iter()
                .flat_map(|found| (found.offset + 1..).zip(found.bucket_counts.iter().copied()));
            buckets.filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>()
        };
        let native = Native {
            schema: point.scale,
            zero: (point.zero_count, point.zero_threshold),
            positive: buckets(&point.positive),
            negative: buckets(&point.negative),
        };
        let inside: u64 = native.positive.values().chain(native.negative.values()).sum();
        assert_eq!(inside + native.zero.0, point.count, "{name}");
        self.natives.insert((name.to_owned(), labels), native);
    }

    fn put(&mut self, name: &str, labels: BTreeMap<String, String>, value: f64) {
        let before = self.samples.values.insert((name.to_owned(), labels), value);
        assert!(before.is_none(), "{name} twice");
    }
}

/// The native histograms of a scrape.
pub fn natives(families: &[MetricFamily]) -> BTreeMap<Key, Native> {
    let mut natives = BTreeMap::new();
    for family in families {
        for metric in &family.metric {
            let Some(histogram) = &metric.histogram else { continue };
            let labels =
                metric.label.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
            natives.insert((family.name.clone(), labels), native(histogram));
        }
    }
    natives
}

/// The exemplars of a scrape: of a histogram those beside its native buckets.
pub fn exemplars(families: &[MetricFamily]) -> BTreeMap<Key, Vec<Trace>> {
    let one = |one: &Scraped| {
        let time = one.timestamp.as_ref().expect("a time");
        let nanos = time.seconds * 1_000_000_000 + i64::from(time.nanos);
        (one.label[0].value.clone(), one.value, u64::try_from(nanos).expect("after 1970"))
    };
    let mut exemplars = BTreeMap::new();
    for family in families {
        for metric in &family.metric {
            let of_histogram = metric.histogram.iter().flat_map(|one| &one.exemplars);
            let of_counter = metric.counter.iter().filter_map(|one| one.exemplar.as_ref());
            let all: Vec<Trace> = of_histogram.chain(of_counter).map(one).collect();
            let labels =
                metric.label.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
            if !all.is_empty() {
                exemplars.insert((family.name.clone(), labels), all);
            }
        }
    }
    exemplars
}

fn native(histogram: &Histogram) -> Native {
    let buckets = |spans: &[BucketSpan], deltas: &[i64]| {
        let (mut index, mut count, mut deltas) = (0, 0_i64, deltas.iter());
        let mut found = BTreeMap::new();
        for span in spans {
            index += span.offset;
            for _ in 0..span.length {
                count += deltas.next().expect("a difference a bucket");
                if count > 0 {
                    found.insert(index, u64::try_from(count).expect("a count"));
                }
                index += 1;
            }
        }
        found
    };
    Native {
        schema: histogram.schema,
        zero: (histogram.zero_count, histogram.zero_threshold),
        positive: buckets(&histogram.positive_span, &histogram.positive_delta),
        negative: buckets(&histogram.negative_span, &histogram.negative_delta),
    }
}
