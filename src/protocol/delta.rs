//! What one event of a stream says, whatever the API.

use serde_json::value::RawValue;

use super::Raw;
use crate::timeline::{Finish, TokenKind, Usage};

/// A piece of text as it stands in the JSON, still escaped; absent if there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fragment<'a>(pub Option<&'a RawValue>);

/// What one event says. Borrowed from the event's bytes: looked at no further than needed.
#[derive(Clone, Debug, Default)]
pub struct Delta<'a> {
    /// Whether the event speaks of a choice: role, text and finish events do, while usage alone,
    /// errors and pings do not.
    pub choice: bool,
    /// Text of the answer (the first that is not empty, where an event has several choices).
    pub text: Fragment<'a>,
    /// Reasoning text.
    pub reasoning: Fragment<'a>,
    /// Whether a tool-call fragment that is not empty came.
    pub tool: bool,
    /// Why the model stopped.
    pub finish: Option<Finish>,
    /// Token counts.
    pub usage: Option<Usage>,
    /// What the engine tells of what the answer took it.
    pub told: Raw<'a>,
    /// The model that says it answered.
    pub model: Option<&'a RawValue>,
    /// An error in place of an answer, as the server words it.
    pub error: Option<String>,
    /// `[DONE]`.
    pub done: bool,
}

impl Delta<'_> {
    /// What kind of token the event bears; reasoning before text before tool, should one event
    /// carry several. `None` for role-only, empty and usage events.
    pub fn token(&self) -> Option<TokenKind> {
        if self.reasoning.is_present() {
            Some(TokenKind::Reasoning)
        } else if self.text.is_present() {
            Some(TokenKind::Text)
        } else if self.tool {
            Some(TokenKind::Tool)
        } else {
            None
        }
    }
}

impl Fragment<'_> {
    /// Whether there is text, that is a JSON string other than `""`.
    pub fn is_present(&self) -> bool {
        self.0.is_some_and(|raw| raw.get().starts_with('"') && raw.get() != "\"\"")
    }

    /// Appends the unescaped text to `out`; U+FFFD in place of text that is no Unicode, such as
    /// half of a surrogate pair.
    pub fn append_to(&self, out: &mut String) {
        let Some(raw) = self.0 else { return };
        if let Ok(text) = serde_json::from_str::<&str>(raw.get()) {
            out.push_str(text);
        } else {
            out.push_str(
                &serde_json::from_str(raw.get()).unwrap_or_else(|_| "\u{FFFD}".to_owned()),
            );
        }
    }
}

/// An event that is not what the API promises.
#[derive(Debug, thiserror::Error)]
#[error("event is not JSON of the API: {0}")]
pub struct DecodeError(#[from] pub serde_json::Error);
