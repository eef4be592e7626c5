//! The configuration forms of the workloads.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{Expect, Fixed, Length, Synthetic, Workload};

/// Longest prompt or answer: beyond any context window there is.
const MOST_TOKENS: u32 = 10_000_000;

/// What is asked; one key names the kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkloadSpec {
    /// Prompts made up from words, of drawn lengths.
    Synthetic(SyntheticSpec),
    /// One prompt, always the same.
    Fixed(FixedSpec),
    /// Several workloads, drawn by weight.
    Mix(#[schemars(length(min = 1))] Vec<ShareSpec>),
}

/// Made-up prompts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SyntheticSpec {
    /// Length of the prompt in tokens, the shared prefix included: a number, `{mean, stddev}` or
    /// `{uniform: [low, high]}`. Default 64.
    pub input_tokens: LengthSpec,
    /// Length of the answer in tokens, written likewise. Default 16.
    pub output_tokens: LengthSpec,
    /// Tokens at the head of every prompt that are the same in all of them, for prefix caches.
    pub shared_prefix_tokens: u32,
    /// Sampling temperature.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: f64,
    /// What the answer must be.
    pub expect: ExpectSpec,
}

/// One prompt.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FixedSpec {
    /// The prompt, sent as it is: it can hit the engine's prefix cache.
    #[schemars(length(min = 1))]
    pub prompt: String,
    /// Most tokens of the answer.
    #[serde(default = "max_tokens")]
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub max_tokens: u32,
    /// Sampling temperature.
    #[serde(default)]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: f64,
    /// What the answer must be.
    #[serde(default)]
    pub expect: ExpectSpec,
}

/// One workload of a mix.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareSpec {
    /// Its weight: it is drawn in weight ÷ sum of the weights of all requests.
    pub weight: NonZeroU32,
    /// Its name.
    pub workload: String,
}

/// Checks of an answer's content; each is off unless written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExpectSpec {
    /// The text contains this.
    #[schemars(length(min = 1))]
    pub contains: Option<String>,
    /// The text matches this regular expression.
    pub regex: Option<String>,
    /// At least so many output tokens.
    #[schemars(range(min = 1))]
    pub min_output_tokens: Option<u32>,
    /// The answer names the model that was asked for.
    pub same_model: bool,
    /// The reported output tokens agree with what was streamed.
    pub consistent_usage: bool,
    /// The text is not degenerate.
    pub no_garbage: bool,
}

/// A distribution of lengths in tokens.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum LengthSpec {
    /// Always the same.
    Constant(#[schemars(range(min = 1, max = MOST_TOKENS))] u32),
    /// Normal.
    Normal(NormalSpec),
    /// Uniform.
    Uniform(UniformSpec),
}

/// A normal distribution, cut at one token.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NormalSpec {
    /// Mean in tokens.
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub mean: f64,
    /// Standard deviation in tokens.
    #[serde(default)]
    #[schemars(range(min = 0, max = MOST_TOKENS))]
    pub stddev: f64,
}

/// A uniform distribution.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UniformSpec {
    /// Least and most tokens, both included.
    #[schemars(inner(range(min = 1, max = MOST_TOKENS)))]
    pub uniform: [u32; 2],
}

/// Why a workload cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WorkloadError {
    /// A regular expression does not compile.
    #[error("not a regular expression: {0}")]
    Regex(String),
    /// The ends of a uniform distribution are in the wrong order.
    #[error("the least of a uniform distribution, {low}, is above its most, {high}")]
    Uniform {
        /// What stands first.
        low: u32,
        /// What stands second.
        high: u32,
    },
    /// The shared prefix does not fit.
    #[error("the shared prefix of {prefix} tokens is longer than the shortest prompt of {input}")]
    Prefix {
        /// Tokens of the prefix.
        prefix: u32,
        /// Tokens of the shortest prompt.
        input: u32,
    },
    /// More tokens are expected than asked for.
    #[error("at least {least} output tokens are expected, but at most {most} are asked for")]
    MinOutputTokens {
        /// What is expected.
        least: u32,
        /// What is asked for.
        most: u32,
    },
}

/// What is wrong, and at which keys below the workload.
pub(crate) type WorkloadFault = (Vec<&'static str>, WorkloadError);

fn max_tokens() -> u32 {
    16
}

impl Default for SyntheticSpec {
    fn default() -> Self {
        Self {
            input_tokens: LengthSpec::Constant(64),
            output_tokens: LengthSpec::Constant(16),
            shared_prefix_tokens: 0,
            temperature: 0.0,
            expect: ExpectSpec::default(),
        }
    }
}

impl<'de> Deserialize<'de> for LengthSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(map) if map.contains_key("uniform") => {
                UniformSpec::deserialize(Value::Object(map)).map(Self::Uniform)
            }
            map @ Value::Object(_) => NormalSpec::deserialize(map).map(Self::Normal),
            other => u32::deserialize(other).map(Self::Constant),
        }
        .map_err(de::Error::custom)
    }
}

impl LengthSpec {
    fn build(self) -> Result<Length, WorkloadError> {
        match self {
            Self::Constant(tokens) => Ok(Length::Constant(tokens)),
            Self::Normal(NormalSpec { mean, stddev }) => Ok(Length::Normal { mean, stddev }),
            Self::Uniform(UniformSpec { uniform: [low, high] }) if low > high => {
                Err(WorkloadError::Uniform { low, high })
            }
            Self::Uniform(UniformSpec { uniform: [low, high] }) => {
                Ok(Length::Uniform { low, high })
            }
        }
    }
}

impl Workload {
    /// Fewest output tokens that are asked for on purpose; see [`Length::fewest`].
    pub fn fewest_output_tokens(&self) -> u32 {
        match self {
            Self::Synthetic(synthetic) => synthetic.output_tokens.fewest(),
            Self::Fixed(fixed) => fixed.max_tokens,
            Self::Mix(shares) => shares
                .iter()
                .map(|(_, workload)| workload.fewest_output_tokens())
                .min()
                .unwrap_or(0),
        }
    }
}

impl ExpectSpec {
    /// The checked form; `most` is what the workload, of the kind `kind`, asks for at most.
    fn build(&self, kind: &'static str, most: u32, faults: &mut Vec<WorkloadFault>) -> Expect {
        if let Some(least) = self.min_output_tokens.filter(|least| *least > most) {
            let error = WorkloadError::MinOutputTokens { least, most };
            faults.push((vec![kind, "expect", "min_output_tokens"], error));
        }
        let regex = self.regex.as_deref().and_then(|pattern| match regex::Regex::new(pattern) {
            Ok(regex) => Some(regex),
            Err(error) => {
                // The last line says what is wrong; those before it draw the pattern.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ").to_owned();
                faults.push((vec![kind, "expect", "regex"], WorkloadError::Regex(reason)));
                None
            }
        });
        Expect {
            contains: self.contains.clone(),
            regex,
            min_output_tokens: self.min_output_tokens,
            same_model: self.same_model,
            consistent_usage: self.consistent_usage,
            no_garbage: self.no_garbage,
        }
    }
}

impl SyntheticSpec {
    /// The checked workload.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn build(&self) -> Result<Workload, Vec<WorkloadFault>> {
        const KIND: &str = "synthetic";
        let mut faults = Vec::new();
        let mut length = |key: &'static str, spec: LengthSpec| {
            spec.build().map_err(|error| faults.push((vec![KIND, key], error))).ok()
        };
        let input_tokens = length("input_tokens", self.input_tokens);
        let output_tokens = length("output_tokens", self.output_tokens);
        let prefix = self.shared_prefix_tokens;
        if let Some(input) = input_tokens.map(Length::fewest).filter(|input| prefix > *input) {
            let error = WorkloadError::Prefix { prefix, input };
            faults.push((vec![KIND, "shared_prefix_tokens"], error));
        }
        let most = output_tokens.map_or(u32::MAX, Length::max);
        let expect = self.expect.build(KIND, most, &mut faults);
        match (input_tokens, output_tokens) {
            (Some(input_tokens), Some(output_tokens)) if faults.is_empty() => {
                Ok(Workload::Synthetic(Synthetic {
                    input_tokens,
                    output_tokens,
                    shared_prefix_tokens: prefix,
                    temperature: self.temperature,
                    expect,
                }))
            }
            _ => Err(faults),
        }
    }
}

impl FixedSpec {
    /// The checked workload.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn build(&self) -> Result<Workload, Vec<WorkloadFault>> {
        let mut faults = Vec::new();
        let expect = self.expect.build("fixed", self.max_tokens, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Workload::Fixed(Fixed {
            prompt: self.prompt.clone(),
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            expect,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn synthetic(spec: Value) -> Result<Workload, Vec<WorkloadFault>> {
        SyntheticSpec::deserialize(spec).expect("the form").build()
    }

    #[test]
    fn lengths_have_three_forms() {
        let spec = json!({
            "input_tokens": {"mean": 200, "stddev": 20},
            "output_tokens": {"uniform": [4, 8]},
        });
        let Ok(Workload::Synthetic(built)) = synthetic(spec) else { panic!("a workload") };
        assert_eq!(built.input_tokens, Length::Normal { mean: 200.0, stddev: 20.0 });
        assert_eq!(built.output_tokens, Length::Uniform { low: 4, high: 8 });
        let Ok(Workload::Synthetic(built)) = synthetic(json!({})) else { panic!("a workload") };
        assert_eq!(built.input_tokens, Length::Constant(64));
        assert_eq!(built.output_tokens, Length::Constant(16));
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let faults = synthetic(json!({
            "input_tokens": 10,
            "output_tokens": {"uniform": [8, 4]},
            "shared_prefix_tokens": 11,
            "expect": {"regex": "("},
        }));
        let paths: Vec<_> =
            faults.expect_err("faulty").into_iter().map(|(path, _)| path.join(".")).collect();
        assert_eq!(
            paths,
            ["synthetic.output_tokens", "synthetic.shared_prefix_tokens", "synthetic.expect.regex"]
        );
    }

    #[test]
    fn the_fewest_output_tokens_are_those_asked_for_on_purpose() {
        let fewest = |spec| synthetic(spec).expect("a workload").fewest_output_tokens();
        assert_eq!(fewest(json!({"output_tokens": 7})), 7);
        assert_eq!(fewest(json!({"output_tokens": {"uniform": [1, 9]}})), 1);
        assert_eq!(fewest(json!({"output_tokens": {"mean": 30, "stddev": 30}})), 30);
    }
}
