//! An SLO, and one exchange held against it.

use std::{sync::Arc, time::Duration};

use crate::{measure::Measurement, timeline::Outcome};

/// A latency that an SLO can bound. The order is the order in which causes are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Time to first token.
    Ttft,
    /// Time per output token.
    Tpot,
    /// End to end.
    E2e,
    /// Time to first output token.
    Ttfo,
    /// Time from the first to the second token.
    Ttst,
    /// The largest gap between tokens.
    Itl,
}

/// A bound on one latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// What is bounded.
    pub metric: Metric,
    /// The most that is good.
    pub max: Duration,
    /// The share of exchanges that must meet it: its own, or the SLO's.
    pub objective: f64,
}

/// How a verdict over several thresholds is formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// The worst of the thresholds, each alone.
    #[default]
    Each,
    /// Every threshold in one and the same exchange: goodput's.
    Joint,
}

/// A checked service-level objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// Its name.
    pub name: Arc<str>,
    /// Its thresholds, in the order of [`Metric`], each metric at most once, at least one.
    pub thresholds: Vec<Threshold>,
    /// The share of exchanges that must be good.
    pub objective: f64,
    /// What a continuous verdict looks at.
    pub window: Duration,
    /// How the verdict is formed.
    pub judge: Judge,
}

/// Why an exchange is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It failed.
    Failed,
    /// A latency that a threshold asks for is undefined.
    Undefined,
    /// The first threshold it missed.
    Missed(Metric),
}

/// One exchange held against one SLO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// For each threshold of the SLO, in its order, whether it was met.
    pub met: Vec<bool>,
    /// Why the exchange is not good; absent if it is.
    pub bad: Option<Cause>,
}

impl Slo {
    /// Holds one exchange against the SLO. The outcome must be a measured one.
    pub fn judge(&self, outcome: Outcome, measurement: &Measurement) -> Judgement {
        let _ = (outcome, measurement);
        Judgement { met: Vec::new(), bad: Some(Cause::Failed) }
    }
}
