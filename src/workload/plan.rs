//! One request to be made.

use super::Expect;

/// What to ask for, before an API gives it a form.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// The prompt.
    pub prompt: String,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Whether the answer should have exactly `max_tokens`: asks the engine to ignore the end of
    /// sequence, as far as it knows how to.
    pub exact_length: bool,
    /// Sampling temperature.
    pub temperature: f64,
    /// What the answer must be.
    pub expect: Expect,
}
