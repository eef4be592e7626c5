//! The form of the checks of an answer.

use schemars::JsonSchema;
use serde::Deserialize;

use super::fault::{WorkloadError, WorkloadFault};
use crate::{
    timeline::Finish,
    workload::{Expect, Schema},
};

/// Checks of an answer's content; each is off unless written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExpectSpec {
    /// The text contains this.
    #[schemars(length(min = 1))]
    pub contains: Option<String>,
    /// The text matches this regular expression.
    pub regex: Option<String>,
    /// The text is this, white space at its ends apart. Only at `temperature: 0`.
    #[schemars(length(min = 1))]
    pub exact: Option<String>,
    /// The text is JSON of this JSON Schema (2020-12), which is written as text (`json_schema: |`).
    /// Keywords that are not known and references to elsewhere are refused.
    #[schemars(length(min = 1))]
    pub json_schema: Option<String>,
    /// The model stops for this reason, or one of these: `stop`, `length` or `tool_calls`.
    #[schemars(length(min = 1))]
    pub finish: Option<Vec<FinishSpec>>,
    /// At least so many output tokens.
    #[schemars(range(min = 1))]
    pub min_output_tokens: Option<u32>,
    /// The answer names the model that was asked for.
    pub same_model: bool,
    /// The reported output tokens agree with what was streamed, and with the count of the target's
    /// `tokenizer`.
    pub consistent_usage: bool,
    /// The text is not degenerate.
    pub no_garbage: bool,
}

/// Why a model stops.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FinishSpec {
    /// It had said all, or came to a stop string.
    Stop,
    /// It came to the limit of tokens.
    Length,
    /// It wants a tool called.
    ToolCalls,
}

/// What the checks have to know of the workload whose answers they judge.
pub(super) struct Judged {
    /// Its kind, which is its key.
    pub(super) kind: &'static str,
    /// The most tokens that it asks for.
    pub(super) most: u32,
    /// Its sampling temperature.
    pub(super) temperature: f64,
}

impl ExpectSpec {
    /// The checked form, for answers of the workload `judged`.
    pub(super) fn build(&self, judged: &Judged, faults: &mut Vec<WorkloadFault>) -> Expect {
        let mut fault = |key, error| faults.push((vec![judged.kind, "expect", key], error));
        let most = judged.most;
        if let Some(least) = self.min_output_tokens.filter(|least| *least > most) {
            fault("min_output_tokens", WorkloadError::MinOutputTokens { least, most });
        }
        if self.exact.is_some() && judged.temperature > 0.0 {
            fault("exact", WorkloadError::ExactButWarm(judged.temperature.to_string()));
        }
        let regex = self.regex.as_deref().and_then(|pattern| {
            let built = regex::Regex::new(pattern);
            built.map_err(|error| fault("regex", WorkloadError::Regex(last_line(&error)))).ok()
        });
        let json_schema = self.json_schema.as_deref().and_then(|text| {
            Schema::parse(text).map_err(|error| fault("json_schema", error.into())).ok()
        });
        let finish = self.finish.iter().flatten().map(|finish| match finish {
            FinishSpec::Stop => Finish::Stop,
            FinishSpec::Length => Finish::Length,
            FinishSpec::ToolCalls => Finish::ToolCalls,
        });
        Expect {
            contains: self.contains.clone(),
            regex,
            exact: self.exact.clone(),
            json_schema,
            finish: finish.collect(),
            min_output_tokens: self.min_output_tokens,
            same_model: self.same_model,
            consistent_usage: self.consistent_usage,
            no_garbage: self.no_garbage,
        }
    }
}

/// The line that says what is wrong; those before it draw the pattern.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
