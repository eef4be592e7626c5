//! What the dashboards are asked about: simulated engines, a daemon, a sweep, planted values, and a
//! Prometheus that holds all of it in one form of histograms.

use std::{
    fmt, fs,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

use crate::{
    daemon::{Daemon, until},
    loopback::Server,
    planted,
    real_prometheus::{RealPrometheus, has_native_field},
};

/// What the engine takes, in milliseconds. Both lie well inside of a classic bucket.
pub const TTFT_MS: f64 = 350.0;
pub const ITL_MS: f64 = 25.0;

const PLANTED: &str = include_str!("planted.prom");

/// How a server keeps histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Classic,
    Native,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Classic { "classic" } else { "native" })
    }
}

/// Everything that is scraped.
pub struct Demo {
    pub daemon: Daemon,
    planted: Server,
    _engine: SpawnedSim,
    _gpus: SpawnedSim,
    _folder: tempfile::TempDir,
}

impl Demo {
    /// One target that answers in constant time, on GPUs that rest, and one where nobody listens.
    pub fn start() -> Self {
        let (ttft, itl) = (Dist::constant_ms(TTFT_MS), Dist::constant_ms(ITL_MS));
        let engine = Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine");
        let gpus = Sim::spawn(SimSpec::default()).expect("an exporter");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tokenbeat.yml");
        fs::write(&file, configuration(engine.base_url(), gpus.base_url())).expect("written");
        let data = folder.path().join("data");
        let data = data.to_str().expect("UTF-8");
        let daemon = Daemon::serve(&file, &["--storage.path", data, "--web.enable-lifecycle"]);
        let planted = planted::serve(PLANTED);
        Self { daemon, planted, _engine: engine, _gpus: gpus, _folder: folder }
    }

    /// A Prometheus that scrapes it each second.
    pub fn prometheus(&self, program: &Path, form: Form) -> RealPrometheus {
        let (daemon, planted) = (self.daemon.address(), self.planted.address());
        let field = has_native_field(program);
        let configuration = scraping(daemon, planted, form, field);
        // Without the field they are on for all jobs, or for none.
        RealPrometheus::configured(program, &configuration, !field)
    }

    /// Carries the sweep out to its end.
    pub fn sweep(&self) {
        let json = "content-type: application/json\r\n";
        let answer = self.daemon.ask("POST", "/api/v1/sweeps/small/run", json).expect("an answer");
        assert_eq!(answer.status, 202, "{}", answer.body);
        until("the end of the run", || {
            self.daemon.value("tokenbeat_sweep_result_timestamp_seconds", "steady")
        });
    }
}

/// `impossible` is never met and `easy` always: what follows from them is exact.
fn configuration(engine: &str, gpus: &str) -> String {
    // The port was free: nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
    let nobody = nobody.expect("a free port");
    format!(
        "global: {{timeout: 20s}}\n\
         targets:\n\
         \x20 - name: steady\n    url: \"{engine}\"\n    models: [sim-8b]\n    cost_per_hour: 3.6\n\
         \x20   engine_metrics: {{url: \"{engine}/metrics\", interval: 1s}}\n\
         \x20   gpu: {{dcgm: {{url: [\"{gpus}/dcgm/metrics\"], match: {{hostname: sim}}, interval: 1s}}}}\n\
         \x20 - {{name: gone, url: \"http://{nobody}\", models: [sim-8b]}}\n\
         workloads: {{hello: {{synthetic: {{input_tokens: 16, output_tokens: 8}}}}}}\n\
         slos:\n\
         \x20 impossible: {{thresholds: {{ttft: 100ms, tpot: 1s}}, objective: 50%}}\n\
         \x20 easy: {{thresholds: {{ttft: 10s}}, objective: 50%}}\n\
         probes:\n\
         \x20 - {{name: canary, targets: all, workload: hello, interval: 250ms, timeout: 15s, slo: [impossible, easy]}}\n\
         scenarios:\n\
         \x20 small: {{workload: hello, load: {{concurrency: [1, 2]}}, requests_per_step: 12}}\n\
         sweeps:\n\
         \x20 - {{name: small, cron: '@yearly', targets: [steady], scenario: small, slo: easy}}\n"
    )
}

fn scraping(daemon: SocketAddr, planted: SocketAddr, form: Form, native_field: bool) -> String {
    let protocol = match form {
        Form::Classic => "OpenMetricsText1.0.0",
        Form::Native => "PrometheusProto",
    };
    let field = if native_field {
        format!("    scrape_native_histograms: {}\n", form == Form::Native)
    } else {
        String::new()
    };
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n\
         \x20 - job_name: tokenbeat\n    scrape_protocols: [{protocol}]\n{field}\
         \x20   static_configs: [{{targets: ['{daemon}']}}]\n\
         \x20 - job_name: planted\n    scrape_protocols: [PrometheusText0.0.4]\n\
         \x20   static_configs: [{{targets: ['{planted}']}}]\n"
    )
}
