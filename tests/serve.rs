//! `tokenbeat serve` as a process: it starts, beats, is scraped, and stops in good order.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/alerting, which has it scraped")]
#[path = "support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{fs, net::TcpListener, path::PathBuf};

use daemon::{Daemon, config, tokenbeat, until};
use nix::sys::signal::Signal;
use tokenbeat::sim::{Dist, FaultRule, Sim, SimSpec, SpawnedSim};

fn engine(ttft_ms: f64) -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(ttft_ms), Dist::constant_ms(1.0));
    Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine")
}

/// An engine that accepts and never answers.
fn silent_engine() -> SpawnedSim {
    let fault = "silence_before_head".parse().expect("a known fault");
    let faults = vec![FaultRule { fault, ratio: 1.0 }];
    Sim::spawn(SimSpec { faults, ..SimSpec::default() }).expect("an engine")
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }
}

#[test]
fn it_serves_beats_and_ends_what_is_in_flight() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (sim, files) = (engine(300.0), Files::new());
        let file = files.put("a.yml", &config(&[("t", sim.base_url())], ""));
        let mut daemon = Daemon::serve(&file, &[]);
        assert_eq!(daemon.get("/-/healthy").status, 200);
        until("readiness", || (daemon.get("/-/ready").status == 200).then_some(()));
        let before = daemon.attempts("t", 1.0);
        daemon.attempts("t", before + 2.0);
        assert_eq!(daemon.value("tokenbeat_probe_success", "t"), Some(1.0));
        let inflight = || daemon.value("tokenbeat_probe_inflight", "t");
        until("a beat in flight", || inflight().filter(|count| *count > 0.0));
        daemon.signal(signal);
        let status = daemon.ended();
        assert_eq!(status.code(), Some(0), "{}", daemon.output());
        assert!(daemon.output().contains("message=stopped"), "{}", daemon.output());
        // The engine saw every one of its requests through to the end.
        let done: f64 = exposition::text(&sim.handle().metrics())
            .values
            .iter()
            .filter(|((name, _), _)| name == "vllm:request_success_total")
            .map(|(_, value)| value)
            .sum();
        assert_eq!(done, sim.handle().requests() as f64);
    }
}

#[test]
fn the_drain_has_an_end() {
    let (sim, files) = (silent_engine(), Files::new());
    let file = files.put("a.yml", &config(&[("t", sim.base_url())], ""));
    let mut daemon = Daemon::serve(&file, &["--shutdown.drain-timeout", "200ms"]);
    until("a beat in flight", || (sim.handle().requests() > 0).then_some(()));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(daemon.output().contains("beats were still in flight"), "{}", daemon.output());
}

#[test]
fn a_second_signal_ends_at_once() {
    for (second, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let (sim, files) = (silent_engine(), Files::new());
        let file = files.put("a.yml", &config(&[("t", sim.base_url())], ""));
        let mut daemon = Daemon::serve(&file, &["--shutdown.drain-timeout", "1h"]);
        until("a beat in flight", || (sim.handle().requests() > 0).then_some(()));
        daemon.signal(Signal::SIGTERM);
        daemon.wait_for("message=\"stopping;");
        assert_eq!(daemon.get("/-/ready").status, 503);
        assert_eq!(daemon.get("/-/healthy").status, 200);
        daemon.signal(second);
        assert_eq!(daemon.ended().code(), Some(code), "{}", daemon.output());
    }
}

#[test]
fn a_dead_and_a_stalled_target_delay_no_other() {
    let (healthy, silent, files) = (engine(5.0), silent_engine(), Files::new());
    let closed = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let targets = [
        ("healthy", healthy.base_url()),
        ("dead", closed.as_str()),
        ("nameless", "http://no-such-host.invalid"),
        ("silent", silent.base_url()),
    ];
    let file = files.put("a.yml", &config(&targets, ", connect_timeout: 5s"));
    let daemon = Daemon::serve(&file, &[]);
    // Beats of the silent target pile up, and all the others go on meanwhile.
    let inflight = || daemon.value("tokenbeat_probe_inflight", "silent");
    until("beats in flight", || inflight().filter(|count| *count >= 5.0));
    let (was_healthy, was_dead) = (daemon.attempts("healthy", 1.0), daemon.attempts("dead", 1.0));
    daemon.attempts("healthy", was_healthy + 5.0);
    daemon.attempts("dead", was_dead + 5.0);
    let samples = daemon.scrape();
    let failures = |target, reason| {
        let labels = [("target", target), ("reason", reason)];
        samples.get("tokenbeat_probe_failures_total", &labels)
    };
    assert!(failures("dead", "connect") >= 5.0);
    assert_eq!(daemon.value("tokenbeat_probe_success", "dead"), Some(0.0));
    assert_eq!(daemon.value("tokenbeat_probe_success", "healthy"), Some(1.0));
    assert_eq!(daemon.get("/-/ready").status, 200, "a dead target is the target's affair");
}

#[test]
fn a_shortage_of_our_own_is_not_the_targets_failure() {
    let (sim, files) = (engine(5.0), Files::new());
    // Beats that hang hold their descriptors, until there are none left for the next ones.
    sim.handle().set_faults(["silence_before_head"; 60]).expect("a known fault");
    let file = files.put(
        "a.yml",
        &format!(
            "targets: [{{name: t, url: \"{}\", models: [sim-8b]}}]\n\
             workloads: {{w: {{synthetic: {{output_tokens: 4}}}}}}\n\
             probes: [{{name: p, targets: all, workload: w, interval: 100ms, timeout: 5s}}]\n",
            sim.base_url()
        ),
    );
    let binary = env!("CARGO_BIN_EXE_tokenbeat");
    let script = format!(
        "ulimit -n 40; exec {binary} serve --web.listen-address 127.0.0.1:0 --config.file {}",
        file.display()
    );
    let daemon = Daemon::start(std::process::Command::new("sh").args(["-c", &script]));
    daemon.wait_for("outcome=local");
    // The script runs out, the descriptors come back, and all is well again.
    sim.handle().set_faults([]).expect("no fault");
    let samples = until("a scrape after a success", || {
        let answer = daemon.ask("GET", "/metrics", "")?;
        let samples = exposition::text(&answer.body);
        (samples.get("tokenbeat_probe_success", &[]) == 1.0).then_some(samples)
    });
    let counted = |name: &str, reason: &str| samples.get(name, &[("reason", reason)]);
    assert!(counted("tokenbeat_probe_unmeasured_total", "local") >= 1.0);
    for reason in ["dns", "connect", "tls", "reset"] {
        assert_eq!(counted("tokenbeat_probe_failures_total", reason), 0.0, "{reason}");
    }
}

#[test]
fn replicas_beat_at_times_of_their_own_and_keep_them() {
    let (sim, files) = (engine(5.0), Files::new());
    let phase = |labels: &str| {
        let labels = format!(", external_labels: {{replica: {labels}}}");
        let file = files.put("a.yml", &config(&[("t", sim.base_url())], &labels));
        let daemon = Daemon::serve(&file, &[]);
        daemon.attempts("t", 1.0);
        let name = "tokenbeat_probe_last_attempt_timestamp_seconds";
        daemon.value(name, "t").expect("a beat has ended").rem_euclid(0.2)
    };
    let (a, b, again) = (phase("a"), phase("b"), phase("a"));
    let apart = |one: f64, other: f64| {
        let distance = (one - other).abs();
        distance.min(0.2 - distance)
    };
    // A float holds today's seconds to a quarter of a microsecond; a new anchor of the wall clock
    // to some more.
    assert!(apart(a, again) < 0.002, "the phase survives a restart: {a} {again}");
    assert!(apart(a, b) > 0.01, "replicas do not beat at one instant: {a} {b}");
}

#[test]
fn a_wrong_configuration_ends_before_anything_listens() {
    let files = Files::new();
    let file = files.put("bad.yml", "global:\n  timeout: 5 parsecs\n");
    let config = file.to_str().expect("UTF-8");
    let output = tokenbeat(&["serve", "--config.file", config]).output().expect("it runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("bad.yml:2:12: "), "{words}");
    assert!(!words.contains("listening"), "{words}");
    let missing = tokenbeat(&["serve", "--config.file", "/no/such.yml"]).output().expect("it runs");
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such.yml"));
}

#[test]
fn an_occupied_port_is_named() {
    let files = Files::new();
    let file = files.put("a.yml", &config(&[("t", "http://127.0.0.1:1")], ""));
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let config = file.to_str().expect("UTF-8");
    let arguments = ["serve", "--config.file", config, "--web.listen-address", &address];
    let output = tokenbeat(&arguments).output().expect("it runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(&address) && words.contains("in use"), "{words}");
    assert!(!words.contains("panicked"), "{words}");
}

#[test]
fn the_demo_shows_both_targets() {
    let mut daemon =
        Daemon::start(&mut tokenbeat(&["demo", "--web.listen-address", "127.0.0.1:0"]));
    for target in ["steady", "moody"] {
        daemon.attempts(target, 1.0);
    }
    let page = daemon.get("/");
    assert_eq!(page.status, 200, "{}", page.head);
    assert!(page.body.contains("steady") && page.body.contains("moody"));
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.output());
}

#[cfg(feature = "tokenizer")]
#[test]
fn a_probe_that_checks_usage_has_the_tokenizer_read() {
    let (sim, files) = (engine(5.0), Files::new());
    // It counts characters, where this engine counts words.
    let tokenizer = files.put(
        "tokenizer.json",
        r#"{
            "version": "1.0",
            "pre_tokenizer": {
                "type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": false
            },
            "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
        }"#,
    );
    let target = |name: &str, file: &std::path::Path| {
        format!(
            "  - {{name: {name}, url: \"{}\", models: [sim-8b], tokenizer: {{file: '{}'}}}}\n",
            sim.base_url(),
            file.display()
        )
    };
    let text = format!(
        "targets:\n{}{}\
         workloads: {{w: {{synthetic: {{output_tokens: 8, expect: {{consistent_usage: true}}}}}}}}\n\
         probes: [{{name: p, targets: all, workload: w, interval: 200ms, timeout: 5s}}]\n",
        target("counted", &tokenizer),
        target("uncounted", std::path::Path::new("missing.json")),
    );
    let daemon = Daemon::serve(&files.put("a.yml", &text), &[]);
    let mismatches = |target| {
        let labels = [("target", target), ("reason", "usage_mismatch")];
        daemon.scrape().get("tokenbeat_probe_failures_total", &labels)
    };
    until("a count that differs", || (mismatches("counted") > 0.0).then_some(()));
    daemon.wait_for("the tokens of answers are not counted");
    daemon.attempts("uncounted", 2.0);
    assert_eq!(mismatches("uncounted"), 0.0);
    assert_eq!(daemon.value("tokenbeat_probe_success", "uncounted"), Some(1.0));
}
