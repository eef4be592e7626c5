//! The top level of a file, and `global`.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProbeSpec, ScenarioSpec, SweepSpec, TargetSpec, TelemetrySpec, text};
use crate::{
    units::{Period, Size},
    verdict::SloSpec,
    workload::WorkloadSpec,
};

/// Every file, included ones too, has these keys.
//
// It is never read as a whole: `sections` reads item by item, so that a bad one spoils no other.
#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields, default, title = "tokenbeat configuration")]
pub(in crate::config) struct FileSpec {
    /// Settings for everything; in the main file only.
    pub(in crate::config) global: GlobalSpec,
    /// Further files: globs, relative to this file.
    pub(in crate::config) include: Vec<String>,
    /// The endpoints.
    pub(in crate::config) targets: Vec<TargetSpec>,
    /// What is asked, by name.
    #[schemars(transform = text::name_keys)]
    pub(in crate::config) workloads: BTreeMap<String, WorkloadSpec>,
    /// Service-level objectives, by name.
    #[schemars(transform = text::name_keys)]
    pub(in crate::config) slos: BTreeMap<String, SloSpec>,
    /// One small request on an interval, for ever.
    pub(in crate::config) probes: Vec<ProbeSpec>,
    /// Load tests, by name.
    #[schemars(transform = text::name_keys)]
    pub(in crate::config) scenarios: BTreeMap<String, ScenarioSpec>,
    /// Scenarios on a schedule.
    pub(in crate::config) sweeps: Vec<SweepSpec>,
    /// What leaves the daemon besides its own pages, and what this machine tells; in the main file only.
    pub(in crate::config) telemetry: TelemetrySpec,
}

/// Settings for everything.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct GlobalSpec {
    /// Longest exchange, unless a probe says otherwise.
    pub(in crate::config) timeout: Period,
    /// Longest wait for the first token; without it, the timeout of the whole exchange.
    pub(in crate::config) first_token_timeout: Option<Period>,
    /// Longest silence after the first token; then the exchange is a `stall`.
    pub(in crate::config) idle_timeout: Period,
    /// Longest dial: name resolution, TCP and TLS together.
    pub(in crate::config) connect_timeout: Period,
    /// Largest answer.
    pub(in crate::config) max_response_bytes: Size,
    /// Labels of this instance; they spread the beats of replicas over the interval.
    #[schemars(transform = text::label_keys)]
    pub(in crate::config) external_labels: BTreeMap<String, String>,
}

impl Default for GlobalSpec {
    fn default() -> Self {
        let seconds = |seconds| Period(Duration::from_secs(seconds));
        Self {
            timeout: seconds(60),
            first_token_timeout: None,
            idle_timeout: seconds(20),
            connect_timeout: seconds(10),
            max_response_bytes: Size(4 << 20),
            external_labels: BTreeMap::new(),
        }
    }
}
