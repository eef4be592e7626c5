//! How many words make a wanted number of tokens.

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
}

impl Default for Sizing {
    /// One token a word, nothing besides: about right for the usual vocabularies.
    fn default() -> Self {
        Self::Ratio { fixed: 0.0, tokens_per_word: 1.0 }
    }
}
