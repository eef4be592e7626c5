//! The checked configuration: immutable, all references resolved, all defaults filled in.

mod telemetry;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use super::{SecretSource, Seen};
use crate::{
    arrival::Load,
    calendar::Cron,
    protocol::Api,
    verdict::{Metric, Slo},
    workload::Workload,
};

pub use telemetry::{
    Dcgm, EngineMetrics, GpuSource, Nvml, Otlp, OtlpCompression, OtlpProtocol, OtlpSemconv,
    OtlpTraces, Unclaimed,
};

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Settings for everything.
    pub global: Global,
    /// The endpoints, in the order of the files.
    pub targets: Vec<Arc<Target>>,
    /// The probes, in the order of the files.
    pub probes: Vec<Probe>,
    /// The workloads by name, whether a probe uses them or not.
    pub workloads: BTreeMap<String, Arc<Workload>>,
    /// The SLOs by name, whether a probe is held against them or not.
    pub slos: BTreeMap<String, Arc<Slo>>,
    /// The scenarios by name, whether a sweep uses them or not.
    pub scenarios: BTreeMap<String, Arc<Scenario>>,
    /// The sweeps, in the order of the files.
    pub sweeps: Vec<Arc<Sweep>>,
    /// Export over OTLP; off if absent.
    pub otlp: Option<Otlp>,
    /// The GPUs of this machine, also those that no target has.
    pub nvml: Nvml,
    /// Every file that was read, the main one first.
    pub files: Vec<PathBuf>,
    /// FNV-1a of the bytes of all files, for `tokenbeat_config_hash`; 48 bits, exact in a float.
    pub hash: u64,
    /// What it was read from, to see whether it has changed.
    pub seen: Seen,
}

/// Settings for everything.
#[derive(Clone, Debug)]
pub struct Global {
    /// Longest exchange, unless a probe says otherwise.
    pub timeout: Duration,
    /// Longest wait for the first token; absent where only the whole exchange is limited.
    pub first_token_timeout: Option<Duration>,
    /// Longest silence after the first token.
    pub idle_timeout: Duration,
    /// Longest dial: name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Largest answer.
    pub max_response_bytes: usize,
    /// Labels of this instance; they spread the beats of replicas.
    pub external_labels: BTreeMap<String, String>,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub name: Arc<str>,
    /// Base URL: `http` or `https`, without userinfo, query or fragment.
    pub url: url::Url,
    /// What it speaks.
    pub api: Api,
    /// The models to ask for.
    pub models: Models,
    /// Credentials.
    pub authorization: Option<Authorization>,
    /// Extra headers.
    pub http_headers: Vec<(http::HeaderName, Vec<HeaderValue>)>,
    /// TLS material.
    pub tls: TlsFiles,
    /// HTTP proxy.
    pub proxy_url: Option<url::Url>,
    /// Retries; off if absent.
    pub retry: Option<Retry>,
    /// The user's labels, for `tokenbeat_target_info` and selectors.
    pub labels: BTreeMap<String, String>,
    /// Dollars an hour.
    pub cost_per_hour: Option<f64>,
    /// What may be spent on it.
    pub budget: Budget,
    /// No two sweeps run at once in a group; absent: the target is its own group.
    pub exclusive_group: Option<Arc<str>>,
    /// Where the engine's own metrics are; absent: they are not asked for.
    pub engine_metrics: Option<EngineMetrics>,
    /// Who tells of its GPUs; absent: nobody does.
    pub gpu: Option<GpuSource>,
    /// A `tokenizer.json` for exact lengths; absent: a ratio learnt from the server's usage.
    pub tokenizer: Option<PathBuf>,
}

impl Target {
    /// A target that is reached as it is: no credentials, no proxy, no limits. The rest is for
    /// whoever makes it to fill in.
    pub fn plain(name: &str, url: url::Url, api: Api, models: Models) -> Self {
        Self {
            name: name.into(),
            url,
            api,
            models,
            authorization: None,
            http_headers: Vec::new(),
            tls: TlsFiles::default(),
            proxy_url: None,
            retry: None,
            labels: BTreeMap::new(),
            cost_per_hour: None,
            budget: Budget::default(),
            exclusive_group: None,
            engine_metrics: None,
            gpu: None,
            tokenizer: None,
        }
    }
}

/// Which models of a target are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Models {
    /// These.
    List(Vec<Arc<str>>),
    /// Those that `/v1/models` lists, at most so many.
    All {
        /// The most.
        limit: usize,
    },
}

/// `authorization`: what goes into the header of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The scheme, `Bearer` by default.
    pub scheme: String,
    /// Where the credentials are.
    pub credentials: SecretSource,
}

/// A header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValue {
    /// Written in the configuration.
    Plain(http::HeaderValue),
    /// Read at use.
    Secret(SecretSource),
}

/// TLS material of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key.
    pub client: Option<ClientCert>,
    /// Name to verify in place of the URL's host.
    pub server_name: Option<String>,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
}

/// A client certificate and its key, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCert {
    /// The certificate chain.
    pub cert_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// How a failed attempt is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all.
    pub attempts: u32,
    /// Pause before the second attempt.
    pub delay: Duration,
    /// Whether each further pause is twice the last.
    pub exponential: bool,
}

/// What may be spent on a target in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Requests.
    pub requests_per_hour: Option<u64>,
    /// Output tokens.
    pub output_tokens_per_hour: Option<u64>,
}

/// Whether an exchange dials or takes an idle connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// A new connection for every exchange: what a first-time user sees. The default of probes.
    #[default]
    Fresh,
    /// An idle connection if there is one. The default of load.
    Reuse,
}

/// One small request on an interval, for ever.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its name.
    pub name: Arc<str>,
    /// The targets it beats at.
    pub targets: Vec<Arc<Target>>,
    /// What it asks.
    pub workload: Arc<Workload>,
    /// Time between beats.
    pub interval: Duration,
    /// Longest beat.
    pub timeout: Duration,
    /// What it is held against.
    pub slos: Vec<Arc<Slo>>,
    /// Its connections.
    pub connection: Connection,
    /// When it rests.
    pub maintenance: Vec<MaintenanceWindow>,
}

/// A weekly window, in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// Days on which it opens, Monday = 0; all if empty in the file.
    pub days: [bool; 7],
    /// Minute of the day at which it opens.
    pub from_minute: u16,
    /// Minute of the day at which it closes; at or before `from_minute` means the next day.
    pub to_minute: u16,
    /// Its time zone.
    pub zone: jiff::tz::TimeZone,
}

/// A load test: workloads × a load, with what goes around it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: Arc<str>,
    /// The workloads by name; every level of the load is run with each of them, in this order.
    pub workloads: Vec<(Arc<str>, Arc<Workload>)>,
    /// The levels, or the search for one.
    pub load: Load,
    /// Exchanges that a step judges; absent: as many as come due in `duration`.
    pub requests_per_step: Option<Requests>,
    /// How long a step lasts at most, its warm-up left out. At least one of the two is given,
    /// but for a trace, which ends by itself, and a search, whose steps end when decided.
    pub duration: Option<Duration>,
    /// What goes before the window of a step.
    pub warmup: Warmup,
    /// Pause between steps.
    pub settle: Duration,
    /// When a step, and with it the run, ends early.
    pub stop_when: StopWhen,
    /// Its connections; `reuse` by default.
    pub connection: Connection,
    /// Longest exchange; absent: `global.timeout`.
    pub timeout: Option<Duration>,
    /// Seed of prompts and arrivals; absent: drawn, and written into the record.
    pub seed: Option<u64>,
}

impl Scenario {
    /// A load of one workload, with nothing around it: no end but that of its levels, no warm-up, no
    /// pause, no rule that stops it. Both have the name.
    pub fn of(name: &str, workload: Workload, load: Load) -> Self {
        Self {
            name: name.into(),
            workloads: vec![(name.into(), Arc::new(workload))],
            load,
            requests_per_step: None,
            duration: None,
            warmup: Warmup::default(),
            settle: Duration::ZERO,
            stop_when: StopWhen::default(),
            connection: Connection::Reuse,
            timeout: None,
            seed: None,
        }
    }
}

/// How many exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// So many.
    Count(u64),
    /// So many for each user of a closed loop: `10x`.
    PerUser(u64),
}

/// What goes before a step's window: both, if both are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Warmup {
    /// Exchanges.
    pub requests: u64,
    /// Time.
    pub duration: Duration,
}

/// When a step ends early. Looked at while it runs, once there are enough exchanges to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StopWhen {
    /// More than this share of the judged exchanges failed.
    pub error_ratio: Option<f64>,
    /// A percentile of a latency is above its bound: `e2e_p95: 10s`.
    pub bounds: Vec<Bound>,
}

/// A bound on a percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Of what.
    pub metric: Metric,
    /// The quantile, 0 to 1.
    pub quantile: f64,
    /// The most.
    pub max: Duration,
}

/// A scenario on a schedule.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Its name.
    pub name: Arc<str>,
    /// When; absent: on demand only.
    pub cron: Option<Cron>,
    /// At what. Every model of every target has runs of its own, one after the other.
    pub targets: Vec<Arc<Target>>,
    /// What.
    pub scenario: Arc<Scenario>,
    /// What it is held against.
    pub slos: Vec<Arc<Slo>>,
    /// What holds it back.
    pub guard: Guard,
    /// When it rests.
    pub maintenance: Vec<MaintenanceWindow>,
    /// What becomes of a run that is due while an earlier one of the sweep runs.
    pub overlap: Overlap,
    /// What becomes of runs that were due while the daemon was down.
    pub missed: Missed,
}

/// What holds a sweep back or ends it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard {
    /// No run while more requests than this wait in the engine's queue.
    pub engine_requests_waiting: Option<u64>,
    /// No run while more than this share of the target's recent beats failed.
    pub probe_failure_ratio: Option<f64>,
    /// Longest run; then it is drained and counts as interrupted.
    pub max_duration: Duration,
}

/// What becomes of a run that is due while an earlier one of the same sweep has the target. Behind a
/// sweep of another name it waits in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is skipped, and counted so.
    #[default]
    Skip,
    /// It waits until the target is free; at most one of each sweep waits.
    Queue,
}

/// What becomes of runs that were due while the daemon was down or asleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Nothing: the next one is the next that is due.
    #[default]
    Skip,
    /// One run is made up for, however many were missed.
    Once,
}
