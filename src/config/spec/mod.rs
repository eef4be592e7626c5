//! The configuration as it is written: the one description of its keys.
//!
//! From these types come the JSON Schema, the strict walk over the tree (which reads that schema)
//! and the typed values. Owns keys, types and defaults of `global`, `targets` and `probes`;
//! workloads and SLOs own theirs. What one value says of another is checked in `check`.

mod probe;
mod target;
mod text;

pub(super) use probe::{ProbeSpec, ProbeTargetsSpec, SlosSpec};
pub(super) use target::{AuthorizationSpec, BackoffSpec, HeaderSpec, ModelsSpec, TargetSpec};

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

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
pub(super) struct FileSpec {
    /// Settings for everything; in the main file only.
    pub(super) global: GlobalSpec,
    /// Further files: globs, relative to this file.
    pub(super) include: Vec<String>,
    /// The endpoints.
    pub(super) targets: Vec<TargetSpec>,
    /// What is asked, by name.
    #[schemars(transform = text::name_keys)]
    pub(super) workloads: BTreeMap<String, WorkloadSpec>,
    /// Service-level objectives, by name.
    #[schemars(transform = text::name_keys)]
    pub(super) slos: BTreeMap<String, SloSpec>,
    /// One small request on an interval, for ever.
    pub(super) probes: Vec<ProbeSpec>,
}

/// Settings for everything.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GlobalSpec {
    /// Longest exchange, unless a probe says otherwise.
    pub(super) timeout: Period,
    /// Longest silence after the first token; then the exchange is a `stall`.
    pub(super) idle_timeout: Period,
    /// Longest dial: name resolution, TCP and TLS together.
    pub(super) connect_timeout: Period,
    /// Largest answer.
    pub(super) max_response_bytes: Size,
    /// Labels of this instance; they spread the beats of replicas over the interval.
    #[schemars(transform = text::label_keys)]
    pub(super) external_labels: BTreeMap<String, String>,
}

impl Default for GlobalSpec {
    fn default() -> Self {
        let seconds = |seconds| Period(Duration::from_secs(seconds));
        Self {
            timeout: seconds(60),
            idle_timeout: seconds(20),
            connect_timeout: seconds(10),
            max_response_bytes: Size(4 << 20),
            external_labels: BTreeMap::new(),
        }
    }
}
