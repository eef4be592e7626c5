//! The form of the time to think.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{units::Period, workload::Think};

/// How long a user thinks before a later turn: a duration, or `{mean, stddev}`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ThinkSpec {
    /// Always as long.
    Constant(Period),
    /// Normal, cut at zero.
    Normal(NormalThinkSpec),
}

/// A normal distribution of times, cut at zero.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NormalThinkSpec {
    /// Mean.
    pub mean: Period,
    /// Standard deviation.
    pub stddev: Period,
}

impl ThinkSpec {
    /// The checked distribution.
    pub(super) fn build(self) -> Think {
        match self {
            Self::Constant(Period(mean)) => Think { mean, stddev: Duration::ZERO },
            Self::Normal(NormalThinkSpec { mean, stddev }) => {
                Think { mean: mean.0, stddev: stddev.0 }
            }
        }
    }
}
