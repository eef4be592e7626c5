//! What every handler shares.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Semaphore, mpsc, watch};

use super::{Command, MetricsSource, WebOptions, subject::InFlight};
use crate::{
    event::{BeatKey, ProbeWindow, RunRecord, TelemetrySource},
    sinks::{
        recent::{ProbeSnapshot, Recent},
        sweeps::Sweeps,
        traces::Traces,
    },
};

/// Where the daemon stands, for `/-/ready`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// The first configuration is not applied yet.
    #[default]
    Starting,
    /// It is; says nothing about the health of targets.
    Ready,
    /// The daemon drains and will exit.
    Stopping,
}

impl Readiness {
    /// Its name in JSON and on the page.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
        }
    }
}

/// What the daemon says about itself; it holds the sending half.
#[derive(Clone, Debug, Default)]
pub struct DaemonStatus {
    /// Where it stands.
    pub readiness: Readiness,
    /// Hash of the configuration that runs, as in `tokenbeat_config_hash`.
    pub config_hash: u64,
    /// When that configuration was applied, in nanoseconds since the Unix epoch.
    pub config_applied_unix_nanos: Option<i64>,
    /// Why the last reload was refused; absent if it was not. The first line is shown.
    pub reload_error: Option<String>,
}

/// Expositions rendered at once; further scrapes wait within their deadline. Two, so that a slow one
/// does not hold up the other of a pair of scrapers.
const RENDERS: usize = 2;

/// Questions to the history answered at once; each may read a thousand files.
const READINGS: usize = 4;

/// The runs of the past. Asked on a thread that may wait for a disk.
pub trait History: Send + Sync {
    /// Shows at most `limit` runs of `sweep` at `target`, the newest first, one at a time; an empty
    /// name matches all.
    fn list(&self, sweep: &str, target: &str, limit: usize, show: &mut dyn FnMut(&RunRecord));
    /// One run.
    fn get(&self, id: &str) -> Option<Arc<RunRecord>>;
}

/// What engines and GPUs tell, beside the beats.
pub trait Beside: Send + Sync {
    /// The last minutes of each of `probes`, which are all that are remembered.
    fn windows(&self, probes: &[ProbeSnapshot]) -> BTreeMap<Arc<BeatKey>, ProbeWindow>;
    /// The sources of telemetry of every target that has any, by its name.
    fn sources(&self) -> BTreeMap<Arc<str>, Vec<TelemetrySource>>;
}

/// What the pages and the API show.
#[derive(Clone)]
pub struct Shown {
    /// The last beats.
    pub recent: Arc<Recent>,
    /// Where the sweeps stand.
    pub sweeps: Arc<Sweeps>,
    /// The traces that are kept.
    pub traces: Arc<Traces>,
    /// The runs of the past.
    pub history: Arc<dyn History>,
    /// What engines and GPUs tell.
    pub beside: Arc<dyn Beside>,
}

/// What every handler shares.
#[derive(Clone)]
pub struct WebState {
    pub(super) options: Arc<WebOptions>,
    pub(super) recent: Arc<Recent>,
    pub(super) sweeps: Arc<Sweeps>,
    pub(super) traces: Arc<Traces>,
    pub(super) history: Arc<dyn History>,
    pub(super) beside: Arc<dyn Beside>,
    pub(super) metrics: MetricsSource,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) status: watch::Receiver<DaemonStatus>,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) renders: Arc<Semaphore>,
    pub(super) readings: Arc<Semaphore>,
    pub(super) started_unix_nanos: i64,
}

impl WebState {
    /// The state of handlers that read `shown`, `metrics` and `status`, and send to `commands`.
    /// The uptime shown counts from here.
    pub fn new(
        options: WebOptions,
        shown: Shown,
        metrics: MetricsSource,
        commands: mpsc::Sender<Command>,
        status: watch::Receiver<DaemonStatus>,
    ) -> Self {
        let Shown { recent, sweeps, traces, history, beside } = shown;
        let started_unix_nanos = recent.now_unix_nanos();
        Self {
            options: Arc::new(options),
            recent,
            sweeps,
            traces,
            history,
            beside,
            metrics,
            commands,
            status,
            in_flight: Arc::default(),
            renders: Arc::new(Semaphore::new(RENDERS)),
            readings: Arc::new(Semaphore::new(READINGS)),
            started_unix_nanos,
        }
    }
}
