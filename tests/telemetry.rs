//! What engines and GPUs tell, passed on by a daemon against the simulator.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
#[path = "support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
};

use daemon::{Daemon, until};
use exposition::Samples;
use nix::sys::signal::Signal;
use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

fn engine() -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
    Sim::spawn(SimSpec { ttft, itl, slots: 4, ..SimSpec::default() }).expect("an engine")
}

/// A target whose engine is `engine` and whose GPUs are told of by `gpus`; a beat an hour.
fn config(engine: &str, gpus: &str) -> String {
    format!(
        "targets:\n\
         \x20 - name: t\n\
         \x20   url: {engine}\n\
         \x20   models: [sim-8b]\n\
         \x20   authorization: {{credentials_file: key}}\n\
         \x20   engine_metrics: {{url: \"{engine}/metrics\", interval: 1s}}\n\
         \x20   gpu: {{dcgm: {{url: [\"{gpus}/dcgm/metrics\"], match: {{hostname: sim}}, interval: 1s}}}}\n\
         {OTHER}"
    )
}

const OTHER: &str = "\x20 - {name: other, url: \"http://127.0.0.1:9\", models: [m]}\n\
                     workloads: {w: {fixed: {prompt: hi, max_tokens: 2}}}\n\
                     probes: [{name: p, targets: [other], workload: w, interval: 1h, timeout: 1s}]\n";

/// One request to `sim`, answered.
fn ask(sim: &SpawnedSim, head: &str, body: &str) -> String {
    let address = sim.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

fn sum(samples: &Samples, name: &str) -> f64 {
    let of = samples.values.iter().filter(|((found, _), _)| found == name);
    of.map(|(_, value)| value).sum()
}

#[test]
fn a_daemon_passes_on_what_the_engine_and_its_gpus_say() {
    let (sim, gpus) = (engine(), engine());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    fs::write(folder.path().join("key"), "planted-key").expect("written");
    fs::write(&file, config(sim.base_url(), gpus.base_url())).expect("written");
    for _ in 0..3 {
        ask(
            &sim,
            "POST /v1/completions",
            r#"{"model": "sim-8b", "prompt": "a b c", "max_tokens": 7}"#,
        );
    }
    let daemon = Daemon::serve(&file, &[]);
    until("both sources", || {
        let up = |name| daemon.value(name, "t") == Some(1.0);
        (up("tokenbeat_engine_up") && up("tokenbeat_gpu_collector_up")).then_some(())
    });

    // The engine rests, so that what it says now is what was read.
    let said = exposition::text(&sim.handle().metrics());
    let told = daemon.scrape();
    for (ours, theirs) in [
        ("tokenbeat_engine_generation_tokens_total", "vllm:generation_tokens_total"),
        ("tokenbeat_engine_prompt_tokens_total", "vllm:prompt_tokens_total"),
        ("tokenbeat_engine_prefix_cache_queries_total", "vllm:prefix_cache_queries_total"),
        ("tokenbeat_engine_ttft_seconds_total", "vllm:time_to_first_token_seconds_sum"),
        ("tokenbeat_engine_ttft_requests_total", "vllm:time_to_first_token_seconds_count"),
        ("tokenbeat_engine_decode_seconds_total", "vllm:request_decode_time_seconds_sum"),
        ("tokenbeat_engine_requests_running", "vllm:num_requests_running"),
    ] {
        assert_eq!(
            told.get(ours, &[("target", "t"), ("model", "sim-8b")]),
            sum(&said, theirs),
            "{ours}"
        );
    }
    assert_eq!(sum(&said, "vllm:generation_tokens_total"), 21.0);
    let info = [("target", "t"), ("engine", "vllm")];
    assert_eq!(told.get("tokenbeat_engine_info", &info), 1.0);

    // The target's credentials go to the target, and nowhere else.
    let sent_to = |sim: &SpawnedSim| {
        let with_key = |name: &str| name.eq_ignore_ascii_case("authorization");
        let seen = sim.handle().recent_requests();
        seen.iter().any(|one| one.headers.iter().any(|(name, _)| with_key(name)))
    };
    assert!(sent_to(&sim) && !sent_to(&gpus));

    let after = ask(&gpus, "GET /dcgm/metrics", "");
    for gpu in ["0", "1"] {
        let of = [("target", "t"), ("gpu", gpu), ("mig", "")];
        assert_eq!(told.get("tokenbeat_gpu_power_watts", &of), 75.0);
        assert_eq!(told.get("tokenbeat_gpu_sm_clock_hertz", &of), 1.98e9);
        assert_eq!(told.get("tokenbeat_gpu_memory_total_bytes", &of), 143_771.0 * 1_048_576.0);
        // It rests, and so do its links.
        for direction in ["transmit", "receive"] {
            let of = [&of[..], &[("direction", direction)]].concat();
            assert_eq!(told.get("tokenbeat_gpu_nvlink_bytes_per_second", &of), 0.0);
            assert_eq!(told.get("tokenbeat_gpu_pcie_bytes_per_second", &of), 0.0);
        }
        let joules = told.get("tokenbeat_gpu_energy_joules_total", &of);
        let after = exposition::text(&after).get("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", &of[1..2]);
        assert!(joules > 0.0 && joules <= after / 1e3, "{joules} {after}");
    }

    // What stood for the moment does not outlive its source; what was counted does.
    drop((sim, gpus));
    until("the failures", || {
        let down = |name| daemon.value(name, "t") == Some(0.0);
        (down("tokenbeat_engine_up") && down("tokenbeat_gpu_collector_up")).then_some(())
    });
    let told = daemon.scrape();
    for gone in [
        "tokenbeat_engine_requests_running",
        "tokenbeat_engine_info",
        "tokenbeat_gpu_power_watts",
        "tokenbeat_gpu_info",
    ] {
        assert!(!told.has(gone), "{gone}");
    }
    assert_eq!(sum(&told, "tokenbeat_engine_generation_tokens_total"), 21.0);
    assert!(told.has("tokenbeat_gpu_energy_joules_total"));
    assert!(told.has("tokenbeat_gpu_collector_last_success_timestamp_seconds"));
    assert!(!daemon.output().contains("planted-key"));

    // A target that is gone takes its series along.
    fs::write(&file, format!("targets:\n{OTHER}")).expect("written");
    daemon.signal(Signal::SIGHUP);
    until("the series to disappear", || {
        let told = daemon.scrape();
        let of_it = |(name, _): &exposition::Key| {
            name.starts_with("tokenbeat_engine_") || name.starts_with("tokenbeat_gpu_")
        };
        (!told.values.keys().any(of_it)).then_some(())
    });
}

#[test]
fn the_api_tells_what_an_engine_has_loaded() {
    let sim = engine();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    let origin = sim.base_url();
    let text = format!(
        "targets:\n\
         \x20 - name: t\n\
         \x20   url: {origin}\n\
         \x20   models: [sim-8b]\n\
         \x20   engine_metrics: {{url: \"{origin}/metrics\", interval: 1s}}\n\
         workloads: {{w: {{fixed: {{prompt: hi, max_tokens: 2}}}}}}\n\
         probes: [{{name: p, targets: [t], workload: w, interval: 1h, timeout: 1s}}]\n"
    );
    fs::write(&file, text).expect("written");
    let daemon = Daemon::serve(&file, &[]);
    let engine = until("the engine to be recognised", || {
        let targets = daemon.get("/api/v1/targets").body;
        let targets: serde_json::Value = serde_json::from_str(&targets).ok()?;
        let engine = targets[0]["telemetry"][0].clone();
        engine.get("model").is_some().then_some(engine)
    });
    let spec = SimSpec::default();
    assert_eq!((&engine["name"], &engine["version"]), (&"vllm".into(), &"0.32.0".into()));
    assert_eq!(engine["model"], "sim-8b");
    assert_eq!(engine["max_model_tokens"], spec.max_output_tokens);
    assert_eq!(engine["cache_block_tokens"], 16);
    assert_eq!(engine["cache_blocks"], spec.kv_cache_tokens / 16);
    // Labels stay what they were.
    let info = [("target", "t"), ("engine", "vllm"), ("version", "0.32.0")];
    assert_eq!(daemon.scrape().get("tokenbeat_engine_info", &info), 1.0);
}
