//! How many words make a wanted number of tokens.

use std::sync::Arc;

use super::Tokenizer;

/// How a length in tokens becomes a prompt.
#[derive(Clone, Debug)]
pub enum Sizing {
    /// By a ratio, learnt from the prompt tokens that the server reports.
    Ratio {
        /// Tokens that every prompt has besides its words: the chat template's.
        fixed: f64,
        /// Tokens a word or full stop.
        tokens_per_word: f64,
    },
    /// Exactly, as the model's own tokenizer counts.
    Exact {
        /// The tokenizer.
        tokenizer: Arc<Tokenizer>,
        /// Tokens that the server adds to every prompt, and that the prompt leaves room for.
        fixed: u32,
    },
}

impl Default for Sizing {
    /// One token a word, nothing besides: about right for the usual vocabularies.
    fn default() -> Self {
        Self::Ratio { fixed: 0.0, tokens_per_word: 1.0 }
    }
}

impl Sizing {
    /// Words and full stops of a whole prompt of `tokens`. Of the exact sizing about as many.
    pub(super) fn words(&self, tokens: u32) -> u32 {
        let fixed = match self {
            Self::Ratio { fixed, .. } => *fixed,
            Self::Exact { fixed, .. } => f64::from(*fixed),
        };
        whole((f64::from(tokens) - fixed) / self.tokens_per_word())
    }

    /// Words and full stops of a part of a prompt that is to have `tokens`; none of no tokens, else
    /// at least one.
    pub(super) fn words_of_part(&self, tokens: u32) -> u32 {
        whole(f64::from(tokens) / self.tokens_per_word()).max(tokens.min(1))
    }

    fn tokens_per_word(&self) -> f64 {
        match self {
            Self::Ratio { tokens_per_word, .. } => *tokens_per_word,
            Self::Exact { tokenizer, .. } => tokenizer.tokens_per_word(),
        }
    }
}

/// A whole number of words; the cast saturates at both ends.
fn whole(words: f64) -> u32 {
    words.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_prompt_leaves_room_for_what_the_server_adds() {
        let sizing = Sizing::Ratio { fixed: 40.0, tokens_per_word: 1.25 };
        assert_eq!((sizing.words(140), sizing.words_of_part(140)), (80, 112));
        assert_eq!((sizing.words(10), sizing.words_of_part(0)), (0, 0));
        let sparse = Sizing::Ratio { fixed: 0.0, tokens_per_word: 12.0 };
        assert_eq!(sparse.words_of_part(3), 1);
    }

    #[test]
    fn by_default_a_token_is_a_word() {
        assert_eq!(Sizing::default().words(77), 77);
    }
}
