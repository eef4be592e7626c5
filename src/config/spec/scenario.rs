//! `scenarios`: load tests.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{NamesSpec, text};
use crate::{
    arrival::LoadSpec,
    config::Connection,
    units::{Period, Ratio},
};

/// A load test: what is asked, how much of it, and when it ends.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ScenarioSpec {
    /// The workload, or a list of workloads: every level of the load is run with each of them.
    pub(in crate::config) workload: NamesSpec,
    /// The levels, or the search for one.
    pub(in crate::config) load: LoadSpec,
    /// Requests that a step judges: a number, or `10x` for ten of each user.
    pub(in crate::config) requests_per_step: Option<RequestsSpec>,
    /// How long a step lasts at most, its warm-up left out.
    pub(in crate::config) duration: Option<Period>,
    /// Requests before a step's window, which are not judged. Default 0.
    #[serde(default)]
    pub(in crate::config) warmup_requests: u64,
    /// Time before a step's window. Default 0s; with `warmup_requests`, both have to pass.
    #[serde(default = "none")]
    pub(in crate::config) warmup_duration: Period,
    /// Pause between steps. Default 0s.
    #[serde(default = "none")]
    pub(in crate::config) settle: Period,
    /// When a step, and with it the run, ends early.
    #[serde(default)]
    pub(in crate::config) stop_when: StopWhenSpec,
    /// An idle connection if there is one, or a fresh one for every request. Default reuse.
    #[serde(default = "reuse")]
    pub(in crate::config) connection: Connection,
    /// Longest exchange. Default: `global.timeout`.
    pub(in crate::config) timeout: Option<Period>,
    /// Seed of prompts and arrivals. By default drawn, and written into the run's record.
    pub(in crate::config) seed: Option<u64>,
}

/// How many requests.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum RequestsSpec {
    /// So many.
    Count(#[schemars(range(min = 1))] u64),
    /// So many for each user, such as `10x`.
    PerUser(#[schemars(transform = text::times)] String),
}

/// When a step ends early.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = text::percentile_keys)]
pub(in crate::config) struct StopWhenSpec {
    /// More than this share of the requests failed.
    pub(in crate::config) error_ratio: Option<Ratio>,
    /// A percentile of a latency is above this: `e2e_p95: 10s`.
    #[serde(flatten)]
    pub(in crate::config) bounds: BTreeMap<String, Period>,
}

fn none() -> Period {
    Period(Duration::ZERO)
}

fn reuse() -> Connection {
    Connection::Reuse
}

impl<'de> Deserialize<'de> for RequestsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            text @ Value::String(_) => String::deserialize(text).map(Self::PerUser),
            other => u64::deserialize(other).map(Self::Count),
        }
        .map_err(de::Error::custom)
    }
}
