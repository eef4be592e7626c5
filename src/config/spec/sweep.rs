//! `sweeps`: scenarios on a schedule.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{NamesSpec, SelectionSpec, selection::utc, text};
use crate::{
    config::{Missed, Overlap},
    units::{Period, Ratio},
};

/// A scenario, run when it is due or on demand.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct SweepSpec {
    /// Its name, the `sweep` label of its series.
    #[schemars(transform = text::name)]
    pub(in crate::config) name: String,
    /// When it is due: five fields, or six with the second first, or a name such as `@daily`. By
    /// default on demand only.
    pub(in crate::config) cron: Option<String>,
    /// Time zone of `cron` and `maintenance`. Default UTC.
    #[serde(default = "utc")]
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) timezone: String,
    /// The targets it runs at, one after the other: a list of names, `all`, or
    /// `{match: {label: value}}`.
    pub(in crate::config) targets: SelectionSpec,
    /// The name of the scenario.
    pub(in crate::config) scenario: String,
    /// The SLOs it is held against: a name or a list of names.
    #[serde(default)]
    pub(in crate::config) slo: NamesSpec,
    /// What holds it back or ends it.
    #[serde(default)]
    pub(in crate::config) guard: GuardSpec,
    /// When it rests, as of probes: a run that is due meanwhile is skipped.
    #[serde(default)]
    pub(in crate::config) maintenance: Vec<String>,
    /// What becomes of a run that is due while an earlier one of the sweep still runs. Default skip.
    #[serde(default)]
    pub(in crate::config) overlap: Overlap,
    /// What becomes of runs that were due while the daemon was down. Default skip.
    #[serde(default)]
    pub(in crate::config) missed: Missed,
}

/// What holds a sweep back or ends it.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct GuardSpec {
    /// No run while more requests than this wait in the engine's queue; needs `engine_metrics`.
    pub(in crate::config) engine_requests_waiting: Option<u64>,
    /// No run while more than this share of the target's recent beats failed; needs a probe.
    pub(in crate::config) probe_failure_ratio: Option<Ratio>,
    /// Longest run; then it is drained. By default 1h, or more where the scenario's steps by time
    /// and the answers at their ends take more.
    pub(in crate::config) max_duration: Option<Period>,
}
