//! `tokenbeat bench` beside the engine's own metrics: found by itself, named, refused, and whose
//! credentials go there.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use daemon::tokenbeat;
use serde_json::Value;
use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

const BEARER: &str = "sk-planted-bearer-78";

fn engine() -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
    Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine")
}

/// What standard error says, and the record of the run if there is one.
fn bench(url: &str, flags: &[&str]) -> (String, Option<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("run.json");
    let file = record.to_str().expect("UTF-8");
    let fixed = ["--isl", "20", "--osl", "8", "-n", "10", "--output", file];
    let output = tokenbeat(&[&["bench", url][..], &fixed, flags].concat())
        .env("PLANTED", BEARER)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("planted"), "{said}");
    let written = fs::read(&record).ok();
    (said, written.map(|bytes| serde_json::from_slice(&bytes).expect("JSON")))
}

/// Whether `sim` was ever sent the key.
fn has_the_key(sim: &SpawnedSim) -> bool {
    let seen = sim.handle().recent_requests();
    seen.iter().any(|one| one.headers.iter().any(|(_, value)| value.contains(BEARER)))
}

/// A server that lists a model and answers the `n`th request for `/metrics` with `metrics(n)`.
fn server(metrics: impl Fn(u32) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    // The thread ends with the test's process.
    thread::spawn(move || {
        let mut asked = 0;
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let answer = if request.starts_with("GET /metrics ") {
                asked += 1;
                metrics(asked)
            } else if request.starts_with("GET /v1/models ") {
                whole(r#"{"object": "list", "data": [{"id": "m", "owned_by": "vllm"}]}"#)
            } else {
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into()
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

fn whole(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

#[test]
fn metrics_at_the_target_are_found_and_mark_nothing_that_is_ours() {
    let sim = engine();
    let (said, record) = bench(sim.base_url(), &["--api-key-env", "PLANTED"]);
    assert!(said.contains("beside it the metrics of vllm at /metrics"), "{said}");
    let step = &record.expect("a record")["steps"][0];
    let told = &step["engine"];
    assert_eq!(told["generation_tokens"].as_f64(), told["own_output_tokens"].as_f64(), "{told}");
    assert_eq!(told["prompt_tokens"].as_f64(), told["own_prompt_tokens"].as_f64(), "{told}");
    assert_eq!((&told["foreign_token_ratio"], &told["restarts"]), (&0.0.into(), &0.into()));
    let marks = step["validity"]["marks"].as_array().expect("a list");
    assert!(!marks.contains(&"contaminated".into()), "{marks:?}");
    assert!(has_the_key(&sim), "it is the target's own origin");
}

#[test]
fn who_wants_none_has_none() {
    let sim = engine();
    let (said, record) = bench(sim.base_url(), &["--engine-metrics", "off"]);
    assert!(!said.contains("/metrics"), "{said}");
    // What its answers tell is told all the same.
    let told = &record.expect("a record")["steps"][0]["engine"];
    assert_eq!((&told["readings"], &told["generation_tokens"]), (&0.into(), &Value::Null));
}

#[test]
fn a_key_goes_to_the_target_only() {
    let (sim, elsewhere) = (engine(), engine());
    let other = format!("{}/metrics", elsewhere.base_url());
    let (_, record) =
        bench(sim.base_url(), &["--api-key-env", "PLANTED", "--engine-metrics", &other]);
    assert!(record.expect("a record")["steps"][0]["engine"].is_object());
    let asked = elsewhere.handle().recent_requests();
    assert!(!asked.is_empty() && !has_the_key(&elsewhere), "{asked:?}");

    // A redirect leads nowhere.
    let trap = engine();
    let location = format!("{}/metrics", trap.base_url());
    let target = server(move |_| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n"
        )
    });
    let (said, _) = bench(&target, &["--api-key-env", "PLANTED"]);
    assert!(said.contains("/metrics: status 302; --engine-metrics URL"), "{said}");
    assert!(trap.handle().recent_requests().is_empty());
}

#[test]
fn what_is_no_engines_or_of_several_in_turn_is_left_out_and_said() {
    let unknown = server(|_| whole("process_cpu_seconds_total 4\n"));
    let several = server(|asked| {
        let tokens = if asked % 2 == 0 { 500 } else { 90_000 };
        whole(&format!("vllm:generation_tokens_total{{model_name=\"m\"}} {tokens}\n"))
    });
    for (url, why) in [(unknown, "no metric in it"), (several, "several processes")] {
        let (said, _) = bench(&url, &[]);
        assert!(said.contains("nothing beside it from the engine") && said.contains(why), "{said}");
    }
}
