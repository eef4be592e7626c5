//! The form of the checks of an answer.

use schemars::JsonSchema;
use serde::Deserialize;

use super::fault::{WorkloadError, WorkloadFault};
use crate::workload::Expect;

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

impl ExpectSpec {
    /// The checked form; `most` is what the workload, of the kind `kind`, asks for at most.
    pub(super) fn build(
        &self,
        kind: &'static str,
        most: u32,
        faults: &mut Vec<WorkloadFault>,
    ) -> Expect {
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
