//! What becomes of one beat that went wrong: everybody who tells of it uses the same ids, and nobody
//! tells a secret.

use std::{collections::BTreeSet, fs};

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    metrics::v1::{Exemplar, metric::Data},
    trace::v1::Span,
};
use tokenbeat::sim::{Dist, Sim, SimSpec};

use crate::{
    collector::{Collector, Reply, Speaks},
    daemon::{Daemon, until},
    echo::{Echo, WAYS},
};

const OPEN_METRICS: &str = "accept: application/openmetrics-text;version=1.0.0\r\n";

/// What stands in a header of the beats, and in what the engine says.
const PLANTED: &str = "sk-planted-for-the-engine-c40e";

/// The spans that came, trace by trace in the order of their coming.
fn traces(collector: &Collector) -> Vec<Vec<Span>> {
    let resources = collector.traces().into_iter().flat_map(|request| request.resource_spans);
    let spans = resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
    let mut traces: Vec<Vec<Span>> = Vec::new();
    for span in spans {
        match traces.iter_mut().find(|trace| trace[0].trace_id == span.trace_id) {
            Some(trace) => trace.push(span),
            None => traces.push(vec![span]),
        }
    }
    traces
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn says<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    let attribute = span.attributes.iter().find(|one| one.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// The exemplars of a metric in everything that was exported.
fn exemplars(collector: &Collector, name: &str) -> Vec<Exemplar> {
    let resources = collector.metrics().into_iter().flat_map(|request| request.resource_metrics);
    let metrics = resources.flat_map(|one| one.scope_metrics).flat_map(|scope| scope.metrics);
    let of = |data| match data {
        Data::Sum(sum) => sum.data_points.into_iter().flat_map(|one| one.exemplars).collect(),
        Data::ExponentialHistogram(histogram) => {
            histogram.data_points.into_iter().flat_map(|one| one.exemplars).collect()
        }
        _ => Vec::new(),
    };
    metrics.filter(|metric| metric.name == name).filter_map(|one| one.data).flat_map(of).collect()
}

#[test]
fn a_beat_that_went_wrong_has_one_id_wherever_it_is_told_of() {
    let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
    let sim = Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine");
    sim.handle().set_faults(["http_503"]).expect("a fault");
    let collector = Collector::start(Speaks::Grpc, None, &[Reply::Take]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    // The first beat fails, and all that follow miss the SLO.
    let config = format!(
        "telemetry: {{otlp: {{endpoint: \"{}\", interval: 1s, traces: {{sample: 0}}}}}}\n\
         targets:\n  - {{name: a, url: \"{}\", models: [sim-8b]}}\n\
         workloads:\n  w: {{synthetic: {{input_tokens: 16, output_tokens: 4}}}}\n\
         slos:\n  never: {{thresholds: {{ttft: 1ms}}, objective: 50%}}\n\
         probes:\n  - {{name: p, targets: all, workload: w, interval: 1s, timeout: 900ms, slo: never}}\n",
        collector.url(),
        sim.base_url()
    );
    fs::write(&file, config).expect("written");
    let daemon = Daemon::serve(&file, &[]);
    for (kept, outcome, family) in [
        ("failed", "http_5xx", "tokenbeat_probe_failures_total"),
        ("missed", "ok", "tokenbeat_probe_ttft_seconds"),
    ] {
        let trace = until("the trace at the collector", || {
            traces(&collector).into_iter().find(|all| says(&all[0], "tokenbeat.kept") == Some(kept))
        });
        let (root, id) = (&trace[0], hex(&trace[0].trace_id));
        assert_eq!(says(root, "tokenbeat.outcome"), Some(outcome));
        for span in &trace {
            let keys: BTreeSet<_> = span.attributes.iter().map(|one| &one.key).collect();
            assert_eq!(keys.len(), span.attributes.len(), "a key stands once: {span:?}");
        }
        // The engine got it.
        let sent = format!("00-{id}-{}-01", hex(&root.span_id));
        let requests = sim.handle().recent_requests();
        let with = requests.iter().filter(|one| one.header("traceparent") == Some(&sent));
        assert_eq!(with.count(), 1, "{sent}");
        // The API and the page tell it, with the same spans.
        let told = daemon.get(&format!("/api/v1/traces/{id}"));
        let told: serde_json::Value = serde_json::from_str(&told.body).expect("JSON");
        assert_eq!((&told["kept"], &told["trace_id"]), (&kept.into(), &id.as_str().into()));
        let spans = told["spans"].as_array().expect("spans").iter();
        let spans: Vec<_> =
            spans.map(|one| (one["span_id"].clone(), one["name"].clone())).collect();
        let exported = trace.iter().map(|one| (hex(&one.span_id).into(), one.name.clone().into()));
        assert_eq!(spans, exported.collect::<Vec<(serde_json::Value, serde_json::Value)>>());
        if kept == "failed" {
            assert!(daemon.get("/").body.contains(&format!("api/v1/traces/{id}")));
            daemon.wait_for(&format!("trace_id={id}"));
        }
        // It is an exemplar: of the failure, or of the latency that was too long. The latest beat
        // is, and others follow this one: whichever it is, a kept trace has that id.
        let known = || traces(&collector).into_iter().map(|all| all[0].trace_id.clone());
        let exposed = until("an exemplar of a trace that the collector has", || {
            let answer = daemon.ask("GET", "/metrics", OPEN_METRICS)?;
            let line = |line: &&str| line.starts_with(family) && line.contains(" # {trace_id=\"");
            let line = answer.body.lines().find(line)?.to_owned();
            known().any(|id| line.contains(&hex(&id))).then_some(line)
        });
        if kept == "failed" {
            assert!(exposed.contains("reason=\"http_5xx\"") && exposed.contains(&id), "{exposed}");
        }
        until("the same exported", || {
            let exported = exemplars(&collector, family);
            known().any(|id| exported.iter().any(|one| one.trace_id == id)).then_some(())
        });
    }
}

#[test]
fn no_exported_span_has_a_secret() {
    let echo = Echo::start();
    let collector = Collector::start(Speaks::Http, None, &[Reply::Take]);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, key) = (folder.path().join("a.yml"), folder.path().join("key"));
    fs::write(&key, PLANTED).expect("written");
    let config = format!(
        "telemetry: {{otlp: {{endpoint: \"{}/base\", protocol: http, traces: {{sample: 1}}}}}}\n\
         targets:\n  - {{name: a, url: \"{}\", models: [m], authorization: {{credentials_file: key}}}}\n\
         workloads:\n  w: {{fixed: {{prompt: hi, max_tokens: 2}}}}\n\
         probes:\n  - {{name: p, targets: all, workload: w, interval: 200ms, timeout: 5s}}\n",
        collector.url(),
        echo.url()
    );
    fs::write(&file, config).expect("written");
    let daemon = Daemon::serve(&file, &[]);
    until("every way of giving away", || (echo.answered() > 2 * WAYS).then_some(()));
    daemon.attempts("a", WAYS as f64);
    let traces = until("their traces", || {
        let traces = traces(&collector);
        (traces.len() >= WAYS).then_some(traces)
    });
    assert!(traces.iter().any(|all| says(&all[0], "error.type") == Some("http_5xx")), "{traces:?}");
    assert!(!format!("{traces:?}").contains("sk-planted"));
}
