//! No tokenizer, in builds without the feature.

use super::TokenizerError;

/// A model's own tokenizer. In this build there is none.
#[derive(Debug)]
pub struct Tokenizer(Never);

#[derive(Debug)]
enum Never {}

impl Tokenizer {
    /// Refuses every tokenizer.
    ///
    /// # Errors
    /// Always [`TokenizerError::NotBuilt`].
    pub fn from_json(_json: impl AsRef<[u8]>) -> Result<Self, TokenizerError> {
        Err(TokenizerError::NotBuilt)
    }

    /// About how many tokens it has for one of our words or full stops.
    pub(in crate::workload) fn tokens_per_word(&self) -> f64 {
        match self.0 {}
    }

    /// Tokens of `text`.
    pub fn count(&self, _text: &str) -> u64 {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_to_do() {
        let error = Tokenizer::from_json("{}").expect_err("there is none");
        assert!(error.to_string().contains("feature `tokenizer`"), "{error}");
    }
}
