//! Simulated targets, the daemon, servers with the shipped configuration, and who is notified.

use std::{fs, path::Path, path::PathBuf};

use serde_json::{Value, json};
use tokenbeat::sim::{Degrade, Dist, Sim, SimSpec, SpawnedSim};

use super::{
    daemon::Daemon,
    externals::external,
    real_alertmanager::RealAlertmanager,
    real_prometheus::{RealPrometheus, has_native_field},
    webhook::Webhook,
};

/// A bad spell in which the first token comes late and every beat is ok.
pub const SLOW: Degrade =
    Degrade { period_s: 1.0, duration_s: 1.0, factor: 20.0, error_ratio: 0.0, offset_s: 0.0 };
/// A bad spell in which every beat fails.
pub const DEAD: Degrade =
    Degrade { period_s: 1.0, duration_s: 1.0, factor: 1.0, error_ratio: 1.0, offset_s: 0.0 };

/// Which histograms a server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingestion {
    /// Classic ones only.
    Classic,
    /// Native ones only: there is no `_bucket`.
    Native,
}

impl Ingestion {
    pub const ALL: [Self; 2] = [Self::Classic, Self::Native];

    /// The value of the label that says which server an alert is from.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Native => "native",
        }
    }
}

/// The programs that the tests need.
pub struct Programs {
    prometheus: PathBuf,
    alertmanager: PathBuf,
}

impl Programs {
    /// Absent if `test` is to be skipped.
    pub fn of(test: &str) -> Option<Self> {
        let prometheus = external(test, "prometheus")?;
        Some(Self { prometheus, alertmanager: external(test, "alertmanager")? })
    }
}

/// An engine whose first token takes 20 ms, twenty times less than the threshold of the SLO.
pub fn engine() -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(20.0), Dist::constant_ms(1.0));
    Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine")
}

/// The daemon, with five beats a second at each target.
pub fn daemon(folder: &Path, targets: &[(&str, &SpawnedSim)]) -> Daemon {
    let mut text = "targets:\n".to_owned();
    for (name, sim) in targets {
        let url = sim.base_url();
        text.push_str(&format!("  - {{name: {name}, url: \"{url}\", models: [sim-8b]}}\n"));
    }
    text.push_str(
        "workloads:\n  w: {synthetic: {input_tokens: 16, output_tokens: 4}}\n\
         slos:\n  fast: {thresholds: {ttft: 200ms}, objective: 99%}\n\
         probes:\n  - {name: canary, targets: all, workload: w, interval: 200ms, timeout: 2s, slo: fast}\n",
    );
    let file = folder.join("tokenbeat.yml");
    fs::write(&file, text).expect("written");
    Daemon::serve(&file, &[])
}

/// The shipped Alertmanager, with all that it says sent to `webhook`, and at once.
///
/// `group_wait` and `group_interval` are the only times that are changed: they are how long people
/// want alerts to be gathered, not how long it takes to see that something is wrong.
pub fn alertmanager(programs: &Programs, webhook: &Webhook) -> RealAlertmanager {
    let mut config: Value = shipped("deploy/compose/alertmanager.yml");
    config["route"]["group_wait"] = "0s".into();
    config["route"]["group_interval"] = "1s".into();
    for receiver in config["receivers"].as_array_mut().expect("receivers") {
        receiver["webhook_configs"] = json!([{"url": webhook.url(), "send_resolved": true}]);
    }
    RealAlertmanager::start(&programs.alertmanager, &config)
}

/// The shipped Prometheus with `rules`, evaluated each second, and one form of histograms.
pub fn prometheus(
    programs: &Programs,
    daemon: &Daemon,
    alertmanager: &RealAlertmanager,
    ingestion: Ingestion,
    rules: &Path,
) -> RealPrometheus {
    let mut config = shipped("deploy/compose/prometheus.yml");
    let global = json!({
        "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s",
        "external_labels": {"ingestion": ingestion.name()},
    });
    config["global"] = global;
    config["rule_files"] = json!([rules]);
    let addresses = |address: String| json!([{"targets": [address]}]);
    config["alerting"]["alertmanagers"][0]["static_configs"] =
        addresses(alertmanager.address().to_string());
    let job = &mut config["scrape_configs"][0];
    job["static_configs"] = addresses(daemon.address().to_string());
    let native = ingestion == Ingestion::Native;
    job["always_scrape_classic_histograms"] = (!native).into();
    let field = has_native_field(&programs.prometheus);
    if field {
        job["scrape_native_histograms"] = native.into();
    }
    RealPrometheus::configured(&programs.prometheus, &config.to_string(), native && !field)
}

/// A shipped file of YAML.
fn shipped(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).expect("YAML")
}

/// A shipped file.
pub fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
