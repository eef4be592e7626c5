//! What is known of prompt lengths behind one link: the models' tokens a word, and the tokenizer.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::workload::{Calibrator, Sizing, Tokenizer, TokenizerError};

/// Largest `tokenizer.json`. Those of a quarter of a million tokens have some 30 MiB.
const LARGEST_TOKENIZER: u64 = 128 << 20;

/// Longest reading of a tokenizer: some tens of megabytes, perhaps from a slow disk.
pub(crate) const PREPARE: Duration = Duration::from_secs(60);

/// Most models of one endpoint that are learnt of; what a further one would teach is not kept.
const MOST_MODELS: usize = 256;

/// A tokenizer that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Its file cannot be read.
    #[error("the tokenizer {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its file is too large.
    #[error("the tokenizer {0} is larger than {most} MiB", most = LARGEST_TOKENIZER >> 20)]
    TooLarge(PathBuf),
    /// It could not be read in time.
    #[error("the tokenizer {0} could not be read within {1:.1?}")]
    Slow(PathBuf, Duration),
    /// It is none, or this build has none.
    #[error("the tokenizer {path}: {source}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TokenizerError,
    },
}

/// What was learnt of each model's prompt lengths.
#[derive(Debug, Default)]
pub(super) struct Sizes(Mutex<BTreeMap<Box<str>, Learnt>>);

/// What was learnt of one model, from prompts sized one way or the other: the two count their
/// words in different units.
#[derive(Debug, Default)]
struct Learnt {
    by_ratio: Calibrator,
    by_tokenizer: Calibrator,
}

impl Sizes {
    /// How the next prompts for `model` are sized.
    pub(super) fn sizing(&self, model: &str, tokenizer: Option<&Arc<Tokenizer>>) -> Sizing {
        let sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let learnt = sizes.get(model);
        match tokenizer {
            Some(tokenizer) => Sizing::Exact {
                tokenizer: Arc::clone(tokenizer),
                fixed: learnt.map_or(0, |learnt| learnt.by_tokenizer.added()),
            },
            None => learnt.map_or_else(Sizing::default, |learnt| learnt.by_ratio.sizing()),
        }
    }

    /// Whether the length of prompts of about so many `words` for `model` is known.
    pub(super) fn knows(
        &self,
        model: &str,
        tokenizer: Option<&Arc<Tokenizer>>,
        words: u32,
    ) -> bool {
        let sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.get(model).is_some_and(|learnt| match tokenizer {
            Some(_) => learnt.by_tokenizer.knows(words),
            None => learnt.by_ratio.knows(words),
        })
    }

    /// Learns what the server counted.
    pub(super) fn learn(
        &self,
        model: &str,
        tokenizer: Option<&Arc<Tokenizer>>,
        words: u32,
        prompt_tokens: u64,
    ) {
        let mut sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !sizes.contains_key(model) {
            if sizes.len() == MOST_MODELS {
                return;
            }
            sizes.insert(model.into(), Learnt::default());
        }
        let Some(learnt) = sizes.get_mut(model) else { return };
        match tokenizer {
            Some(_) => learnt.by_tokenizer.observe(words, prompt_tokens),
            None => learnt.by_ratio.observe(words, prompt_tokens),
        }
    }
}

/// Reads a `tokenizer.json`. Blocks.
pub(super) fn read(path: &Path) -> Result<Tokenizer, PrepareError> {
    let failed = |source| PrepareError::Read { path: path.to_owned(), source };
    let mut json = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST_TOKENIZER + 1).read_to_end(&mut json).map_err(failed)?;
    if json.len() as u64 > LARGEST_TOKENIZER {
        return Err(PrepareError::TooLarge(path.to_owned()));
    }
    Tokenizer::from_json(json)
        .map_err(|source| PrepareError::Tokenizer { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens_per_word(sizing: &Sizing) -> f64 {
        match sizing {
            Sizing::Ratio { tokens_per_word, .. } => *tokens_per_word,
            Sizing::Exact { .. } => panic!("there is no tokenizer"),
        }
    }

    #[test]
    fn each_model_is_learnt_for_itself() {
        let sizes = Sizes::default();
        for words in (100..200).step_by(10) {
            sizes.learn("a", None, words, 2 * u64::from(words));
        }
        assert!((tokens_per_word(&sizes.sizing("a", None)) - 2.0).abs() < 0.1);
        assert_eq!(tokens_per_word(&sizes.sizing("b", None)), 1.0);
        assert!(sizes.knows("a", None, 150) && !sizes.knows("b", None, 150));
    }

    #[test]
    fn models_without_end_are_not_kept() {
        let sizes = Sizes::default();
        for model in 0..=MOST_MODELS {
            sizes.learn(&model.to_string(), None, 100, 200);
        }
        assert_eq!(sizes.0.lock().expect("not poisoned").len(), MOST_MODELS);
    }

    #[test]
    fn a_file_that_is_no_tokenizer_is_named() {
        let missing = read(Path::new("no/such/tokenizer.json")).expect_err("it is missing");
        assert!(missing.to_string().contains("no/such/tokenizer.json"), "{missing}");
        let other = read(Path::new("Cargo.toml")).expect_err("it is something else");
        assert!(matches!(other, PrepareError::Tokenizer { .. }), "{other}");
    }
}
