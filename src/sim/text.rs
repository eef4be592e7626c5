//! The words that the engine says.
//!
//! Owns the vocabulary (one word is one token) and the count of prompt tokens. Must not know
//! events.

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

/// Every word has its leading space and needs no escape in JSON.
const WORDS: [&str; 64] = [
    " the", " a", " river", " stone", " light", " slow", " model", " answer", " we", " see", " of",
    " and", " in", " to", " morning", " small", " green", " field", " under", " over", " long",
    " word", " time", " hand", " open", " door", " house", " tree", " wind", " water", " warm",
    " cold", " day", " night", " star", " paper", " line", " point", " two", " three", " often",
    " never", " still", " moves", " turns", " holds", " finds", " gives", " quiet", " bright",
    " deep", " new", " old", " road", " bridge", " city", " north", " south", " because", " while",
    " after", " before", " with", " without",
];

/// Where a completion takes its words from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Drawn from the vocabulary.
    Drawn,
    /// One and the same.
    Same,
    /// What a decoder leaves of bytes that are no text.
    Replacement,
}

impl Words {
    /// The next word.
    pub(super) fn next(self, rng: &mut Pcg64Mcg) -> &'static str {
        match self {
            Self::Drawn => WORDS[rng.random_range(0..WORDS.len())],
            Self::Same => WORDS[0],
            Self::Replacement => "\u{fffd}",
        }
    }
}

/// Tokens of a prompt: its words, and never none.
pub(super) fn prompt_tokens(prompt: &str) -> u32 {
    u32::try_from(prompt.split_whitespace().count()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_need_no_escape_and_are_one_token_each() {
        for word in WORDS {
            assert_eq!(serde_json::to_string(word).unwrap(), format!("\"{word}\""));
            assert_eq!(prompt_tokens(word), 1);
            assert!(word.starts_with(' '));
        }
    }
}
