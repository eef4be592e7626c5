//! The tokenizer, in builds with the feature.

use super::TokenizerError;

/// A model's own tokenizer.
pub struct Tokenizer(tokenizers::Tokenizer);

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
        let tokenizer = Self(inner);
        if tokenizer.count("The old man found the key.") == 0 {
            return Err(TokenizerError::Mute);
        }
        Ok(tokenizer)
    }

    /// Tokens of `text`, without those that mark its beginning and end. 0 for a text that the
    /// tokenizer cannot encode.
    pub fn count(&self, text: &str) -> u64 {
        self.0.encode_fast(text, false).map_or(0, |encoding| encoding.get_ids().len() as u64)
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
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        assert!(matches!(Tokenizer::from_json("{}"), Err(TokenizerError::Form(_))));
        let mute = r#"{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}"#;
        assert_eq!(Tokenizer::from_json(mute).expect_err("no vocabulary"), TokenizerError::Mute);
    }
}
