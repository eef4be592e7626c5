//! What a run asked, as its record says it: enough to ask the same again, and no text of a prompt.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A workload. What does not apply to its kind is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadRecord {
    /// `synthetic`, `fixed`, `dataset`, `http` or `mix`.
    pub kind: String,
    /// Length of a prompt in tokens, of made-up prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<LengthRecord>,
    /// Length of an answer in tokens, where the workload says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<LengthRecord>,
    /// No answer is asked to be longer, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Tokens at the head of every prompt that are the same in all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_prefix_tokens: Option<u32>,
    /// Tokens behind it that are the same in all prompts of one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_prefix_tokens: Option<u32>,
    /// Whether a prompt can come again: `never` (salted), `chance`, or `pool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<String>,
    /// Prompts of the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<u32>,
    /// Turns of a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<LengthRecord>,
    /// How long a user thinks between turns, in seconds, mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think_seconds_mean: Option<f64>,
    /// Its standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think_seconds_stddev: Option<f64>,
    /// Sampling temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Conversations of the dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversations: Option<u64>,
    /// Method and path of a plain request, without its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Of a mix: its parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mix: Vec<PartRecord>,
}

/// A part of a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartRecord {
    /// Its weight beside the others'.
    pub weight: u32,
    /// What is asked.
    pub workload: WorkloadRecord,
}

/// A distribution of lengths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "distribution", rename_all = "snake_case")]
pub enum LengthRecord {
    /// Always the same.
    Constant {
        /// The length.
        value: u32,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
    },
    /// Uniform over both ends included.
    Uniform {
        /// Least.
        low: u32,
        /// Most.
        high: u32,
    },
    /// Lognormal.
    Lognormal {
        /// Median.
        median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
        /// Longer ones become this long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        most: Option<u32>,
    },
    /// One of a list.
    Empirical {
        /// Least.
        low: u32,
        /// Most.
        high: u32,
    },
}

/// How a run learnt the length of its prompts: requests before its first step, of prompts as long
/// as those that it was to ask. They belong to no step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SizingRecord {
    /// The requests.
    pub requests: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Tokens of their prompts, as the server counted them.
    pub input_tokens: u64,
    /// Tokens of their answers, likewise.
    pub output_tokens: u64,
    /// Tokens of a word or full stop in the prompts of the steps; absent where a tokenizer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_word: Option<f64>,
    /// Tokens that each of these prompts has besides: the chat template's.
    pub added_tokens: f64,
    /// Why the lengths are less sure than they could be, if so: one line for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
}
