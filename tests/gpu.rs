//! The GPUs of a machine that has some, as a daemon tells of them and as a benchmark reads them beside
//! its steps: what is read is printed, and must be possible.
//!
//! `cargo test --test gpu -- --ignored --nocapture`, with something at work on the GPU, or the numbers
//! say little; once as root, and once as somebody else, who may be told less. Without a driver it
//! fails, and says what is missing.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
#[path = "support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{collections::BTreeMap, fs, io::Write as _};

use daemon::{Daemon, tokenbeat, until};
use exposition::Samples;
use serde_json::Value;
use tokenbeat::sim::{Dist, Sim, SimSpec};

const CONFIG: &str = "telemetry: {nvml: {interval: 1s}}\n\
                      targets: [{name: t, url: \"http://127.0.0.1:9\", models: [m]}]\n\
                      workloads: {w: {fixed: {prompt: hi, max_tokens: 2}}}\n\
                      probes: [{name: p, targets: all, workload: w, interval: 1h, timeout: 1s}]\n";

/// What a GPU can show, in the metric's unit; a ratio of a window may overshoot a little.
const POSSIBLE: &[(&str, f64, f64)] = &[
    ("tokenbeat_gpu_utilization_ratio", 0.0, 1.0),
    ("tokenbeat_gpu_sm_active_ratio", 0.0, 1.01),
    ("tokenbeat_gpu_sm_occupancy_ratio", 0.0, 1.01),
    ("tokenbeat_gpu_tensor_active_ratio", 0.0, 1.01),
    ("tokenbeat_gpu_dram_active_ratio", 0.0, 1.01),
    ("tokenbeat_gpu_pcie_bytes_per_second", 0.0, 3e11),
    ("tokenbeat_gpu_nvlink_bytes_per_second", 0.0, 5e12),
    ("tokenbeat_gpu_process_memory_bytes", 0.0, 1e12),
    ("tokenbeat_gpu_memory_used_bytes", 0.0, 1e12),
    ("tokenbeat_gpu_memory_total_bytes", 1e8, 1e12),
    ("tokenbeat_gpu_power_watts", 1.0, 3000.0),
    ("tokenbeat_gpu_power_limit_watts", 10.0, 3000.0),
    ("tokenbeat_gpu_temperature_celsius", 5.0, 120.0),
    ("tokenbeat_gpu_sm_clock_hertz", 1e7, 5e9),
    ("tokenbeat_gpu_memory_clock_hertz", 1e7, 2e10),
    ("tokenbeat_gpu_energy_joules_total", 0.0, 1e13),
];

/// Joules that all whole GPUs have used.
fn joules(told: &Samples) -> f64 {
    let energy = told.values.iter().filter(|((name, labels), _)| {
        name == "tokenbeat_gpu_energy_joules_total" && labels["mig"].is_empty()
    });
    energy.map(|(_, joules)| joules).sum()
}

/// Seconds of each reason, by its series.
fn throttled(told: &Samples) -> BTreeMap<String, f64> {
    let of = told.values.iter().filter(|((name, _), _)| name.contains("throttle_seconds"));
    of.map(|((_, labels), seconds)| (format!("{labels:?}"), *seconds)).collect()
}

/// Whether a kernel runs on a GPU.
fn busy(told: &Samples) -> bool {
    told.values.iter().any(|((name, _), value)| name.ends_with("utilization_ratio") && *value > 0.0)
}

/// Who runs this: what a driver tells may depend on it.
fn user() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("Uid:")).unwrap_or_default().to_owned()
}

fn say(words: &str) {
    writeln!(std::io::stderr(), "{words}").expect("stderr takes it");
}

#[test]
#[ignore = "needs a GPU"]
fn what_a_real_gpu_tells_is_possible() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    fs::write(&file, CONFIG).expect("written");
    let daemon = Daemon::serve(&file, &[]);
    let answered = |daemon: &Daemon| {
        let told = daemon.scrape();
        let of = [("target", ""), ("source", "nvml")];
        (told.has("tokenbeat_gpu_collector_up"))
            .then(|| (told.get("tokenbeat_gpu_collector_up", &of), told))
    };
    let (up, first) = until("an answer of the driver", || answered(&daemon));
    assert_eq!(up, 1.0, "no GPU can be read on this machine:\n{}", daemon.output());
    // Some seconds later, so that windows have ended and counters have risen.
    let last = |told: &Samples| {
        let of = [("target", ""), ("source", "nvml")];
        told.get("tokenbeat_gpu_collector_last_success_timestamp_seconds", &of)
    };
    let began = last(&first);
    let second = until("five collections more", || {
        answered(&daemon).map(|(_, told)| told).filter(|told| last(told) >= began + 5.0)
    });
    let lasted = last(&second) - began;

    say(&user());
    for ((name, labels), value) in &second.values {
        if name.starts_with("tokenbeat_gpu_") && *value != 0.0 {
            say(&format!("{name} {labels:?} {value}"));
        }
    }
    let watts = (joules(&second) - joules(&first)) / lasted;
    say(&format!("mean power by the energy counter: {watts:.1} W"));
    if !busy(&second) {
        say("nothing is at work on any GPU: ratios, clocks and throttling say little");
    }

    for ((name, labels), value) in &second.values {
        if let Some((_, least, most)) = POSSIBLE.iter().find(|(possible, ..)| possible == name) {
            assert!((*least..=*most).contains(value), "{name} {labels:?} {value}");
        }
    }
    for needed in ["info", "memory_used_bytes", "memory_total_bytes", "temperature_celsius"] {
        assert!(second.has(&format!("tokenbeat_gpu_{needed}")), "{needed}");
    }
    assert!((0.0..10_000.0).contains(&watts), "{watts} W");
    let before = throttled(&first);
    for (series, seconds) in throttled(&second) {
        let more = seconds - before.get(&series).copied().unwrap_or_default();
        assert!((-1e-9..=lasted + 2.0).contains(&more), "{series}: {more} s in {lasted} s");
    }
}

#[test]
#[ignore = "needs a GPU"]
fn what_a_step_has_of_a_real_gpu_is_possible() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.json");
    let file = file.to_str().expect("UTF-8");
    let (ttft, itl) = (Dist::constant_ms(20.0), Dist::constant_ms(2.0));
    let sim = Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine");
    let flags = ["--isl", "8", "--osl", "8", "--duration", "5s", "--gpus", "all", "--output", file];
    let bench = tokenbeat(&[&["bench", sim.base_url()][..], &flags].concat()).output();
    let words = String::from_utf8_lossy(&bench.expect("it runs").stderr).into_owned();
    let record = fs::read(file).unwrap_or_else(|error| panic!("{error}: {words}"));
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    let (step, gpu) = (&record["steps"][0], &record["steps"][0]["gpu"]);
    assert!(gpu.is_object(), "no GPU can be read on this machine: {}", step["warnings"]);
    say(&user());
    say(&serde_json::to_string_pretty(gpu).expect("JSON"));

    let at_least_one = gpu["gpus"].as_u64().filter(|gpus| *gpus > 0);
    let gpus = at_least_one.expect("a GPU") as f64;
    for (key, least, most) in [
        ("utilization_mean", 0.0, 1.0),
        ("sm_active_mean", 0.0, 1.01),
        ("dram_active_mean", 0.0, 1.01),
        ("pcie_transmit_bytes_per_second_mean", 0.0, 3e11),
        ("pcie_receive_bytes_per_second_mean", 0.0, 3e11),
        ("nvlink_transmit_bytes_per_second_mean", 0.0, 5e12),
        ("nvlink_receive_bytes_per_second_mean", 0.0, 5e12),
        ("memory_used_bytes_max", 0.0, 1e12 * gpus),
        ("power_watts_mean", 1.0, 3000.0 * gpus),
        ("temperature_celsius_max", 5.0, 120.0),
        ("sm_clock_hertz_mean", 1e7, 5e9),
        // Of five seconds, and of what the begin and the end of the run add to them.
        ("energy_joules", 1.0, 3000.0 * gpus * 60.0),
    ] {
        if let Some(value) = gpu[key].as_f64() {
            assert!((least..=most).contains(&value), "{key}: {value}");
        }
    }
    for (reason, ratio) in gpu["throttle_ratios"].as_object().expect("shares") {
        assert!((0.0..=1.0).contains(&ratio.as_f64().expect("a share")), "{reason}: {ratio}");
    }
    for needed in ["memory_used_bytes_max", "temperature_celsius_max"] {
        assert!(gpu[needed].is_number(), "{needed}");
    }
}
