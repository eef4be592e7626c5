//! Every query of every panel, asked of a real Prometheus that holds a demo run: it returns series,
//! and where the demo says what they must be, these values. Once with classic histograms alone, once
//! with native ones alone.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use serde_json::Value;
use tokenbeat::dashboard::{Board, Kind, Query};

use crate::{
    demo::{Demo, Form, ITL_MS, TTFT_MS},
    externals, file, names,
    real_prometheus::RealPrometheus,
};

/// What stands for Grafana's variables. Windows are short, because the run is.
const VARIABLES: [(&str, &str); 11] = [
    ("$__rate_interval", "10s"),
    ("$__range", "20s"),
    ("$compare", "3s"),
    ("$instance", ".+"),
    ("$target", ".*"),
    ("$model", ".+"),
    ("$probe", ".+"),
    ("$sweep", ".+"),
    ("$slo", ".+"),
    ("$gpu", ".+"),
    ("$__interval", "1s"),
];

fn filled(expression: &str) -> String {
    let fill = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
    let filled = VARIABLES.iter().fold(expression.to_owned(), fill);
    assert!(!filled.contains('$'), "{filled}");
    filled
}

/// The series of a query, once there are any.
fn series(prometheus: &mut RealPrometheus, expression: &str) -> Vec<Value> {
    prometheus.wait_for(&filled(expression), |found| (!found.is_empty()).then(|| found.to_vec()))
}

/// A query of a dashboard by its panel and legend.
fn query(board: Board, title: &str, legend: &str) -> Query {
    let panels = board.dashboard().rows.into_iter().flat_map(|row| row.panels);
    let mut found: Vec<Query> = panels
        .filter(|panel| panel.title == title && panel.kind != Kind::Heatmap)
        .flat_map(|panel| panel.queries)
        .filter(|query| query.legend == legend)
        .collect();
    assert_eq!(found.len(), 1, "{board:?} {title} {legend}");
    found.remove(0)
}

#[test]
fn every_panel_returns_series_and_the_planted_values() {
    let test = "every_panel_returns_series_and_the_planted_values";
    let Some(program) = externals::external(test, "prometheus") else { return };
    let demo = Demo::start();
    let mut servers =
        [Form::Classic, Form::Native].map(|form| (form, demo.prometheus(&program, form)));
    demo.daemon.attempts("steady", 4.0);
    demo.sweep();
    // Beats of the sweep's time are left out: these are of a time without.
    let before = demo.daemon.attempts("steady", 4.0);
    demo.daemon.attempts("steady", before + 40.0);
    let mut counts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (form, prometheus) in &mut servers {
        only_one_form(prometheus, *form);
        for (place, expression) in names::of_dashboards().into_iter().chain(names::of_annotations())
        {
            let found = series(prometheus, &expression).len();
            counts.entry(place).or_default().push(found);
        }
        latencies(prometheus, *form);
        shares(prometheus);
        telemetry(prometheus);
        sweeps(prometheus);
    }
    report(&counts);
}

/// That the server keeps the form that it was started for, and no other.
fn only_one_form(prometheus: &mut RealPrometheus, form: Form) {
    let count = |prometheus: &mut RealPrometheus, name: &str| -> usize {
        let query = format!("{{__name__=~\"up|{name}\",job=\"tokenbeat\"}}");
        let is = |one: &&Value| one["metric"]["__name__"] == *name;
        prometheus
            .wait_for(&query, |found| (!found.is_empty()).then(|| found.iter().filter(is).count()))
    };
    let classic = count(prometheus, "tokenbeat_probe_ttft_seconds_bucket");
    let native = count(prometheus, "tokenbeat_probe_ttft_seconds");
    assert_eq!((classic > 0, native > 0), (form == Form::Classic, form == Form::Native), "{form}");
}

/// Waits until each series of `query` that has these labels is within the bounds.
fn expect(
    prometheus: &mut RealPrometheus,
    (board, title, legend): (Board, &str, &str),
    labels: &[(&str, &str)],
    (least, most): (f64, f64),
) {
    let query = filled(&query(board, title, legend).expr);
    prometheus.wait_for(&query, |found| {
        let has = |one: &&Value| labels.iter().all(|(name, value)| one["metric"][name] == *value);
        let value = |one: &Value| one["value"][1].as_str()?.parse::<f64>().ok();
        let values: Vec<f64> = found.iter().filter(has).filter_map(value).collect();
        let within = |value: &f64| (least..=most).contains(value);
        (!values.is_empty() && values.iter().all(within)).then_some(())
    });
}

fn exact(value: f64) -> (f64, f64) {
    let slack = value.abs() * 1e-6;
    (value - slack, value + slack)
}

fn latencies(prometheus: &mut RealPrometheus, form: Form) {
    // A classic percentile is known to within its bucket, a native one to within 5 %; above that
    // there is room for a busy machine, as the engine runs on it too.
    let (ttft, tpot) = match form {
        Form::Classic => ((0.3, 0.45), (0.02, 0.03)),
        Form::Native => ((0.95 * TTFT_MS / 1e3, 0.45), (0.95 * ITL_MS / 1e3, 0.03)),
    };
    let steady = [("target", "steady")];
    expect(prometheus, (Board::Fleet, "Targets", "TTFT p50"), &steady, ttft);
    expect(prometheus, (Board::Fleet, "Targets", "TPOT p50"), &steady, tpot);
    let lines = "Time to first token, p50, now and before";
    expect(prometheus, (Board::Fleet, lines, "{{target}} {{model}}"), &steady, ttft);
    expect(prometheus, (Board::Target, "Time to first token", "p50"), &[], ttft);
    expect(
        prometheus,
        (Board::Target, "Time to first token", "limit of {{slo}}"),
        &[("slo", "easy")],
        exact(10.0),
    );
    let wait = "Mean time in each phase";
    expect(
        prometheus,
        (Board::Target, wait, "{{phase}}"),
        &[("phase", "decode")],
        (7.0 * 0.95 * ITL_MS / 1e3, 0.3),
    );
}

fn shares(prometheus: &mut RealPrometheus) {
    let (steady, gone) = ([("target", "steady")], [("target", "gone")]);
    expect(prometheus, (Board::Fleet, "Targets failing", "failing"), &[], exact(1.0));
    expect(prometheus, (Board::Fleet, "Targets", "State"), &steady, exact(1.0));
    expect(prometheus, (Board::Fleet, "Targets", "State"), &gone, exact(0.0));
    expect(prometheus, (Board::Fleet, "Targets", "Failed"), &steady, exact(0.0));
    expect(prometheus, (Board::Fleet, "Targets", "Failed"), &gone, exact(1.0));
    expect(prometheus, (Board::Fleet, "Regressions", "regressions"), &[], exact(1.0));
    let reasons = (Board::Target, "Failures by reason", "{{reason}}");
    expect(prometheus, reasons, &[("reason", "connect")], (0.1, 10.0));
    // All bad at an objective of one half: spent twice over. All good: nothing spent.
    let named = "{{slo}}: {{target}} {{model}} {{probe}}";
    let of = |slo| [("target", "steady"), ("slo", slo)];
    expect(prometheus, (Board::Slo, "Budget left", named), &of("impossible"), exact(-1.0));
    expect(prometheus, (Board::Slo, "Budget left", named), &of("easy"), exact(1.0));
    expect(prometheus, (Board::Slo, "Fastest burn, 1 h", "1 h"), &[], exact(2.0));
    // A minute says nothing about a window of a day.
    expect(prometheus, (Board::Slo, "SLOs", "Verdict"), &of("impossible"), exact(1.0));
    let each = "{{metric}} of {{slo}}: {{target}} {{model}} {{probe}}";
    let threshold = |metric| [("target", "steady"), ("slo", "impossible"), ("metric", metric)];
    expect(prometheus, (Board::Slo, "Each threshold alone", each), &threshold("ttft"), exact(0.0));
    expect(prometheus, (Board::Slo, "Each threshold alone", each), &threshold("tpot"), exact(1.0));
    expect(prometheus, (Board::Daemon, "Configurations in force", "different"), &[], exact(1.0));
}

fn telemetry(prometheus: &mut RealPrometheus) {
    let named = "{{target}} gpu {{gpu}} {{mig}}";
    let gpu = |title| (Board::Gpu, title, named);
    expect(prometheus, gpu("SM active"), &[("target", "node"), ("gpu", "0")], exact(0.42));
    // A GPU that no target claims is shown as well.
    expect(prometheus, gpu("SM active"), &[("uuid", "GPU-1")], exact(0.02));
    // The exporter's own: two GPUs that rest.
    let steady = [("target", "steady")];
    for (title, value) in
        [("SM active", 0.0), ("Power", 75.0), ("Clock of the SMs", 1.98e9), ("Temperature", 32.0)]
    {
        expect(prometheus, gpu(title), &steady, exact(value));
    }
    expect(prometheus, (Board::Gpu, "Collectors", "{{target}} {{source}}"), &steady, exact(1.0));
    expect(prometheus, gpu("Utilisation"), &[("target", "node")], exact(0.98));
    expect(prometheus, (Board::Gpu, "SM active", "mean"), &[], exact(0.11));
    let moved = |legend| (Board::Gpu, "Traffic of NVLink and PCIe", legend);
    let nvlink = moved("NVLink {{direction}}, {{target}} gpu {{gpu}} {{mig}}");
    let pcie = moved("PCIe {{direction}}, {{target}} gpu {{gpu}} {{mig}}");
    let way = |direction| [("target", "node"), ("direction", direction)];
    expect(prometheus, nvlink, &way("transmit"), exact(6e10));
    expect(prometheus, nvlink, &way("receive"), exact(5e10));
    expect(prometheus, pcie, &way("receive"), exact(2e9));
    expect(prometheus, pcie, &steady, exact(0.0));
    let program = (Board::Gpu, "Memory by program", "{{process}}, {{target}} gpu {{gpu}} {{mig}}");
    expect(prometheus, program, &[("target", "node"), ("process", "python3")], exact(6.4e10));
    // 300 J and 150 tokens a second.
    expect(
        prometheus,
        (Board::Gpu, "Energy of an output token", "{{target}}"),
        &[("target", "node")],
        exact(2.0),
    );
    let engine = |title, legend| (Board::Target, title, legend);
    let requests = "Requests in the engine";
    expect(
        prometheus,
        engine(requests, "waiting, {{target}} {{model}}"),
        &[("target", "node")],
        exact(3.0),
    );
    let hits = "prefix cache hits, {{target}} {{model}}";
    // The engine's own: its clients wait for it and for nothing else.
    let running = "running, {{target}} {{model}}";
    expect(prometheus, engine(requests, running), &steady, (0.0, 64.0));
    expect(prometheus, engine("Caches of the engine", hits), &[("target", "node")], exact(0.25));
    let mean = "Time to first token: ours and the engine's";
    expect(
        prometheus,
        engine(mean, "engine, {{target}} {{model}}"),
        &[("target", "node")],
        exact(0.2),
    );
    expect(
        prometheus,
        engine(mean, "engine, {{target}} {{model}}"),
        &steady,
        (0.95 * TTFT_MS / 1e3, 0.45),
    );
    expect(
        prometheus,
        engine(mean, "in its queue, {{target}} {{model}}"),
        &[("target", "node")],
        exact(0.1),
    );
}

fn sweeps(prometheus: &mut RealPrometheus) {
    let of_step = |legend| (Board::Sweeps, "Steps of the latest run", legend);
    for (step, load) in [("0", 1.0), ("1", 2.0)] {
        let labels = [("target", "steady"), ("sweep", "small"), ("step", step)];
        expect(prometheus, of_step("Load"), &labels, exact(load));
        expect(prometheus, of_step("Samples"), &labels, exact(12.0));
        expect(prometheus, of_step("Good"), &labels, exact(1.0));
        expect(prometheus, of_step("TTFT p50"), &labels, (0.95 * TTFT_MS / 1e3, 0.45));
    }
    let knee = (Board::Sweeps, "Knee", "{{sweep}}: {{target}} {{model}}");
    expect(prometheus, knee, &[("target", "node")], exact(16.0));
}

/// How many series each query returned: for whoever wants to see it.
fn report(counts: &BTreeMap<String, Vec<usize>>) {
    let mut text = String::from("query\tclassic\tnative\n");
    for (place, found) in counts {
        let found: Vec<String> = found.iter().map(usize::to_string).collect();
        let _ = writeln!(text, "{place}\t{}", found.join("\t"));
    }
    fs::write(file("target/dashboards.tsv"), text).expect("written");
}
