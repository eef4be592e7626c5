//! What holds a sweep back, or ends it: guards and budgets.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use crate::site::{JSON, Site, ask, at_least, json, run_now};

#[test]
fn a_guard_holds_a_sweep_back() {
    let site = Site::new();
    site.configure(
        "- {name: s, targets: [t], scenario: short, guard: {probe_failure_ratio: 50%}}\n",
    );
    site.sim.handle().set_faults(["http_503"; 400]).expect("a known fault");
    let daemon = site.serve(&["--web.enable-lifecycle"]);
    daemon.attempts("t", 5.0);
    let held = ask(&daemon, "/api/v1/sweeps/s/run", JSON);
    assert_eq!(held.status, 409, "{}", held.body);
    let refused = &json(&held)["refused"][0];
    assert!(refused["reason"].as_str().is_some_and(|why| why.starts_with("guard")), "{refused}");
}

/// An engine's metrics page that always tells of so many waiting requests.
fn queue_of(waiting: u32) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    // The thread ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = format!("vllm:num_requests_waiting{{model_name=\"m\"}} {waiting}.0\n");
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close");
            let _ = write!(stream, "{head}\r\n\r\n{body}");
        }
    });
    format!("http://{address}/metrics")
}

#[test]
fn a_full_queue_holds_a_sweep_back_and_an_unknown_one_does_not() {
    for (url, status) in [
        (queue_of(3), 409),
        (queue_of(2), 202),
        // Nobody listens there.
        ("http://127.0.0.1:1/metrics".to_owned(), 202),
    ] {
        let site = Site::new();
        let guard = "guard: {engine_requests_waiting: 2}";
        site.configure(&format!("- {{name: s, targets: [t], scenario: short, {guard}}}\n"));
        let text = fs::read_to_string(site.file()).expect("written");
        let metrics = format!("models: [sim-8b], engine_metrics: {{url: \"{url}\"}}}}");
        fs::write(site.file(), text.replace("models: [sim-8b]}", &metrics)).expect("written");
        let daemon = site.serve(&["--web.enable-lifecycle"]);
        let answer = ask(&daemon, "/api/v1/sweeps/s/run", JSON);
        assert_eq!(answer.status, status, "{url}: {}", answer.body);
        let warning = "the queue of the engine is not known";
        if url.contains(":1/") {
            daemon.wait_for(warning);
        } else {
            assert!(!daemon.output().contains(warning), "{}", daemon.output());
        }
    }
}

#[test]
fn a_budget_that_is_spent_ends_a_run_and_is_named() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: short}\n");
    let text = fs::read_to_string(site.file()).expect("written");
    let lines = text.lines().filter(|line| !line.starts_with("probes:"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let budget = "models: [sim-8b], budget: {requests_per_hour: 15}";
    fs::write(site.file(), text.replace("models: [sim-8b]", budget)).expect("written");
    let daemon = site.serve(&["--web.enable-lifecycle"]);
    let id = run_now(&daemon);
    let interrupted = [("sweep", "s"), ("result", "interrupted")];
    at_least(&daemon, "tokenbeat_sweep_runs_total", &interrupted, 1.0);
    let record = json(&daemon.get(&format!("/api/v1/runs/{id}")));
    let reason = record["reason"].as_str().expect("a reason");
    assert!(reason.contains("`budget.requests_per_hour: 15`"), "{reason}");
    let refused = json(&ask(&daemon, "/api/v1/sweeps/s/run", JSON))["refused"][0].clone();
    assert!(refused["reason"].as_str().is_some_and(|why| why.starts_with("budget")), "{refused}");
}
