//! Why there is no tokenizer.

/// A tokenizer that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
    /// This build knows none.
    #[error(
        "this build has no tokenizers: build it with the feature `tokenizer`, or leave the \
         tokenizer out, and lengths are learnt from the server's usage"
    )]
    NotBuilt,
    /// The text is no `tokenizer.json`.
    #[error("not a tokenizer.json: {0}")]
    Form(String),
    /// It makes no tokens of a plain sentence.
    #[error("the tokenizer makes no tokens of plain English words")]
    Mute,
}
