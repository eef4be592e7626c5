//! One request to be made.

use std::sync::Arc;

use super::Expect;

/// What to ask for, before an API gives it a form.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// What kind of request it is.
    pub ask: Ask,
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

/// What kind of request is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ask {
    /// A streamed completion, in the form of the target's API.
    #[default]
    Completion,
    /// A plain HTTP request, sent as it is: prompt, length and temperature say nothing.
    Http(Arc<HttpAsk>),
}

/// A plain HTTP request to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAsk {
    /// Its method.
    pub method: http::Method,
    /// Path below the target's URL, with its query, beginning with `/`.
    pub path: String,
    /// Its body, sent as JSON.
    pub body: Option<String>,
}
