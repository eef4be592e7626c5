//! One conversation of a dataset.

use std::sync::Arc;

use crate::workload::Message;

/// One conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workload) struct Record {
    /// What the user said, one after the other; at least once.
    pub(in crate::workload) turns: Vec<Said>,
    /// The turn that is asked where a record is one request; those before it are sent with it.
    pub(in crate::workload) asked: usize,
    /// What the record says of the length of its answers.
    pub(in crate::workload) output: Option<Output>,
}

/// What the user said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workload) struct Said {
    /// What stands between the turn before and this one: messages of the operator and the model.
    pub(in crate::workload) before: Vec<Message>,
    /// The user's message.
    pub(in crate::workload) text: Arc<str>,
    /// About how many tokens the recorded answer has, if there is one.
    pub(in crate::workload) answer_tokens: Option<u32>,
}

/// The length of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workload) enum Output {
    /// Exactly so many tokens.
    Exactly(u32),
    /// At most so many.
    AtMost(u32),
}

impl Record {
    /// What is said of the answer to a turn, by the record or else by the recorded answer.
    pub(in crate::workload) fn output_of(&self, turn: usize) -> Option<Output> {
        let recorded = || self.turns.get(turn)?.answer_tokens.map(Output::AtMost);
        self.output.or_else(recorded)
    }
}

impl Output {
    /// The most tokens.
    pub(in crate::workload) const fn tokens(self) -> u32 {
        match self {
            Self::Exactly(tokens) | Self::AtMost(tokens) => tokens,
        }
    }
}

/// About how many tokens a text has, for the usual vocabularies: four for three words, or two for
/// nine bytes, whichever is more. The latter counts writing without blanks, and code.
pub(super) fn about_tokens(text: &str) -> u32 {
    let words = text.split_whitespace().count();
    let tokens = (words * 4).div_ceil(3).max(text.len() * 2 / 9).max(1);
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bytes_tell_the_tokens() {
        assert_eq!(about_tokens("The cat sat on the mat."), 8);
        assert_eq!(about_tokens("東京は日本の首都であり、世界最大級の都市の一つです。"), 17);
        assert_eq!(about_tokens(""), 1);
    }
}
