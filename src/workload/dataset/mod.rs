//! Recorded prompts: JSON lines in the forms of other tools.
//!
//! Owns what a line may look like and what it asks for. Knows nothing of files.

mod error;
mod parse;

pub use error::{DatasetError, DatasetFault};

use std::sync::Arc;

use super::Message;

/// Recorded conversations.
#[derive(Clone, Debug)]
pub struct Dataset {
    records: Vec<Record>,
    skipped: usize,
}

/// One conversation.
#[derive(Clone, Debug)]
struct Record {
    /// What the user said, one after the other; at least once.
    turns: Vec<Said>,
    /// The turn that is asked where a record is one request; those before it are sent with it.
    asked: usize,
    /// What the record says of the length of its answers.
    output: Option<Output>,
}

/// What the user said.
#[derive(Clone, Debug)]
struct Said {
    /// What stands between the turn before and this one: messages of the operator and the model.
    before: Vec<Message>,
    /// The user's message.
    text: Arc<str>,
    /// About how many tokens the recorded answer has, if there is one.
    answer_tokens: Option<u32>,
}

/// The length of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// Exactly so many tokens.
    Exactly(u32),
    /// At most so many.
    AtMost(u32),
}

impl Dataset {
    /// Most bytes of a dataset: it is held in memory as long as the configuration is.
    pub const MOST_BYTES: usize = 256 << 20;

    /// Conversations in it; at least one.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none, which no parsed dataset is.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Lines that were left out, because no user says anything in them.
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}
