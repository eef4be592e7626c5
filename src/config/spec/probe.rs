//! `probes`: one small request on an interval, for ever.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{target::All, text};
use crate::{config::Connection, units::Period};

/// A canary: what it asks, of whom, how often.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ProbeSpec {
    /// Its name, the `probe` label of its series and the `X-Tokenbeat-Probe` header.
    #[schemars(transform = text::name)]
    pub(in crate::config) name: String,
    /// The targets it beats at: a list of names, `all`, or `{match: {label: value}}`.
    pub(in crate::config) targets: ProbeTargetsSpec,
    /// The name of the workload it draws its requests from.
    pub(in crate::config) workload: String,
    /// Time between beats.
    pub(in crate::config) interval: Period,
    /// Longest beat. Default: `global.timeout`.
    pub(in crate::config) timeout: Option<Period>,
    /// The SLOs it is held against: a name or a list of names.
    #[serde(default)]
    pub(in crate::config) slo: SlosSpec,
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

/// Which targets a probe beats at.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum ProbeTargetsSpec {
    /// Every target.
    All(All),
    /// Those with these names.
    Names(#[schemars(length(min = 1))] Vec<String>),
    /// Those with these labels.
    Match(MatchSpec),
}

/// Targets that have all of these labels.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct MatchSpec {
    /// Label names and values.
    #[serde(rename = "match")]
    #[schemars(transform = text::label_keys, extend("minProperties" = 1))]
    pub(in crate::config) labels: BTreeMap<String, String>,
}

/// One name, or a list of names.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum SlosSpec {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Default for SlosSpec {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<'de> Deserialize<'de> for ProbeTargetsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => Vec::deserialize(list).map(Self::Names),
            map @ Value::Object(_) => MatchSpec::deserialize(map).map(Self::Match),
            other => All::deserialize(other).map(Self::All),
        }
        .map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for SlosSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => Vec::deserialize(list).map(Self::Many),
            other => String::deserialize(other).map(Self::One),
        }
        .map_err(de::Error::custom)
    }
}
