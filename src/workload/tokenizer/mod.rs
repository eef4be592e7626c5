//! A model's own tokenizer, from its `tokenizer.json`.
//!
//! Owns what the rest may ask of one: how many tokens a text has. Two files have the same face: one
//! for builds with the feature `tokenizer`, one for builds without, in which there is none to have.

#[cfg(not(feature = "tokenizer"))]
mod absent;
mod error;
#[cfg(feature = "tokenizer")]
mod present;

#[cfg(not(feature = "tokenizer"))]
pub use absent::Tokenizer;
pub use error::TokenizerError;
#[cfg(feature = "tokenizer")]
pub use present::Tokenizer;
