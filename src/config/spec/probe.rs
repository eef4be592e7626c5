//! `probes`: one small request on an interval, for ever.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{NamesSpec, SelectionSpec, selection::utc, text};
use crate::{config::Connection, units::Period};

/// A canary: what it asks, of whom, how often.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ProbeSpec {
    /// Its name, the `probe` label of its series and the `X-Tokenbeat-Probe` header.
    #[schemars(transform = text::name)]
    pub(in crate::config) name: String,
    /// The targets it beats at: a list of names, `all`, or `{match: {label: value}}`.
    pub(in crate::config) targets: SelectionSpec,
    /// The name of the workload it draws its requests from.
    pub(in crate::config) workload: String,
    /// Time between beats.
    pub(in crate::config) interval: Period,
    /// Longest beat. Default: `global.timeout`.
    pub(in crate::config) timeout: Option<Period>,
    /// The SLOs it is held against: a name or a list of names.
    #[serde(default)]
    pub(in crate::config) slo: NamesSpec,
    /// A fresh connection for every beat, or an idle one if there is one. Default fresh.
    #[serde(default)]
    pub(in crate::config) connection: Connection,
    /// When it rests: windows such as `Sat 00:00-06:00` (days: `Sat`, `Sat,Sun`, `Mon-Fri`) or
    /// `00:00-01:00` for every day.
    #[serde(default)]
    pub(in crate::config) maintenance: Vec<String>,
    /// Time zone of `maintenance`.
    #[serde(default = "utc")]
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) timezone: String,
}
