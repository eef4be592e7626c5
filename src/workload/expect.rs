//! What an answer must be, beyond having come.
//!
//! Owns the checks of an answer's content, their order, and the outcome that each makes. A check
//! that fails ends the exchange as a failure, so it never touches a latency.

mod answer;
mod degenerate;
mod schema;

#[cfg(test)]
mod tests;

use regex::Regex;

use crate::timeline::{Finish, Outcome};

pub use answer::Answer;
pub use schema::Schema;
pub(crate) use schema::SchemaError;

/// Checks of an answer's content. All are opt-in: a benchmark on random weights, a gateway that
/// renames models or an engine that miscounts is measured none the less. A check that fails makes
/// an outcome of its own and never touches a latency.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The text contains this.
    pub contains: Option<String>,
    /// The text matches this.
    pub regex: Option<Regex>,
    /// The text is this, white space at its ends apart.
    pub exact: Option<String>,
    /// The text is JSON of this schema.
    pub json_schema: Option<Schema>,
    /// The model stops for one of these reasons; any will do if there is none.
    pub finish: Vec<Finish>,
    /// At least so many output tokens.
    pub min_output_tokens: Option<u32>,
    /// The answer names the model that was asked for.
    pub same_model: bool,
    /// The reported output tokens agree with what was streamed, and with the model's tokenizer.
    pub consistent_usage: bool,
    /// The text is not degenerate.
    pub no_garbage: bool,
}

impl Expect {
    /// Anything will do.
    pub(super) const NOTHING: Self = Self {
        contains: None,
        regex: None,
        exact: None,
        json_schema: None,
        finish: Vec::new(),
        min_output_tokens: None,
        same_model: false,
        consistent_usage: false,
        no_garbage: false,
    };

    /// Whether the text of the answer has to be kept to judge it.
    pub fn needs_text(&self) -> bool {
        self.no_garbage
            || self.contains.is_some()
            || self.regex.is_some()
            || self.exact.is_some()
            || self.json_schema.is_some()
    }

    /// The first expectation, in the order of [`Outcome`], that the answer does not meet, with one
    /// line for a person. The line never quotes the answer's text.
    pub fn check(&self, answer: &Answer<'_>) -> Option<(Outcome, String)> {
        let text = answer.text.unwrap_or_default();
        let checks: [(Outcome, &dyn Fn() -> Option<String>); 5] = [
            (Outcome::ModelMismatch, &|| self.same_model.then(|| answer.other_model())?),
            (Outcome::UsageMismatch, &|| self.consistent_usage.then(|| answer.miscount())?),
            (Outcome::LengthMismatch, &|| answer.short_of(self.min_output_tokens?)),
            (Outcome::Garbage, &|| self.no_garbage.then(|| degenerate::why(text))?),
            (Outcome::ContentMismatch, &|| self.unexpected(answer, text)),
        ];
        checks.into_iter().find_map(|(outcome, why)| Some((outcome, why()?)))
    }

    /// Why the answer is not what is expected: first how it ended, which explains the rest.
    fn unexpected(&self, answer: &Answer<'_>, text: &str) -> Option<String> {
        if !self.finish.is_empty()
            && let Some(why) = answer.stopped_otherwise(&self.finish)
        {
            return Some(why);
        }
        if let Some(wanted) = self.exact.as_ref().filter(|wanted| text.trim() != wanted.trim()) {
            return Some(format!("the answer is not {wanted:?}"));
        }
        if let Some(wanted) = self.contains.as_ref().filter(|wanted| !text.contains(*wanted)) {
            return Some(format!("the answer does not contain {wanted:?}"));
        }
        if let Some(regex) = self.regex.as_ref().filter(|regex| !regex.is_match(text)) {
            return Some(format!("the answer does not match {:?}", regex.as_str()));
        }
        self.json_schema.as_ref()?.unlike(text)
    }
}
