//! The form of a distribution of lengths.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::fault::WorkloadError;
use crate::workload::{Empirical, Length, MOST_TOKENS};

/// A distribution of lengths.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum LengthSpec {
    /// Always the same.
    Constant(#[schemars(range(min = 1, max = MOST_TOKENS))] u32),
    /// Normal.
    Normal(NormalSpec),
    /// Uniform.
    Uniform(UniformSpec),
    /// Lognormal: many short ones and a long tail.
    LogNormal(LogNormalSpec),
    /// One of a list.
    Empirical(EmpiricalSpec),
}

/// A normal distribution, cut at one.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NormalSpec {
    /// Mean.
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub mean: f64,
    /// Standard deviation.
    #[serde(default)]
    #[schemars(range(min = 0, max = MOST_TOKENS))]
    pub stddev: f64,
}

/// A uniform distribution.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UniformSpec {
    /// Least and most, both included.
    #[schemars(inner(range(min = 1, max = MOST_TOKENS)))]
    pub uniform: [u32; 2],
}

/// A lognormal distribution.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogNormalSpec {
    /// Its parameters: the mean, and either the standard deviation or the median.
    pub lognormal: LogNormalShape,
}

/// The parameters of a lognormal distribution: of the lengths themselves, not of their logarithms.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogNormalShape {
    /// Mean.
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub mean: f64,
    /// Standard deviation.
    #[schemars(range(min = 0, max = MOST_TOKENS))]
    pub stddev: Option<f64>,
    /// Median, in place of the standard deviation: at most the mean.
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub median: Option<f64>,
    /// Longer ones become this long. Default: the median times e to the fourfold standard
    /// deviation of the logarithm, above which one in 30,000 lies.
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub max: Option<u32>,
}

/// A list of lengths, as they were counted somewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmpiricalSpec {
    /// The lengths, each a number or `{tokens, weight}`.
    #[schemars(length(min = 1))]
    pub empirical: Vec<CountedSpec>,
}

/// One length of a list.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum CountedSpec {
    /// With a weight of one.
    Once(#[schemars(range(min = 1, max = MOST_TOKENS))] u32),
    /// With a weight.
    Weighted(WeightedSpec),
}

/// A length and its weight.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightedSpec {
    /// The length.
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub tokens: u32,
    /// It is drawn in weight ÷ sum of the weights of all draws. Default 1.
    #[serde(default = "once")]
    pub weight: NonZeroU32,
}

const fn once() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl<'de> Deserialize<'de> for LengthSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let has = |key: &str| value.get(key).is_some();
        if has("uniform") {
            UniformSpec::deserialize(value).map(Self::Uniform)
        } else if has("lognormal") {
            LogNormalSpec::deserialize(value).map(Self::LogNormal)
        } else if has("empirical") {
            EmpiricalSpec::deserialize(value).map(Self::Empirical)
        } else if value.is_object() {
            NormalSpec::deserialize(value).map(Self::Normal)
        } else {
            u32::deserialize(value).map(Self::Constant)
        }
        .map_err(de::Error::custom)
    }
}

impl LengthSpec {
    /// The checked distribution.
    pub(super) fn build(&self) -> Result<Length, WorkloadError> {
        match self {
            Self::Constant(tokens) => Ok(Length::Constant(*tokens)),
            Self::Normal(NormalSpec { mean, stddev }) => {
                Ok(Length::Normal { mean: *mean, stddev: *stddev })
            }
            Self::Uniform(UniformSpec { uniform: [low, high] }) if low > high => {
                Err(WorkloadError::Uniform { low: *low, high: *high })
            }
            Self::Uniform(UniformSpec { uniform: [low, high] }) => {
                Ok(Length::Uniform { low: *low, high: *high })
            }
            Self::LogNormal(LogNormalSpec { lognormal }) => lognormal.build(),
            Self::Empirical(EmpiricalSpec { empirical }) => {
                let lengths = Empirical::new(empirical.iter().map(CountedSpec::pair));
                // The form has one at least.
                Ok(lengths.map_or(Length::Constant(1), Length::Empirical))
            }
        }
    }
}

impl LogNormalShape {
    fn build(self) -> Result<Length, WorkloadError> {
        let Self { mean, stddev, median, max } = self;
        match (stddev, median) {
            (Some(stddev), None) => Ok(Length::lognormal(mean, stddev, max)),
            (None, Some(median)) if median > mean => Err(WorkloadError::Median),
            (None, Some(median)) => {
                let sigma = (2.0 * (mean / median).ln()).sqrt();
                Ok(Length::LogNormal { median, sigma, most: max })
            }
            (None, None) | (Some(_), Some(_)) => Err(WorkloadError::LogNormal),
        }
    }
}

impl CountedSpec {
    fn pair(&self) -> (u32, NonZeroU32) {
        match *self {
            Self::Once(tokens) => (tokens, once()),
            Self::Weighted(WeightedSpec { tokens, weight }) => (tokens, weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn build(spec: Value) -> Result<Length, WorkloadError> {
        LengthSpec::deserialize(spec).expect("the form").build()
    }

    #[test]
    fn lengths_have_five_forms() {
        let weight = |weight| NonZeroU32::new(weight).expect("not zero");
        let list = Empirical::new([(10, weight(1)), (50, weight(2))]).expect("two lengths");
        for (spec, length) in [
            (json!(64), Length::Constant(64)),
            (json!({"mean": 200, "stddev": 20}), Length::Normal { mean: 200.0, stddev: 20.0 }),
            (json!({"mean": 200}), Length::Normal { mean: 200.0, stddev: 0.0 }),
            (json!({"uniform": [4, 8]}), Length::Uniform { low: 4, high: 8 }),
            (
                json!({"lognormal": {"mean": 200, "stddev": 100, "max": 900}}),
                Length::lognormal(200.0, 100.0, Some(900)),
            ),
            (json!({"empirical": [10, {"tokens": 50, "weight": 2}]}), Length::Empirical(list)),
        ] {
            assert_eq!(build(spec.clone()), Ok(length), "{spec}");
        }
    }

    #[test]
    fn a_median_says_as_much_as_a_standard_deviation() {
        // Of a lognormal, (stddev ÷ mean)² = (mean ÷ median)² − 1.
        let spec = json!({"lognormal": {"mean": 200, "median": 160}});
        let Ok(Length::LogNormal { median, sigma, .. }) = build(spec) else { panic!("a length") };
        let Length::LogNormal { median: same, sigma: spread, .. } =
            Length::lognormal(200.0, 150.0, None)
        else {
            panic!("a lognormal")
        };
        assert!((median - same).abs() < 1e-9 && (sigma - spread).abs() < 1e-9);
    }

    #[test]
    fn what_makes_no_distribution_is_refused() {
        for (spec, error) in [
            (json!({"uniform": [8, 4]}), WorkloadError::Uniform { low: 8, high: 4 }),
            (json!({"lognormal": {"mean": 9}}), WorkloadError::LogNormal),
            (json!({"lognormal": {"mean": 9, "median": 9, "stddev": 1}}), WorkloadError::LogNormal),
            (json!({"lognormal": {"mean": 9, "median": 10}}), WorkloadError::Median),
        ] {
            assert_eq!(build(spec), Err(error));
        }
    }
}
