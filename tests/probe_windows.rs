//! The cause of a degraded probe window: what a daemon shows of it, against the simulator.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use daemon::Daemon;
use serde_json::Value;
use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

/// In the addresses of sources that cannot be read.
const PLANTED: &str = "planted-token-71ac";

fn sim(spec: SimSpec) -> SpawnedSim {
    Sim::spawn(spec).expect("an engine")
}

/// A healthy engine, fast beside what is built into it.
fn engine() -> SimSpec {
    SimSpec { ttft: Dist::constant_ms(10.0), itl: Dist::constant_ms(2.0), ..SimSpec::default() }
}

/// What a slow engine takes for its first token, far from the SLO, as that is from a healthy one: a
/// busy machine holds everybody up.
const SLOW_MS: f64 = 1_500.0;

fn slow() -> SimSpec {
    SimSpec { ttft: Dist::constant_ms(SLOW_MS), ..engine() }
}

/// Targets by name and engine, each with what it `tells`, and a beat every second.
fn config(targets: &[(&str, &SpawnedSim, &str)]) -> String {
    let mut text = "global: {timeout: 20s}\ntargets:\n".to_owned();
    for (name, sim, tells) in targets {
        let url = sim.base_url();
        let tells = tells.replace("{}", url);
        let _ = writeln!(text, "  - {{name: {name}, url: \"{url}\", models: [sim-8b]{tells}}}");
    }
    text + "slos:\n\
            \x20 first: {thresholds: {ttft: 800ms}, objective: 90%}\n\
            \x20 pace: {thresholds: {tpot: 130ms}, objective: 90%}\n\
            workloads: {w: {synthetic: {input_tokens: 16, output_tokens: 8}}}\n\
            probes:\n\
            \x20 - {name: p, targets: all, workload: w, interval: 1s, slo: [first, pace]}\n"
}

const TELLS: &str = ", engine_metrics: {url: \"{}/metrics\", interval: 1s}";
const GPU: &str = ", gpu: {dcgm: {url: \"{}/dcgm/metrics\", interval: 1s}}";

fn json(daemon: &Daemon, path: &str) -> Value {
    serde_json::from_str(&daemon.get(path).body).expect("JSON")
}

/// The window of the probe of `target`, once it says what `of` asks for.
fn window(daemon: &Daemon, target: &str, of: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/api/v1/probes?target={target}");
    let mut last = Value::Null;
    let found = (0..240).find_map(|_| {
        // The first answers may come before the probe is known.
        last = json(daemon, &path).pointer_mut("/0/window").map_or(Value::Null, Value::take);
        if of(&last) {
            return Some(last.clone());
        }
        thread::sleep(Duration::from_millis(500));
        None
    });
    found.unwrap_or_else(|| panic!("{target} stays so: {last:#}"))
}

fn cause<'a>(wanted: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |window| window["degraded"]["cause"] == wanted
}

/// Requests of others to `sim`, so many at a time, until they are dropped.
struct Others {
    end: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Others {
    fn of(sim: &SpawnedSim, users: usize) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let address = sim.base_url().trim_start_matches("http://").to_owned();
        let user = || {
            let (end, address) = (Arc::clone(&end), address.clone());
            thread::spawn(move || {
                while !end.load(Ordering::Relaxed) {
                    ask(&address);
                }
            })
        };
        let threads = (0..users).map(|_| user()).collect();
        Self { end, threads }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn ask(address: &str) {
    let body = r#"{"model": "sim-8b", "prompt": "others", "max_tokens": 150}"#;
    let length = body.len();
    let request = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    // The engine may be gone.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn each_cause_is_shown_and_a_healthy_window_shows_none() {
    let prefill = sim(slow());
    let network = sim(SimSpec { wire_delay_ms: 1_500, ..engine() });
    let decode = sim(SimSpec { itl: Dist::constant_ms(250.0), ..engine() });
    let hot = sim(SimSpec { slots: 2, gpu_throttle_ratio: 0.9, ..slow() });
    let (healthy, silent) = (sim(engine()), sim(slow()));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    let both = [TELLS, GPU].concat();
    let at = |host: &str| format!(", engine_metrics: {{url: \"{host}/{PLANTED}\", interval: 1s}}");
    let (broken, gone) = (at("{}"), at("http://127.0.0.1:9"));
    let targets = [
        ("prefill", &prefill, TELLS),
        ("network", &network, TELLS),
        ("decode", &decode, TELLS),
        ("hot", &hot, &*both),
        ("healthy", &healthy, TELLS),
        ("silent", &silent, ""),
        ("broken", &silent, &*broken),
        ("gone", &silent, &*gone),
    ];
    fs::write(&file, config(&targets)).expect("written");
    let daemon = Daemon::serve(&file, &[]);

    let found = window(&daemon, "prefill", cause("prefill"));
    let degraded = &found["degraded"];
    assert_eq!((&degraded["slo"], &degraded["missed"]), (&"first".into(), &"ttft".into()));
    assert!(degraded["misses"].as_u64() >= Some(3) && degraded["judged"].as_u64() >= Some(5));
    assert!(degraded["evidence"]["prefill_mean"].as_f64() >= Some(1.4), "{found:#}");
    let engine = &found["engine"];
    // Both views are of nearly the same requests: one more that a busy machine holds up on one side
    // moves a mean of few.
    assert!(engine["ttft_gap"].as_f64().expect("both views").abs() < 0.7, "{found:#}");
    assert!(engine["prefill_mean"].as_f64() >= Some(1.4) && engine["restarts"] == 0, "{found:#}");

    let found = window(&daemon, "network", cause("network"));
    assert!(found["engine"]["ttft_gap"].as_f64() >= Some(1.4), "{found:#}");
    let found = window(&daemon, "decode", cause("decode"));
    assert_eq!(found["degraded"]["slo"], "pace");
    let found = window(&daemon, "hot", cause("gpu_throttle"));
    assert!(found["gpu"]["throttle_ratios"]["power"].as_f64() > Some(0.25), "{found:#}");
    for untold in ["silent", "broken", "gone"] {
        let found = window(&daemon, untold, cause("unknown"));
        // What usage says of the prefix cache is all that there is.
        let (readings, ttft) = (&found["engine"]["readings"], &found["engine"]["ttft_mean"]);
        assert!(*readings == 0 && ttft.is_null(), "{found:#}");
        assert!(found["ttft_mean"].as_f64() >= Some(1.4), "{found:#}");
    }
    let judged = |window: &Value| window["judged"].as_u64() >= Some(5);
    let found = window(&daemon, "healthy", judged);
    assert!(found["degraded"].is_null() && found["engine"]["ttft_mean"].is_number(), "{found:#}");

    let told = daemon.scrape();
    let name = "tokenbeat_probe_window_cause";
    let of = |target| {
        told.values.iter().filter(move |((found, labels), _)| {
            found == name && labels.get("target").is_some_and(|of| of == target)
        })
    };
    let one = |target| of(target).filter(|(_, value)| **value == 1.0).count();
    assert_eq!((of("prefill").count(), one("prefill")), (9, 1));
    assert_eq!(told.get(name, &[("target", "prefill"), ("cause", "prefill")]), 1.0);
    assert_eq!(told.get(name, &[("target", "silent"), ("cause", "unknown")]), 1.0);
    assert_eq!(of("healthy").count(), 0);

    let targets = json(&daemon, "/api/v1/targets");
    let target = |name: &str| {
        let targets = targets.as_array().expect("a list");
        targets.iter().find(|target| target["target"] == name).expect("the target").clone()
    };
    assert_eq!(target("network")["subjects"][0]["cause"], "network");
    assert!(target("healthy")["subjects"][0]["cause"].is_null());
    let source = &target("hot")["telemetry"];
    assert_eq!((&source[0]["source"], &source[1]["source"]), (&"dcgm".into(), &"engine".into()));
    assert_eq!((&source[1]["up"], &source[1]["name"]), (&true.into(), &"vllm".into()));
    assert_eq!(target("silent")["telemetry"], Value::Array(Vec::new()));
    let source = &target("broken")["telemetry"][0];
    assert_eq!((&source["up"], &source["error"]), (&false.into(), &"status 404".into()));

    let page = daemon.get("/").body;
    for words in ["the engine was long at the prompts", "time was lost between us", "status 404"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(target("gone")["telemetry"][0]["up"], false);
    let all = [page, daemon.get("/api/v1/probes").body, targets.to_string(), daemon.output()];
    assert!(all.iter().all(|text| !text.contains(PLANTED)), "{all:?}");
}

#[test]
fn the_queue_of_others_is_a_cause_and_their_traffic_is_no_fault() {
    // One slot, and three others who hold it for 300 ms each.
    let busy = sim(SimSpec { slots: 1, ..engine() });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    fs::write(&file, config(&[("busy", &busy, TELLS)])).expect("written");
    let others = Others::of(&busy, 3);
    let daemon = Daemon::serve(&file, &[]);
    let found = window(&daemon, "busy", cause("queue"));
    let engine = &found["engine"];
    let share = |name: &str| engine[name].as_f64().unwrap_or_else(|| panic!("{name}: {found:#}"));
    assert!(share("foreign_token_ratio") > 0.5 && share("queue_ratio") > 0.5, "{found:#}");
    assert!(share("requests") > found["own_requests"].as_f64().expect("ours"), "{found:#}");
    assert!(share("waiting_max") >= 1.0, "{found:#}");
    drop(others);
}
