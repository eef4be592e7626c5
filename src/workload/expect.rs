//! What an answer must be, beyond having come.

use regex::Regex;

/// Checks of an answer's content. All are opt-in: a benchmark on random weights, a gateway that
/// renames models or an engine that miscounts is measured none the less. A check that fails makes
/// an outcome of its own and never touches a latency.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The text contains this.
    pub contains: Option<String>,
    /// The text matches this.
    pub regex: Option<Regex>,
    /// At least so many output tokens.
    pub min_output_tokens: Option<u32>,
    /// The answer names the model that was asked for.
    pub same_model: bool,
    /// The reported output tokens agree with what was streamed.
    pub consistent_usage: bool,
    /// The text is not degenerate.
    pub no_garbage: bool,
}

impl Expect {
    /// Whether the text of the answer has to be kept to judge it.
    pub fn needs_text(&self) -> bool {
        self.contains.is_some() || self.regex.is_some() || self.no_garbage
    }
}
