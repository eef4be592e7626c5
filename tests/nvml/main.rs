//! The GPUs of this machine, as a daemon tells of them: the real wrapper against a driver's library
//! that is built here and does what a file says.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
#[path = "../support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "../support/exposition.rs"]
mod exposition;
mod runs;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use daemon::{Daemon, until};
use exposition::Samples;
use nix::sys::signal::Signal;

/// A machine with a driver.
struct Machine(tempfile::TempDir);

impl Machine {
    /// Builds the driver's library.
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().expect("a folder"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nvml/stub.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-Wno-unused-result", "-o"]);
        let built = cc.arg(machine.path("libnvidia-ml.so.1")).arg(source).output();
        let built = built.expect("cc, which links Rust too");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        machine.is("ok");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// From now on the driver does as `word` says.
    fn is(&self, word: &str) {
        // Replaced at once: half a word would be another one.
        fs::write(self.path("next"), word).expect("written");
        fs::rename(self.path("next"), self.path("state")).expect("renamed");
    }

    /// A daemon on it.
    fn serve(&self, config: &str) -> Daemon {
        let file = self.configure(config);
        let fixed = ["serve", "--config.file", &file, "--web.listen-address", "127.0.0.1:0"];
        Daemon::start(&mut self.tokenbeat(&fixed))
    }

    /// The binary on it.
    fn tokenbeat(&self, arguments: &[&str]) -> Command {
        let mut command = daemon::tokenbeat(arguments);
        command.env("LD_LIBRARY_PATH", self.0.path()).env("STUB_STATE", self.path("state"));
        command
    }

    fn configure(&self, config: &str) -> String {
        let file = self.path("a.yml");
        fs::write(&file, format!("{config}{REST}")).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    }
}

/// A beat an hour, at nothing.
const REST: &str = "workloads: {w: {fixed: {prompt: hi, max_tokens: 2}}}\n\
                    probes: [{name: p, targets: all, workload: w, interval: 1h, timeout: 1s}]\n";
/// The first GPU is the target's, the second nobody's.
const SHARED: &str = "telemetry: {nvml: {interval: 1s}}\n\
                      targets: [{name: t, url: \"http://127.0.0.1:9\", models: [m], gpu: {nvml: {gpus: [\"0\"]}}}]\n";
const ALONE: &str = "telemetry: {nvml: {}}\n\
                     targets: [{name: t, url: \"http://127.0.0.1:9\", models: [m]}]\n";

fn up(daemon: &Daemon, target: &str) -> Option<f64> {
    value(&daemon.scrape(), "tokenbeat_gpu_collector_up", &[("target", target), ("source", "nvml")])
}

fn value(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |(found, own): &exposition::Key| {
        let labelled =
            |(label, value): &(&str, &str)| own.get(*label).is_some_and(|found| found == value);
        found == name && labels.iter().all(labelled)
    };
    samples.values.iter().find(|(key, _)| has(key)).map(|(_, value)| *value)
}

/// The memory of the programs on a GPU.
fn programs(samples: &Samples, of: &[(&str, &str)]) -> BTreeMap<String, f64> {
    let on_it = samples.values.iter().filter(|((name, own), _)| {
        name == "tokenbeat_gpu_process_memory_bytes"
            && of.iter().all(|(label, value)| own[*label] == *value)
    });
    on_it.map(|((_, own), bytes)| (own["process"].clone(), *bytes)).collect()
}

/// What the kernel calls this process, which starts the daemons.
fn own_name() -> String {
    fs::read_to_string("/proc/self/comm").expect("a name").trim_end().to_owned()
}

fn until_up(daemon: &Daemon, target: &str, wanted: f64) {
    until("the collector", || (up(daemon, target) == Some(wanted)).then_some(()));
}

#[test]
fn every_value_of_two_gpus_is_told_in_its_unit() {
    let machine = Machine::new();
    let daemon = machine.serve(SHARED);
    // The second collection ends the first window.
    let told = until("averages of a window", || {
        let told = daemon.scrape();
        let instance = [("target", ""), ("gpu", "1"), ("mig", "2")];
        value(&told, "tokenbeat_gpu_sm_active_ratio", &instance)?;
        value(&told, "tokenbeat_gpu_sm_active_ratio", &[("target", "t")])?;
        Some(told)
    });
    let first = [("target", "t"), ("gpu", "0"), ("uuid", "GPU-0"), ("mig", "")];
    let second = [("target", ""), ("gpu", "1"), ("uuid", "GPU-1"), ("mig", "")];
    let instance = [("target", ""), ("gpu", "1"), ("uuid", "GPU-1"), ("mig", "2")];
    let is = |name: &str, of: &[(&str, &str)], expected: Option<f64>| {
        assert_eq!(value(&told, &format!("tokenbeat_gpu_{name}"), of), expected, "{name} {of:?}");
    };
    is("utilization_ratio", &first, Some(0.97));
    is("utilization_ratio", &second, None);
    is("memory_used_bytes", &first, Some(9e10));
    is("memory_used_bytes", &instance, Some(5_000_000_002.0));
    is("memory_total_bytes", &instance, Some(1.8e10));
    is("power_watts", &first, Some(612.5));
    is("power_watts", &instance, None);
    is("power_limit_watts", &first, Some(650.0));
    is("power_limit_watts", &second, Some(700.0));
    is("temperature_celsius", &first, Some(61.0));
    is("sm_clock_hertz", &first, Some(1.98e9));
    is("memory_clock_hertz", &first, Some(3.201e9));
    is("energy_joules_total", &first, Some(7250.0));
    is("sm_active_ratio", &first, Some(0.425));
    is("sm_active_ratio", &instance, Some(0.425));
    is("sm_active_ratio", &second, None);
    is("sm_occupancy_ratio", &first, Some(0.125));
    is("tensor_active_ratio", &instance, Some(0.09));
    is("dram_active_ratio", &first, None);
    let with = |of: &[(&'static str, &'static str)], name, value| [of, &[(name, value)]].concat();
    let mib = 1_048_576.0;
    for (name, direction, rate) in [
        ("pcie_bytes_per_second", "transmit", 2048.0 * mib),
        ("pcie_bytes_per_second", "receive", 512.0 * mib),
        // Links that rest are at 0; the instance, which has none, has no value.
        ("nvlink_bytes_per_second", "transmit", 0.0),
        ("nvlink_bytes_per_second", "receive", 250_000.0 * mib),
    ] {
        is(name, &with(&first, "direction", direction), Some(rate));
        is(name, &with(&instance, "direction", direction), None);
    }
    assert_eq!(
        programs(&told, &first),
        [
            (own_name(), 2e10),
            // It asks the driver itself.
            ("tokenbeat".to_owned(), 4e10),
            ("unknown".to_owned(), 5e9),
        ]
        .into()
    );
    assert_eq!(programs(&told, &instance), [("unknown".to_owned(), 4e9)].into());
    // Who is on the second GPU we may not know, and that is no failure.
    assert_eq!(programs(&told, &second), [].into());
    is("throttle_seconds_total", &with(&first, "reason", "power"), Some(1.5));
    is("throttle_seconds_total", &with(&first, "reason", "low_utilization"), Some(7.5));
    is("throttle_seconds_total", &with(&first, "reason", "reliability"), Some(0.0));
    for (kind, count) in [
        ("corrected", 5.0),
        ("uncorrected", 2.0),
        ("remapped_corrected", 3.0),
        ("remapped_uncorrected", 1.0),
    ] {
        is("ecc_errors_total", &with(&first, "kind", kind), Some(count));
    }
    let named = [("name", "NVIDIA H200 MIG 1g.18gb"), ("driver", "580.95.05")];
    is("info", &[instance.as_slice(), &named].concat(), Some(1.0));
    // Each GPU is told of once.
    is("info", &[("target", "t"), ("gpu", "1")], None);
    is("info", &[("target", ""), ("gpu", "0")], None);
    assert_eq!((up(&daemon, "t"), up(&daemon, "")), (Some(1.0), Some(1.0)));

    // Where the driver keeps no time, what stands at each look is added up.
    let held = |told: &Samples| {
        let of = [("target", ""), ("mig", ""), ("reason", "power")];
        value(told, "tokenbeat_gpu_throttle_seconds_total", &of)
    };
    until("time held down", || held(&daemon.scrape()).filter(|seconds| *seconds > 1.0));
    machine.is("xid");
    until("an error", || {
        let of = [("target", "t"), ("gpu", "0"), ("xid", "63")];
        value(&daemon.scrape(), "tokenbeat_gpu_xid_errors_total", &of).filter(|n| *n == 1.0)
    });
    let log = daemon.output();
    assert!(!log.contains("cannot be read"), "{log}");
}

#[test]
fn a_gpu_that_falls_off_the_bus_is_missed_and_comes_back() {
    let machine = Machine::new();
    let daemon = machine.serve(SHARED);
    until_up(&daemon, "", 1.0);
    machine.is("lost");
    until_up(&daemon, "", 0.0);
    let told = until("its error", || {
        let told = daemon.scrape();
        let of = [("target", ""), ("gpu", "1"), ("uuid", "GPU-1"), ("xid", "79")];
        value(&told, "tokenbeat_gpu_xid_errors_total", &of).filter(|n| *n == 1.0).map(|_| told)
    });
    assert_eq!(value(&told, "tokenbeat_gpu_power_watts", &[("gpu", "1")]), None);
    assert_eq!(
        value(&told, "tokenbeat_gpu_energy_joules_total", &[("gpu", "1"), ("mig", "")]),
        Some(7250.001)
    );
    // The other one is the target's, and nothing is wrong with it.
    assert_eq!(value(&told, "tokenbeat_gpu_power_watts", &[("gpu", "0")]), Some(612.5));
    assert_eq!(up(&daemon, "t"), Some(1.0));
    assert!(daemon.output().contains("GPU 1 cannot be read"), "{}", daemon.output());
    machine.is("ok");
    until_up(&daemon, "", 1.0);
    machine.is("none");
    until_up(&daemon, "t", 0.0);
    daemon.wait_for("the driver shows 0 GPUs, and showed 2");
    daemon.wait_for("the driver shows no GPU");
}

#[test]
fn a_driver_that_hangs_holds_up_nothing() {
    let machine = Machine::new();
    let mut daemon = machine.serve(SHARED);
    until_up(&daemon, "t", 1.0);
    machine.is("hang");
    until_up(&daemon, "t", 0.0);
    let told = daemon.scrape();
    assert!(!told.has("tokenbeat_gpu_power_watts"), "what stood for the moment is old");
    assert!(told.has("tokenbeat_gpu_energy_joules_total"));
    daemon.wait_for("the driver has not answered");

    // It is left alone by a reload, also by one that no longer asks for it.
    machine.configure(&ALONE.replace("telemetry: {nvml: {}}\n", ""));
    daemon.signal(Signal::SIGHUP);
    until("the series to go", || up(&daemon, "t").is_none().then_some(()));
    machine.configure(ALONE);
    daemon.signal(Signal::SIGHUP);
    until_up(&daemon, "", 0.0);
    machine.is("ok");
    until_up(&daemon, "", 1.0);
    assert!(up(&daemon, "t").is_none(), "no target has them now");

    // And nobody waits for it at the end.
    machine.is("hang");
    until_up(&daemon, "", 0.0);
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
}

#[test]
fn without_a_driver_one_line_says_so() {
    let machine = Machine::new();
    fs::remove_file(machine.path("libnvidia-ml.so.1")).expect("removed");
    let daemon = machine.serve(SHARED);
    until_up(&daemon, "t", 0.0);
    assert_eq!(up(&daemon, ""), Some(0.0));
    // Some collections more.
    thread::sleep(Duration::from_secs(3));
    let log = daemon.output();
    assert_eq!(log.matches("the GPUs of this machine cannot be read").count(), 1, "{log}");
    assert!(log.contains("libnvidia-ml.so.1") && log.contains("must be installed"), "{log}");
}

#[test]
fn nothing_is_loaded_before_somebody_asks() {
    let machine = Machine::new();
    let daemon = machine.serve(&ALONE.replace("telemetry: {nvml: {}}\n", ""));
    assert!(!daemon.scrape().has("tokenbeat_gpu_collector_up"));
    assert!(!machine.path("state.loaded").exists());
    machine.configure(ALONE);
    daemon.signal(Signal::SIGHUP);
    until_up(&daemon, "", 1.0);
    assert!(machine.path("state.loaded").exists());
}
