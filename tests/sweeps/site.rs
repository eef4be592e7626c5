//! An engine, a daemon, and what a test asks of them.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::{fs, path::PathBuf};

use serde_json::Value;
use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

use crate::daemon::{Answer, Daemon, until};

pub const JSON: &str = "content-type: application/json\r\n";

/// An engine, a configuration and a folder for what is stored.
pub struct Site {
    pub sim: SpawnedSim,
    pub folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Self {
        let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
        let sim = Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine");
        Self { sim, folder: tempfile::tempdir().expect("a folder") }
    }

    /// One target that is probed often, two scenarios, and the given sweeps.
    pub fn configure(&self, sweeps: &str) {
        let text = format!(
            "global: {{timeout: 20s}}\n\
             targets: [{{name: t, url: \"{}\", models: [sim-8b]}}]\n\
             workloads: {{w: {{synthetic: {{input_tokens: 16, output_tokens: 4}}}}}}\n\
             slos: {{fast: {{thresholds: {{ttft: 1s}}, objective: 50%}}}}\n\
             probes: [{{name: p, targets: all, workload: w, interval: 100ms, timeout: 5s, slo: fast}}]\n\
             scenarios:\n\
             \x20 short: {{workload: w, load: {{concurrency: [1, 2]}}, requests_per_step: 10}}\n\
             \x20 long: {{workload: w, load: {{concurrency: [1, 1, 1]}}, duration: 5m}}\n\
             sweeps:\n{sweeps}",
            self.sim.base_url()
        );
        fs::write(self.file(), text).expect("written");
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("a.yml")
    }

    pub fn runs(&self) -> PathBuf {
        self.folder.path().join("data").join("runs")
    }

    pub fn serve(&self, more: &[&str]) -> Daemon {
        let data = self.folder.path().join("data");
        let fixed = ["--storage.path", data.to_str().expect("UTF-8")];
        Daemon::serve(&self.file(), &[&fixed, more].concat())
    }

    /// Files of the store that end so.
    pub fn files(&self, ending: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.runs()) else { return Vec::new() };
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let is = |path: &PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.ends_with(ending) && name != "dues.json"
        };
        paths.filter(is).collect()
    }
}

pub fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
}

/// A series of the sweep; absent if there is none.
pub fn value(daemon: &Daemon, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = daemon.scrape();
    let has = |of: &std::collections::BTreeMap<String, String>| {
        labels.iter().all(|(name, value)| of.get(*name).is_some_and(|one| one == value))
    };
    let mut found = samples.values.iter().filter(|((found, of), _)| found == name && has(of));
    found.next().map(|(_, value)| *value)
}

pub fn at_least(daemon: &Daemon, name: &str, labels: &[(&str, &str)], least: f64) -> f64 {
    until(name, || value(daemon, name, labels).filter(|found| *found >= least))
}

/// The first sweep that the API lists.
pub fn sweep(daemon: &Daemon) -> Value {
    json(&daemon.get("/api/v1/sweeps"))[0].clone()
}

pub fn ask(daemon: &Daemon, path: &str, headers: &str) -> Answer {
    daemon.ask("POST", path, headers).expect("an answer")
}

/// Starts the sweep `s` and returns the id of its run, once it is under way.
pub fn run_now(daemon: &Daemon) -> String {
    let answer = ask(daemon, "/api/v1/sweeps/s/run", JSON);
    assert_eq!(answer.status, 202, "{}", answer.body);
    let id = json(&answer)["runs"][0]["id"].as_str().expect("an id").to_owned();
    // A short run may be over before anybody looks.
    until("the run", || {
        let sweep = sweep(daemon);
        [&sweep["running"]["id"], &sweep["last_run"]["id"]]
            .contains(&&Value::from(&*id))
            .then_some(())
    });
    id
}
