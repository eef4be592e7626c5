//! Queue, batch, cache, metrics and stamps.

use serde_json::json;
use tokenbeat::client::keep_stamping_on;
use tokenbeat::clock::Stamp;
use tokenbeat::sim::{Dist, SimSpec, SpawnedSim, StampRecord};
use tokenbeat::timeline::StampSource;

use super::answers::{chat, quick, sim};
use super::client::Client;

/// The value of the sample whose name and labels are `series`.
fn value(sim: &SpawnedSim, series: &str) -> f64 {
    let text = sim.handle().metrics();
    let line = text.lines().find(|line| {
        line.rsplit_once(' ').is_some_and(|(name, _)| {
            name.replace("engine=\"0\",", "").replace("model_name=\"sim-8b\"", "") == series
        })
    });
    let line = line.unwrap_or_else(|| panic!("no {series} in:\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Waits until the sample has `wanted`; the engine has no end to signal.
fn wait_for(sim: &SpawnedSim, series: &str, wanted: f64) {
    for _ in 0..2_000 {
        if value(sim, series) == wanted {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("{series} is {} and never became {wanted}", value(sim, series));
}

fn named(prompt: &str, tokens: u32) -> serde_json::Value {
    json!({"prompt": prompt, "max_tokens": tokens, "stream": true})
}

#[test]
fn one_slot_serves_in_order_of_arrival() {
    let sim = sim(SimSpec { slots: 1, ttft: Dist::constant_ms(300.0), stamps: true, ..quick() });
    let names = ["first", "second", "third"];
    std::thread::scope(|scope| {
        for (index, name) in names.into_iter().enumerate() {
            let mut client = Client::new(&sim);
            client.send("POST", "/v1/completions", &[], &named(name, 3).to_string());
            match index {
                0 => wait_for(&sim, "vllm:num_requests_running{}", 1.0),
                waiting => wait_for(&sim, "vllm:num_requests_waiting{}", waiting as f64),
            }
            scope.spawn(move || assert_eq!(client.answer().words().len(), 3));
        }
    });
    let stamps = sim.handle().stamps();
    assert!(stamps.iter().map(|record| record.prompt.as_str()).eq(names), "{stamps:?}");
    let mut queued = 0;
    for pair in stamps.windows(2) {
        let free = pair[0].last_token_ns.unwrap();
        assert!(free < pair[1].first_token_ns.unwrap(), "one after the other: {pair:?}");
        queued += free.saturating_sub(pair[1].arrived_ns);
    }
    assert_eq!(value(&sim, "vllm:request_queue_time_seconds_count{}"), 3.0);
    assert!(value(&sim, "vllm:request_queue_time_seconds_sum{}") >= queued as f64 / 1e9);
    assert_eq!(value(&sim, "vllm:num_requests_waiting{}"), 0.0);
}

#[test]
fn a_client_that_leaves_the_queue_is_forgotten() {
    let sim = sim(SimSpec { slots: 1, ttft: Dist::constant_ms(30_000.0), ..quick() });
    let mut first = Client::new(&sim);
    first.send("POST", "/v1/completions", &[], &named("first", 3).to_string());
    wait_for(&sim, "vllm:num_requests_running{}", 1.0);
    let mut second = Client::new(&sim);
    second.send("POST", "/v1/completions", &[], &named("second", 3).to_string());
    wait_for(&sim, "vllm:num_requests_waiting{}", 1.0);
    drop(second);
    wait_for(&sim, "vllm:num_requests_waiting{}", 0.0);
    drop(first);
    wait_for(&sim, "vllm:num_requests_running{}", 0.0);
    assert_eq!(value(&sim, "vllm:request_success_total{,finished_reason=\"abort\"}"), 2.0);
    assert_eq!(value(&sim, "vllm:kv_cache_usage_perc{}"), 0.0);
}

/// Decode time of each of `streams` completions that run together.
fn decode_ns(slowdown: f64, streams: usize) -> Vec<u64> {
    let sim = sim(SimSpec {
        batch_slowdown: slowdown,
        ttft: Dist::constant_ms(100.0),
        itl: Dist::constant_ms(4.0),
        stamps: true,
        ..quick()
    });
    std::thread::scope(|scope| {
        for _ in 0..streams {
            let mut client = Client::new(&sim);
            scope.spawn(move || client.post("/v1/completions", &[], &named("x", 20)));
        }
    });
    let decode = |r: &StampRecord| r.last_token_ns.unwrap() - r.first_token_ns.unwrap();
    sim.handle().stamps().iter().map(decode).collect()
}

#[test]
fn a_full_batch_is_slower() {
    // 19 gaps of 4 ms, each due at an absolute time: the engine can be late, never early. The
    // slack is for the first event, which a busy machine delays and the last one not.
    let slack = 50_000_000;
    let crowded = decode_ns(3.0, 3);
    assert_eq!(crowded.len(), 3);
    let last = crowded.iter().max().unwrap();
    assert!(*last > 19 * 4_000_000 * 2 + slack, "three at work: {crowded:?}");
}

#[test]
fn a_shared_prefix_is_found_and_shortens_prefill() {
    let sim = sim(SimSpec { prefill_ms_per_token: 2.0, stamps: true, ..quick() });
    let shared: String = (0..100).map(|n| format!("word{n} ")).collect();
    let mut client = Client::new(&sim);
    let mut cached = Vec::new();
    for tail in ["one", "two"] {
        let mut body = named(&format!("{shared}{tail}"), 2);
        body["stream_options"] = json!({"include_usage": true});
        let answer = client.post("/v1/completions", &[], &body);
        let usage = answer.events().last().unwrap()["usage"].clone();
        assert_eq!(usage["prompt_tokens"], 101);
        cached.push(usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap());
    }
    assert_eq!(cached, [0, 96]);
    assert_eq!(value(&sim, "vllm:prefix_cache_queries_total{}"), 202.0);
    assert_eq!(value(&sim, "vllm:prefix_cache_hits_total{}"), 96.0);
    let first = &sim.handle().stamps()[0];
    let prefill = first.first_token_ns.unwrap() - first.arrived_ns;
    assert!(prefill >= 202_000_000, "101 tokens of 2 ms: {prefill}");
}

#[test]
fn metrics_add_up_to_what_was_served() {
    let sim = sim(SimSpec { mean_output_tokens: Some(6.0), ..quick() });
    let mut client = Client::new(&sim);
    let (mut tokens, mut stops, mut lengths) = (0, 0, 0);
    for _ in 0..30 {
        let answer = client.post("/v1/chat/completions", &[], &chat(8));
        tokens += answer.words().len();
        match answer.finish_reason().as_deref() {
            Some("stop") => stops += 1,
            Some("length") => lengths += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(stops > 0 && lengths > 0, "{stops} {lengths}");
    for (series, wanted) in [
        ("vllm:generation_tokens_total{}", tokens),
        ("vllm:prompt_tokens_total{}", 30 * 4),
        ("vllm:request_success_total{,finished_reason=\"stop\"}", stops),
        ("vllm:request_success_total{,finished_reason=\"length\"}", lengths),
        ("vllm:time_to_first_token_seconds_count{}", 30),
        ("vllm:time_to_first_token_seconds_bucket{,le=\"+Inf\"}", 30),
        ("vllm:inter_token_latency_seconds_count{}", tokens - 30),
        ("vllm:e2e_request_latency_seconds_count{}", 30),
        ("vllm:request_prefill_time_seconds_count{}", 30),
        ("vllm:request_decode_time_seconds_count{}", 30),
        ("vllm:num_requests_running{}", 0),
        ("vllm:num_preemptions_total{}", 0),
    ] {
        assert_eq!(value(&sim, series), wanted as f64, "{series}");
    }
    let served = client.get("/metrics");
    assert!(served.head.contains("text/plain; version=0.0.4"));
    assert_eq!(served.text(), sim.handle().metrics());
}

#[test]
fn stamps_tell_when_events_were_sent() {
    let sim = sim(SimSpec { stamps: true, ..quick() });
    let before = Stamp::now().as_nanos();
    let mut client = Client::new(&sim);
    let long = "p".repeat(100);
    client.post("/v1/completions", &[], &named(&long, 5));
    let after = Stamp::now().as_nanos();
    let records: Vec<StampRecord> =
        serde_json::from_value(client.get("/sim/stamps").json()).unwrap();
    assert_eq!(records, sim.handle().stamps());
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((record.prompt.as_str(), record.tokens), ("p".repeat(64).as_str(), 5));
    let (first, last) = (record.first_token_ns.unwrap(), record.last_token_ns.unwrap());
    assert!(before < record.arrived_ns && record.arrived_ns + 2_000_000 <= first);
    if keep_stamping_on() == StampSource::Kernel {
        let received = record.received_ns.expect("the kernel stamps");
        // The conversion from the wall clock may be off by a little.
        assert!(before < received + 50_000 && received <= record.arrived_ns, "{record:?}");
    }
    assert!(first + 3_000_000 <= last && last < after);
    client.send("DELETE", "/sim/stamps", &[], "");
    assert_eq!(client.answer().status, 204);
    assert!(sim.handle().stamps().is_empty());
}
