//! The configuration form of a load; `build` makes the load of it.

mod build;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::units::{Period, Ratio};

/// Most users: beyond the ports of one address.
const MOST_USERS: u32 = 60_000;
/// Rates in requests a second: from one in a quarter of an hour to more than any client can send.
const LEAST_RATE: f64 = 0.001;
const MOST_RATE: f64 = 1_000_000.0;
/// Most levels of a load, and most steps of a search.
const MOST_LEVELS: u32 = 32;

/// What the levels are; exactly one of `concurrency`, `rate`, `ramp`, `trace`, `find_max_goodput`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LoadSpec {
    /// Users, each with one request in flight: a number, or a list of them with a step each.
    pub concurrency: Option<UsersSpec>,
    /// With `concurrency`: users that enter in a second at the start of a step; by default all at
    /// once.
    #[schemars(range(min = LEAST_RATE, max = MOST_RATE))]
    pub spawn_rate: Option<f64>,
    /// Requests a second, whatever becomes of them: a number, or a list of them with a step each.
    pub rate: Option<RatesSpec>,
    /// With `rate` or a `ramp` of the rate: how the requests are spread. Default poisson.
    pub arrival: Option<ArrivalSpec>,
    /// With `arrival: gamma`: the shape of the gaps; 1 is Poisson, less is burstier.
    #[schemars(range(min = 0.001, max = 1000))]
    pub burstiness: Option<f64>,
    /// With `arrival: burst`: requests that are due at once.
    #[schemars(range(min = 2, max = MOST_USERS))]
    pub burst_size: Option<u32>,
    /// Not with `concurrency`: the gate. A request that is due while so many are in flight waits,
    /// and its latencies count from when it was due. By default there is none.
    #[schemars(range(min = 1, max = MOST_USERS))]
    pub max_concurrency: Option<u32>,
    /// One step in which the rate or the number of users changes.
    pub ramp: Option<RampSpec>,
    /// One step that repeats what was recorded: a file, or `{file, speed}`.
    pub trace: Option<TraceSpec>,
    /// The search for the highest level that meets the SLO.
    pub find_max_goodput: Option<SearchSpec>,
}

/// One number of users, or several.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum UsersSpec {
    /// One level.
    One(#[schemars(range(min = 1, max = MOST_USERS))] u32),
    /// A step for each.
    Many(
        #[schemars(length(min = 1, max = MOST_LEVELS), inner(range(min = 1, max = MOST_USERS)))]
        Vec<u32>,
    ),
}

/// One rate, or several.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum RatesSpec {
    /// One level.
    One(#[schemars(range(min = LEAST_RATE, max = MOST_RATE))] f64),
    /// A step for each.
    Many(
        #[schemars(
            length(min = 1, max = MOST_LEVELS),
            inner(range(min = LEAST_RATE, max = MOST_RATE))
        )]
        Vec<f64>,
    ),
}

/// How the requests of an open load are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ArrivalSpec {
    /// At random, each as likely at any moment: what many independent users do.
    #[default]
    Poisson,
    /// At equal gaps.
    Constant,
    /// At random with gaps of a given `burstiness`.
    Gamma,
    /// `burst_size` at once, then nothing until the next.
    Burst,
}

/// A rate or a number of users that changes within one step.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RampSpec {
    /// What changes. Default rate.
    #[serde(default)]
    pub of: QuantitySpec,
    /// At the start.
    #[schemars(range(min = 0, max = MOST_RATE))]
    pub from: f64,
    /// At the end; it stays there.
    #[schemars(range(min = 0, max = MOST_RATE))]
    pub to: f64,
    /// How long it takes.
    pub over: Period,
    /// In so many equal steps; by default smoothly.
    #[schemars(range(min = 1, max = 1000))]
    pub steps: Option<u32>,
}

/// In what a level is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QuantitySpec {
    /// Requests a second.
    #[default]
    Rate,
    /// Users, each with one request in flight.
    Concurrency,
}

/// A recorded load.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum TraceSpec {
    /// As fast as it was recorded.
    File(#[schemars(length(min = 1))] PathBuf),
    /// Faster or slower.
    Own(TraceFileSpec),
}

/// A recorded load and its speed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TraceFileSpec {
    /// The file: lines of JSON with timestamps, or the tables of Mooncake, Azure or BurstGPT.
    #[schemars(length(min = 1))]
    pub file: PathBuf,
    /// How much faster than recorded. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0.001, max = 1000))]
    pub speed: f64,
}

/// The search for the highest level that meets the SLO.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchSpec {
    /// In what the level is counted. Default rate.
    #[serde(default)]
    pub of: QuantitySpec,
    /// The first level, unless the last run's answer is known. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = LEAST_RATE, max = MOST_RATE))]
    pub start: f64,
    /// No level above this.
    #[schemars(range(min = LEAST_RATE, max = MOST_RATE))]
    pub max: f64,
    /// How close the answer has to be. Default 5%.
    #[serde(default = "precision")]
    pub precision: Ratio,
    /// Most steps. Default 12.
    #[serde(default = "max_steps")]
    #[schemars(range(min = 2, max = MOST_LEVELS))]
    pub max_steps: u32,
    /// Of a rate: how the requests are spread; not `burst`. Default poisson.
    pub arrival: Option<ArrivalSpec>,
    /// With `arrival: gamma`: the shape of the gaps; 1 is Poisson, less is burstier.
    #[schemars(range(min = 0.001, max = 1000))]
    pub burstiness: Option<f64>,
}

fn one() -> f64 {
    1.0
}

fn precision() -> Ratio {
    Ratio(0.05)
}

fn max_steps() -> u32 {
    12
}

impl<'de> Deserialize<'de> for UsersSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => Vec::deserialize(list).map(Self::Many),
            other => u32::deserialize(other).map(Self::One),
        }
        .map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for RatesSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => Vec::deserialize(list).map(Self::Many),
            other => f64::deserialize(other).map(Self::One),
        }
        .map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for TraceSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            map @ Value::Object(_) => TraceFileSpec::deserialize(map).map(Self::Own),
            other => PathBuf::deserialize(other).map(Self::File),
        }
        .map_err(de::Error::custom)
    }
}

impl TraceSpec {
    fn parts(&self) -> (&Path, f64) {
        match self {
            Self::File(file) => (file, one()),
            Self::Own(own) => (&own.file, own.speed),
        }
    }
}
