//! The tokenizer, in builds with the feature.

use rand::SeedableRng;
use rand_pcg::Pcg64;

use super::TokenizerError;
use crate::workload::prose;

/// Length of the story by which the ratio is told: enough for one in a hundred.
const SAMPLE_WORDS: u32 = 500;

/// A model's own tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    tokens_per_word: f64,
}

impl std::fmt::Debug for Tokenizer {
    /// Without the vocabulary, which has a hundred thousand entries.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`. Takes up to seconds, for a large vocabulary.
    ///
    /// # Errors
    /// If it is none, or one that cannot encode plain words.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, TokenizerError> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|error| TokenizerError::Form(error.to_string()))?;
        // Both are settings for training batches, and would falsify a count.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| TokenizerError::Form(error.to_string()))?;
        let mut story = String::new();
        prose::sentences(&mut story, SAMPLE_WORDS, &mut Pcg64::seed_from_u64(0));
        let tokenizer = Self { inner, tokens_per_word: 1.0 };
        let tokens = tokenizer.count(&story);
        if tokens == 0 {
            return Err(TokenizerError::Mute);
        }
        Ok(Self { tokens_per_word: tokens as f64 / f64::from(SAMPLE_WORDS), ..tokenizer })
    }

    /// About how many tokens it has for one of our words or full stops.
    pub(in crate::workload) fn tokens_per_word(&self) -> f64 {
        self.tokens_per_word
    }

    /// Tokens of `text`, without those that mark its beginning and end. 0 for a text that the
    /// tokenizer cannot encode.
    pub fn count(&self, text: &str) -> u64 {
        self.inner.encode_fast(text, false).map_or(0, |encoding| encoding.get_ids().len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::testing::{letters, words};

    #[test]
    fn tokens_are_counted() {
        assert_eq!(words().count("The old man. The old man"), 7);
        assert_eq!(letters().count("The old man."), 12);
        assert_eq!(words().count(""), 0);
        assert_eq!(words().tokens_per_word(), 1.0);
        assert!((3.0..6.0).contains(&letters().tokens_per_word()), "a word has a few letters");
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        assert!(matches!(Tokenizer::from_json("{}"), Err(TokenizerError::Form(_))));
        let mute = r#"{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}"#;
        assert_eq!(Tokenizer::from_json(mute).expect_err("no vocabulary"), TokenizerError::Mute);
    }
}
