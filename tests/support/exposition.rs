//! Reads expositions back: each format into the same samples.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    MetricFamily, MetricType,
};
use prost::Message as _;

/// A sample's name and labels; `le` is one of them.
pub type Key = (String, BTreeMap<String, String>);

/// The samples of an exposition and the types of its families.
#[derive(Debug, Default, PartialEq)]
pub struct Samples {
    /// Value by name and labels.
    pub values: BTreeMap<Key, f64>,
    /// Type by family, a counter's with `_total`.
    pub types: BTreeMap<String, String>,
}

impl Samples {
    /// The value of a series, with labels that it has among others.
    ///
    /// # Panics
    /// If none, or more than one, has them.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |of: &BTreeMap<String, String>| {
            labels.iter().all(|(name, value)| of.get(*name).is_some_and(|one| one == value))
        };
        let found: Vec<f64> = self
            .values
            .iter()
            .filter(|((found, of), _)| found == name && has(of))
            .map(|(_, value)| *value)
            .collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}");
        found[0]
    }

    /// Whether any series of that name is there.
    pub fn has(&self, name: &str) -> bool {
        self.values.keys().any(|(found, _)| found == name)
    }

    /// The label names of a family's series, `le` left out.
    pub fn label_names(&self, family: &str) -> BTreeSet<String> {
        let of = |name: &str| {
            name == family
                || ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|suffix| name.strip_suffix(suffix) == Some(family))
        };
        let series = self.values.keys().filter(|(name, _)| of(name));
        series.flat_map(|(_, labels)| labels.keys().cloned()).filter(|name| name != "le").collect()
    }
}

/// What stands between a sample and its exemplar.
pub const EXEMPLAR: &str = " # {";

/// Reads text, 0.0.4 or OpenMetrics, without exemplars; strict about what follows what.
pub fn text(body: &str) -> Samples {
    let mut samples = Samples::default();
    for line in body.lines() {
        if let Some(head) = line.strip_prefix("# ") {
            let mut words = head.split(' ');
            if words.next() == Some("TYPE") {
                let name = words.next().expect("a name");
                let kind = words.next().expect("a type");
                let total = kind == "counter" && !name.ends_with("_total");
                let name = format!("{name}{}", if total { "_total" } else { "" });
                assert!(samples.types.insert(name, kind.into()).is_none(), "{line} twice");
            }
            continue;
        }
        let (key, value) = sample(line.split_once(EXEMPLAR).map_or(line, |(sample, _)| sample));
        assert!(samples.values.insert(key, value).is_none(), "{line} twice");
    }
    samples
}

/// Reads one sample line without exemplar.
fn sample(line: &str) -> (Key, f64) {
    let name_end = line.find(['{', ' ']).expect("a name ends");
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.trim_start_matches(',').split_once("=\"").expect("a label");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{label} twice in {line}");
            rest = after;
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').expect("one space");
    let value = match value {
        "+Inf" => f64::INFINITY,
        value => value.parse().expect("a number"),
    };
    ((name.to_owned(), labels), value)
}

/// Reads up to the closing quote.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next().expect("an escaped character").1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    panic!("no closing quote in {text}");
}

/// The families of a delimited protobuf body.
pub fn families(mut body: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !body.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut body).expect("a family"));
    }
    families
}

/// Reads delimited protobuf; of a histogram its classic form.
pub fn protobuf(body: &[u8]) -> Samples {
    let mut samples = Samples::default();
    for family in families(body) {
        let kind = match family.r#type() {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            other => panic!("{other:?}"),
        };
        let name = family.name.clone();
        assert!(samples.types.insert(name.clone(), kind.into()).is_none(), "{name} twice");
        for metric in &family.metric {
            let labels: BTreeMap<_, _> =
                metric.label.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
            let mut put = |suffix: &str, le: Option<String>, value: f64| {
                let mut labels = labels.clone();
                labels.extend(le.map(|le| ("le".to_owned(), le)));
                let twice = samples.values.insert((format!("{name}{suffix}"), labels), value);
                assert!(twice.is_none(), "{name}{suffix} twice");
            };
            if let Some(counter) = &metric.counter {
                put("", None, counter.value);
            } else if let Some(gauge) = &metric.gauge {
                put("", None, gauge.value);
            } else if let Some(histogram) = &metric.histogram {
                for bucket in &histogram.bucket {
                    put("_bucket", Some(le(bucket.upper_bound)), bucket.cumulative_count as f64);
                }
                put("_sum", None, histogram.sample_sum);
                put("_count", None, histogram.sample_count as f64);
            }
        }
    }
    samples
}

/// A boundary as OpenMetrics writes it, by rules of its own: the catalogue's reach from 10 µs to
/// 80 s.
fn le(bound: f64) -> String {
    if bound.is_infinite() {
        "+Inf".into()
    } else if bound < 1e-4 {
        let mantissa = (bound * 1e6).round() / 10.0;
        format!("{mantissa}e-05")
    } else {
        format!("{bound:?}")
    }
}
