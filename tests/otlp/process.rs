//! The daemon itself: what it exports while it beats, and what it never tells.

use std::{collections::BTreeSet, fs};

use nix::sys::signal::Signal;
use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

use crate::{
    collector::{Collector, Reply, Speaks},
    daemon::{Daemon, until},
    exposition::Samples,
    otlp_samples,
};

/// What stands in a header, and in what the collector says.
const PLANTED: &str = "sk-planted-for-the-collector-7d21";

/// How a configuration ends that beats at `sim` in every `interval`.
fn beats(sim: &SpawnedSim, interval: &str) -> String {
    format!(
        "targets:\n  - {{name: a, url: \"{}\", models: [sim-8b]}}\n\
         workloads:\n  w: {{synthetic: {{input_tokens: 16, output_tokens: 4}}}}\n\
         probes:\n  - {{name: canary, targets: all, workload: w, interval: {interval}, timeout: 1s}}\n",
        sim.base_url()
    )
}

/// An engine that answers within some milliseconds.
fn engine() -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
    Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine")
}

/// What beats move, and nothing else does.
fn of_beats(samples: &Samples) -> Samples {
    let is =
        |name: &str| name.starts_with("tokenbeat_probe_") || name.starts_with("tokenbeat_slo_");
    let mut kept = Samples::default();
    for (key, value) in &samples.values {
        if is(&key.0) && !key.1.contains_key("le") {
            kept.values.insert(key.clone(), *value);
        }
    }
    kept
}

#[test]
fn a_daemon_exports_what_its_scrapes_show_and_the_rest_at_its_end() {
    let sim = engine();
    let collector = Collector::start(Speaks::Grpc, None, &[Reply::Take]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    let config = format!(
        "telemetry: {{otlp: {{endpoint: \"{}\", interval: 1s}}}}\n{}",
        collector.url(),
        beats(&sim, "4s")
    );
    fs::write(&file, config).expect("written");
    let mut daemon = Daemon::serve(&file, &[]);
    daemon.attempts("a", 1.0);
    // Between two scrapes that show the same, whatever was exported shows it too.
    until("an export between two scrapes that are the same", || {
        let before = of_beats(&daemon.scrape());
        let seen = collector.metrics().len();
        let between = until("an export", || collector.metrics().into_iter().nth(seen));
        let after = of_beats(&daemon.scrape());
        let exported = of_beats(&otlp_samples::read(&[between]).samples);
        assert!(before.values.len() > 40, "{}", before.values.len());
        (before == after).then(|| assert_eq!(exported, before))
    });
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    let last = collector.metrics().pop().expect("an export");
    let last = otlp_samples::read(&[last]).samples;
    let attempts = last.get("tokenbeat_probe_attempts_total", &[("target", "a")]);
    assert!(attempts >= 1.0, "{attempts}");
    assert_eq!(last.get("tokenbeat_probe_inflight", &[("target", "a")]), 0.0);
}

#[test]
fn a_reload_begins_and_ends_the_export_and_nothing_shows_a_secret() {
    let sim = engine();
    let collector =
        Collector::start(Speaks::Http, None, &[Reply::Refuse(format!("no: {PLANTED}"))]);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, secret) = (folder.path().join("a.yml"), folder.path().join("secret"));
    fs::write(&secret, PLANTED).expect("written");
    let beats = beats(&sim, "1s");
    fs::write(&file, &beats).expect("written");
    let mut daemon = Daemon::serve(&file, &["--log.level", "debug"]);
    daemon.attempts("a", 1.0);
    let exporting = format!(
        "telemetry: {{otlp: {{endpoint: \"{}/base\", protocol: http, interval: 1s, headers: \
         {{x-api-key: {{files: [secret]}}}}}}}}\n{beats}",
        collector.url()
    );
    fs::write(&file, &exporting).expect("written");
    daemon.signal(Signal::SIGHUP);
    until("exports", || (collector.exports().len() >= 2).then_some(()));
    daemon.wait_for("OTLP exports fail");
    for (headers, _) in collector.exports() {
        assert_eq!(headers["x-api-key"], PLANTED);
    }
    let rejected = until("a count", || {
        let samples = daemon.scrape();
        let count = samples.get("tokenbeat_otlp_exports_total", &[("outcome", "rejected")]);
        (count >= 2.0).then_some(count)
    });
    assert!(rejected >= 2.0);
    for path in ["/metrics", "/", "/config", "/api/v1/status"] {
        assert!(!daemon.get(path).body.contains("sk-planted"), "{path}");
    }
    fs::write(&file, &beats).expect("written");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("OTLP export ended");
    let attempts = daemon.attempts("a", 1.0);
    daemon.attempts("a", attempts + 2.0);
    let seen = collector.exports().len();
    daemon.attempts("a", attempts + 4.0);
    assert_eq!(collector.exports().len(), seen, "nothing is exported any more");
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    let output = daemon.output();
    assert!(!output.contains("sk-planted"), "{output}");
    let told: BTreeSet<&str> =
        output.lines().filter(|line| line.contains("OTLP exports fail")).collect();
    assert_eq!(told.len(), 1, "told once, not at every export");
    assert!(output.contains("<secret>"), "what the collector said is told without the secret");
}

#[test]
fn beats_go_on_beside_a_collector_that_hangs() {
    let sim = engine();
    let collector = Collector::start(Speaks::Grpc, None, &[Reply::Hang]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    let config = format!(
        "telemetry: {{otlp: {{endpoint: \"{}\", interval: 1s, timeout: 1s, traces: {{sample: 1}}}}}}\n{}",
        collector.url(),
        beats(&sim, "200ms")
    );
    fs::write(&file, config).expect("written");
    let mut daemon = Daemon::serve(&file, &[]);
    daemon.attempts("a", 10.0);
    until("an export that fails", || {
        let failed = daemon.scrape().get("tokenbeat_otlp_exports_total", &[("outcome", "failed")]);
        (failed >= 1.0).then_some(())
    });
    let samples = daemon.scrape();
    let is_failure = |name: &str| name == "tokenbeat_probe_failures_total";
    let failures = samples.values.iter().filter(|((name, _), _)| is_failure(name));
    assert_eq!(failures.map(|(_, value)| value).sum::<f64>(), 0.0);
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success(), "its end does not wait for the collector");
}
