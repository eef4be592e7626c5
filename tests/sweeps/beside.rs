//! What an engine tells of a step while the target is also probed.

use std::fs;

use serde_json::Value;

use crate::{
    daemon::until,
    site::{Site, json, run_now},
};

/// The record of a run, once it has ended.
fn record(daemon: &crate::daemon::Daemon, id: &str) -> Value {
    until("the record", || {
        let answer = daemon.get(&format!("/api/v1/runs/{id}.json"));
        (answer.status == 200).then(|| json(&answer)).filter(|run| run["ended_at"].is_number())
    })
}

#[test]
fn our_own_beats_beside_a_sweep_are_not_the_load_of_others() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: short}\n");
    let metrics = format!(
        "models: [sim-8b], engine_metrics: {{url: \"{}/metrics\", interval: 1s}}}}",
        site.sim.base_url()
    );
    // Beats of many tokens, a few at once, beside one user whose answers are short.
    let text = fs::read_to_string(site.file())
        .expect("written")
        .replace("models: [sim-8b]}", &metrics)
        .replace("workload: w, interval", "workload: long, interval")
        .replace("workloads: {", "workloads: {long: {fixed: {prompt: hi, max_tokens: 200}}, ")
        .replace("concurrency: [1, 2]}, requests_per_step: 10", "concurrency: [1]}, duration: 2s");
    fs::write(site.file(), text).expect("written");
    let daemon = site.serve(&["--web.enable-lifecycle"]);
    daemon.attempts("t", 5.0);
    let id = run_now(&daemon);
    let run = record(&daemon, &id);
    let step = &run["steps"][0];
    let told = &step["engine"];
    let of = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("no {name}: {told}"));
    // Two beats at least, which would be too many if they were others'.
    assert!(of("beat_output_tokens") >= 400.0, "{told}");
    assert!(of("generation_tokens") > of("own_output_tokens") + 128.0, "{told}");
    assert_eq!(of("foreign_token_ratio"), 0.0, "{told}");
    let marks = step["validity"]["marks"].as_array().expect("a list");
    assert!(!marks.contains(&Value::from("contaminated")), "{}", step["validity"]);
}
