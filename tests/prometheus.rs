//! A real Prometheus reads our exposition: what its API says is what we exposed.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/externals.rs"]
mod externals;
#[path = "support/loopback.rs"]
mod loopback;
#[path = "support/populated.rs"]
mod populated;
#[expect(dead_code, reason = "shared with tests/alerting, which counts evaluations")]
#[path = "support/real_prometheus.rs"]
mod real_prometheus;

use std::{collections::BTreeMap, io};

use exposition::{Key, Samples};
use real_prometheus::{Job, RealPrometheus};
use serde_json::Value;

const JOBS: [Job; 3] = [
    Job { name: "protobuf", protocol: "PrometheusProto", native: true },
    Job { name: "openmetrics", protocol: "OpenMetricsText1.0.0", native: false },
    Job { name: "text", protocol: "PrometheusText0.0.4", native: false },
];

#[test]
fn a_real_prometheus_reads_back_what_we_expose() {
    let test = "a_real_prometheus_reads_back_what_we_expose";
    let Some(program) = externals::external(test, "prometheus") else { return };
    let sink = populated::sink();
    let exposed = sink.render(None, None).expect("rendered").body;
    let exposed = exposition::text(&String::from_utf8(exposed).expect("text"));
    let server = loopback::Server::start(move |asked| {
        let scrape = sink.render(asked.accept.as_deref(), asked.encoding.as_deref());
        scrape.map_err(io::Error::other)
    });
    let mut prometheus = RealPrometheus::start(&program, server.address(), &JOBS);
    for Job { name, native, .. } in &JOBS {
        let up = format!("up{{job=\"{name}\"}} == 1");
        prometheus.wait_for(&up, |result| (result.len() == 1).then_some(()));
        let all = format!("{{job=\"{name}\",__name__=~\"(tokenbeat|process)_.+\"}}");
        let result =
            prometheus.wait_for(&all, |result| (!result.is_empty()).then(|| result.to_vec()));
        assert_eq!(classic(&result), exposed.values, "job {name}");
        let expected = if *native { expected_native(&exposed) } else { BTreeMap::new() };
        assert_eq!(self::native(&result), expected, "job {name}");
    }
    exemplars(&mut prometheus);
    let quantile = "histogram_quantile(0.5, tokenbeat_probe_ttft_seconds{job=\"protobuf\"})";
    let median = prometheus.wait_for(quantile, |result| value(result.first()?));
    // One observation of 0.2 s, known to within one bucket of growth 2^(1/16).
    assert!((0.19..=0.21).contains(&median), "{median}");
}

/// The beat that missed its SLO is behind every latency, wherever the format has exemplars: of
/// native histograms and of classic ones.
fn exemplars(prometheus: &mut RealPrometheus) {
    let trace = format!("{:032x}", 100);
    for selector in [
        "tokenbeat_probe_tpot_seconds{job=\"protobuf\"}",
        "tokenbeat_probe_tpot_seconds_bucket{job=\"protobuf\"}",
        "tokenbeat_probe_tpot_seconds_bucket{job=\"openmetrics\"}",
    ] {
        let found = prometheus.wait_for_exemplars(selector, |series| {
            let [one] = series else { return None };
            let exemplars = one["exemplars"].as_array()?;
            Some((exemplars.len(), exemplars.first()?.clone()))
        });
        assert_eq!(found.0, 1, "{selector}: one, however often it was scraped");
        assert_eq!(found.1["labels"]["trace_id"], trace, "{selector}");
        assert_eq!(found.1["value"], "0.043636364", "{selector}");
        assert_eq!(found.1["timestamp"], 100.7, "{selector}");
    }
    // So is the last failure behind the counter of its reason.
    for job in ["protobuf", "openmetrics"] {
        let selector =
            format!("tokenbeat_probe_failures_total{{job=\"{job}\",reason=\"http_5xx\"}}");
        let id = prometheus.wait_for_exemplars(&selector, |series| {
            series.first()?["exemplars"][0]["labels"]["trace_id"].as_str().map(str::to_owned)
        });
        assert_eq!(id, format!("{:032x}", 115), "{selector}");
    }
    let none = "{__name__=~\"tokenbeat_.+\",job=\"text\"}";
    prometheus.wait_for_exemplars(none, |series| series.is_empty().then_some(()));
}

/// The float samples of an answer.
fn classic(result: &[Value]) -> BTreeMap<Key, f64> {
    result.iter().filter_map(|series| Some((key(series), value(series)?))).collect()
}

/// Count and sum of the native histograms of an answer, the count also as the sum of its buckets.
fn native(result: &[Value]) -> BTreeMap<Key, (f64, f64, f64)> {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
    let one = |series: &Value| {
        let histogram = series.get("histogram")?.get(1)?;
        let buckets = histogram.get("buckets").and_then(Value::as_array);
        let in_buckets: f64 = buckets.into_iter().flatten().filter_map(|one| number(&one[3])).sum();
        let (count, sum) = (number(&histogram["count"])?, number(&histogram["sum"])?);
        Some((key(series), (count, sum, in_buckets)))
    };
    result.iter().filter_map(one).collect()
}

/// What `native` must be: each histogram of the exposition, from its `_count` and `_sum`.
fn expected_native(exposed: &Samples) -> BTreeMap<Key, (f64, f64, f64)> {
    let mut expected = BTreeMap::new();
    for ((name, labels), count) in &exposed.values {
        let Some(family) = name.strip_suffix("_count") else { continue };
        let sum = exposed.values[&(format!("{family}_sum"), labels.clone())];
        expected.insert((family.to_owned(), labels.clone()), (*count, sum, *count));
    }
    expected
}

/// Name and labels of a series, without those that the scrape adds.
fn key(series: &Value) -> Key {
    let metric = series["metric"].as_object().expect("labels");
    let mut labels: BTreeMap<String, String> = metric
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
        .collect();
    labels.retain(|name, _| name != "job" && name != "instance");
    (labels.remove("__name__").expect("a name"), labels)
}

fn value(series: &Value) -> Option<f64> {
    series.get("value")?.get(1)?.as_str()?.parse().ok()
}
