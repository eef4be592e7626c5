//! The words that the engine says.
//!
//! Owns the vocabulary (one word is one token) and the count of prompt tokens. Must not know
//! events.

use std::sync::Arc;

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

/// What a model in a loop says.
const LOOP: [&str; 4] = [" we", " see", " the", " river."];

/// Where a completion takes its words from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Drawn from the vocabulary.
    Drawn,
    /// A given text, over and over.
    Given(Arc<[String]>),
    /// One and the same.
    Same,
    /// A short sentence over and over, as a model that is caught in a loop says it.
    Looped,
    /// What a decoder leaves of bytes that are no text.
    Replacement,
}

impl Words {
    /// The words of `reply`; drawn ones if there is none.
    pub(super) fn of(reply: Option<&str>) -> Self {
        let words: Arc<[String]> =
            reply.unwrap_or_default().split_whitespace().map(|word| format!(" {word}")).collect();
        if words.is_empty() { Self::Drawn } else { Self::Given(words) }
    }

    /// How many there are before they repeat; absent if they do not come to an end.
    pub(super) fn count(&self) -> Option<u32> {
        match self {
            Self::Given(words) => u32::try_from(words.len()).ok(),
            Self::Drawn | Self::Same | Self::Looped | Self::Replacement => None,
        }
    }

    /// Word number `index`.
    pub(super) fn get(&self, index: u32, rng: &mut Pcg64Mcg) -> &str {
        match self {
            Self::Drawn => WORDS[rng.random_range(0..WORDS.len())],
            Self::Given(words) => &words[index as usize % words.len()],
            Self::Same => WORDS[0],
            Self::Looped => LOOP[index as usize % LOOP.len()],
            Self::Replacement => "\u{fffd}",
        }
    }
}

/// Whether `text` can stand in a JSON string as it is.
pub(super) fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || c == '"' || c == '\\')
}

/// Tokens of a prompt: so many for each of its words and `besides`, and never none.
pub(super) fn prompt_tokens(prompt: &str, per_word: f64, besides: u32) -> u32 {
    let tokens = prompt.split_whitespace().count() as f64 * per_word;
    // The cast saturates.
    (tokens.round() as u32).saturating_add(besides).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_need_no_escape_and_are_one_token_each() {
        for word in WORDS {
            assert!(is_plain(word));
            assert_eq!(prompt_tokens(word, 1.0, 0), 1);
            assert!(word.starts_with(' '));
        }
    }

    #[test]
    fn a_prompt_may_have_more_tokens_than_words() {
        for (prompt, per_word, besides, tokens) in
            [("", 1.0, 0, 1), ("a b c", 1.0, 0, 3), ("a b c d", 1.5, 30, 36), ("a b", 0.1, 0, 1)]
        {
            assert_eq!(prompt_tokens(prompt, per_word, besides), tokens, "{prompt:?}");
        }
    }
}
