//! The APIs that a target can speak: a plan becomes a request, an event becomes a [`Delta`].
//!
//! Owns what differs between APIs, one file an API, and the table of them. Pure: knows no sockets
//! and no clocks.

mod delta;
mod error;
mod fields;
mod fold;
mod openai_chat;
mod openai_completions;
mod openai_event;
mod openai_sampling;
mod openai_usage;
mod told;

pub use delta::{DecodeError, Delta, Fragment};
pub(crate) use error::one_line;
pub use error::{error_message, is_error};
pub use fields::{Field, FieldSet};
pub use told::{Raw, in_body as told_in_body, in_head as told_in_head};

pub use crate::timeline::Finish;
use crate::workload::RequestPlan;

/// The APIs, by their name in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `POST /v1/chat/completions`
    OpenaiChat,
    /// `POST /v1/completions`
    OpenaiCompletions,
}

impl Api {
    /// Every API.
    pub const ALL: [Self; 2] = [Self::OpenaiChat, Self::OpenaiCompletions];

    /// Its name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiCompletions => "openai_completions",
        }
    }

    /// How it is spoken.
    pub fn protocol(self) -> &'static dyn Protocol {
        match self {
            Self::OpenaiChat => &openai_chat::OpenaiChat,
            Self::OpenaiCompletions => &openai_completions::OpenaiCompletions,
        }
    }
}

/// How one API is spoken.
pub trait Protocol: Send + Sync {
    /// Path of the streaming endpoint below the target's URL, beginning with `/`.
    fn path(&self) -> &'static str;

    /// The JSON body of a streaming request for `plan`, without the optional fields in `refused`.
    fn encode(&self, plan: &RequestPlan, model: &str, refused: FieldSet) -> Vec<u8>;

    /// The optional fields that `encode` would send.
    fn optional_fields(&self, plan: &RequestPlan, refused: FieldSet) -> FieldSet;

    /// What one SSE event's data says. Does not allocate for an event that carries a token.
    ///
    /// # Errors
    /// If the data is neither JSON of the API, `null`, nor `[DONE]`.
    fn decode<'a>(&self, data: &'a [u8]) -> Result<Delta<'a>, DecodeError>;
}
