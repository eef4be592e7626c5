//! The GPUs of a machine that has some, as a daemon tells of them: what it reads is printed, and
//! must be possible. `cargo test --test gpu -- --ignored --nocapture`, under load for numbers that
//! say something, as root and as nobody.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
#[path = "support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{collections::BTreeMap, fs, io::Write as _};

use daemon::{Daemon, until};
use exposition::Samples;

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
    assert_eq!(up, 1.0, "{}", daemon.output());
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

    let mut out = std::io::stderr();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let user = status.lines().find(|line| line.starts_with("Uid:")).unwrap_or_default();
    writeln!(out, "{user}").expect("stderr takes it");
    for ((name, labels), value) in &second.values {
        if name.starts_with("tokenbeat_gpu_") && *value != 0.0 {
            writeln!(out, "{name} {labels:?} {value}").expect("stderr takes it");
        }
    }
    let watts = (joules(&second) - joules(&first)) / lasted;
    writeln!(out, "mean power by the energy counter: {watts:.1} W").expect("stderr takes it");

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
