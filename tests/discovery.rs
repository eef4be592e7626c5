//! `models: all`: the models that a target lists are probed, and no more than its limit.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with other tests, which use it all")]
#[path = "support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{collections::BTreeSet, fs, net::TcpListener};

use daemon::{Daemon, until};
use nix::sys::signal::Signal;
use tokenbeat::sim::{Sim, SimSpec};

#[test]
fn the_models_that_a_target_lists_are_probed() {
    let models = ["delta", "alpha", "charlie", "bravo"].map(str::to_owned).to_vec();
    let sim = Sim::spawn(SimSpec { models, ..SimSpec::default() }).expect("an engine");
    let dead = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let text = format!(
        "targets:\n\
         \x20 - {{name: many, url: '{}', api: openai_chat, models: all, models_limit: 3}}\n\
         \x20 - {{name: dead, url: '{dead}', api: openai_chat, models: all}}\n\
         workloads:\n\
         \x20 short: {{synthetic: {{output_tokens: 4}}}}\n\
         probes:\n\
         \x20 - {{name: canary, targets: all, workload: short, interval: 100ms, timeout: 5s}}\n",
        sim.base_url()
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    fs::write(&file, text).expect("written");
    let daemon = Daemon::serve(&file, &[]);
    // In alphabetical order, so that the limit always leaves out the same ones.
    let asked = until("beats of three models", || {
        let requests = sim.handle().recent_requests();
        let models = requests.iter().filter(|request| request.method == "POST");
        let asked: BTreeSet<_> = models
            .filter_map(|request| request.json()["model"].as_str().map(str::to_owned))
            .collect();
        (asked.len() >= 3).then_some(asked)
    });
    assert_eq!(asked.iter().map(String::as_str).collect::<Vec<_>>(), ["alpha", "bravo", "charlie"]);
    let samples = daemon.scrape();
    assert_eq!(samples.get("tokenbeat_discovery_targets", &[]), 3.0);
    assert_eq!(samples.get("tokenbeat_discovery_dropped_models", &[]), 1.0);
    assert!(samples.get("tokenbeat_discovery_failures_total", &[]) >= 1.0);
    assert!(daemon.output().contains("the models could not be asked for"), "{}", daemon.output());

    // A target that does not answer now keeps what it had, in the gauge as on the wire.
    let failures = samples.get("tokenbeat_discovery_failures_total", &[]);
    drop(sim);
    daemon.signal(Signal::SIGHUP);
    let samples = until("two more failures", || {
        let samples = daemon.scrape();
        let found = samples.get("tokenbeat_discovery_failures_total", &[]);
        (found >= failures + 2.0).then_some(samples)
    });
    assert_eq!(samples.get("tokenbeat_discovery_targets", &[]), 3.0);
    assert_eq!(samples.get("tokenbeat_discovery_dropped_models", &[]), 1.0);

    // One that is removed is forgotten.
    let text = fs::read_to_string(&file).expect("read");
    let rest: Vec<_> = text.lines().filter(|line| !line.contains("name: many")).collect();
    fs::write(&file, rest.join("\n")).expect("written");
    daemon.signal(Signal::SIGHUP);
    until("no target", || {
        (daemon.scrape().get("tokenbeat_discovery_targets", &[]) == 0.0).then_some(())
    });
}
