//! Text of an exact number of tokens.
//!
//! Words are added and taken away until the tokenizer counts what is wanted. A tokenizer may count
//! a text otherwise than the sum of its words, so what is counted is always the whole text.

use std::cmp::Ordering;

use rand::SeedableRng;
use rand_pcg::Pcg64;

use super::{Tokenizer, prose};

/// Most texts that are tried for a length. Where our words have one token each, the second has it.
const MOST_TRIES: usize = 40;

/// Every so many tries, the bracket is halved.
const HALVE_EVERY: usize = 3;

/// What fills the last gap, where no number of words has the wanted length: each is one token in
/// some vocabularies.
const FILLERS: [&str; 12] = [" the", " a", ".", "!", " I", "a", ",", " of", ":", " to", "?", " 1"];

/// A text and its length.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) text: String,
    /// Its tokens.
    pub(super) tokens: u64,
}

/// `head` and a story behind it, of `wanted` tokens in all. Longer only where `head` alone is, and
/// never empty; shorter only if the vocabulary leaves no other way.
pub(super) fn fit(tokenizer: &Tokenizer, head: String, wanted: u64, seed: u64) -> Fitted {
    let mut draft = Draft { tokenizer, head, closing: prose::CLOSING, seed };
    let closed = draft.fit(0, wanted);
    if closed.tokens == wanted {
        return closed;
    }
    // The closing is too long, or leaves a gap that nothing fills.
    draft.closing = "";
    let words = u32::from(draft.head.is_empty());
    let open = draft.fit(words, wanted);
    if open.tokens.abs_diff(wanted) <= closed.tokens.abs_diff(wanted) { open } else { closed }
}

struct Draft<'a> {
    tokenizer: &'a Tokenizer,
    head: String,
    closing: &'static str,
    seed: u64,
}

impl Draft<'_> {
    /// The text of `wanted` tokens, or nearly so, with `fewest` words at least.
    fn fit(&self, fewest: u32, wanted: u64) -> Fitted {
        let shortest = self.with(fewest, "");
        if shortest.tokens >= wanted {
            return shortest;
        }
        let (words, fitted) = self.bracket((fewest, shortest), wanted);
        self.fill(words, fitted, wanted)
    }

    /// The text with so many words between head and closing, and the filler behind them.
    fn with(&self, words: u32, filler: &str) -> Fitted {
        let mut text = self.head.clone();
        prose::sentences(&mut text, words, &mut Pcg64::seed_from_u64(self.seed));
        text.push_str(filler);
        if !self.closing.is_empty() {
            prose::push(&mut text, self.closing);
        }
        Fitted { tokens: self.tokenizer.count(&text), text }
    }

    /// The most words whose text is not too long, by false position from `low`, the fewest.
    fn bracket(&self, mut low: (u32, Fitted), wanted: u64) -> (u32, Fitted) {
        let mut high: Option<(u32, u64)> = None;
        let likely = |tokens: u64| words((tokens as f64 / self.tokenizer.tokens_per_word()) as u64);
        let mut next = low.0.saturating_add(likely(wanted - low.1.tokens));
        for tries in 0..MOST_TRIES {
            let tried = self.with(next, "");
            match tried.tokens.cmp(&wanted) {
                Ordering::Equal => return (next, tried),
                Ordering::Less => low = (next, tried),
                Ordering::Greater => high = Some((next, tried.tokens)),
            }
            let missing = wanted - low.1.tokens;
            let Some((most, tokens)) = high else {
                next = low.0.saturating_add(likely(missing));
                continue;
            };
            let width = most.saturating_sub(low.0);
            if width <= 1 {
                break;
            }
            // False position alone can creep along one end; every third try halves the bracket.
            let step = match (tries + 1) % HALVE_EVERY {
                0 => width / 2,
                _ => words(u64::from(width) * missing / (tokens - low.1.tokens)),
            };
            next = low.0 + step.clamp(1, width - 1);
        }
        low
    }

    /// Fills what is missing, token by token.
    fn fill(&self, words: u32, mut fitted: Fitted, wanted: u64) -> Fitted {
        let mut filler = String::new();
        // What was one token last time probably is one again.
        let mut pieces = FILLERS;
        for _ in 0..MOST_TRIES {
            if fitted.tokens >= wanted {
                break;
            }
            let longer = pieces.iter().enumerate().find_map(|(index, piece)| {
                let longer = format!("{filler}{piece}");
                let tried = self.with(words, &longer);
                (tried.tokens == fitted.tokens + 1).then_some((index, longer, tried))
            });
            let Some((index, longer, tried)) = longer else { break };
            pieces.swap(0, index);
            (filler, fitted) = (longer, tried);
        }
        fitted
    }
}

/// As many words as tokens, one at the least.
fn words(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX).max(1)
}

#[cfg(all(test, feature = "tokenizer"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workload::testing;

    #[test]
    fn a_head_that_is_too_long_stays_as_it_is() {
        let tokenizer = testing::words();
        let head = "The old man found the key.".to_owned();
        let fitted = fit(&tokenizer, head.clone(), 3, 1);
        assert_eq!((fitted.text, fitted.tokens), (head, 7));
        let fitted = fit(&tokenizer, String::new(), 0, 1);
        assert_eq!(fitted.tokens, 1, "a prompt has a word: {}", fitted.text);
    }

    #[test]
    fn a_long_text_ends_with_the_closing() {
        let fitted = fit(&testing::pairs(), "The old man.".to_owned(), 500, 1);
        assert!(fitted.text.starts_with("The old man. "), "{}", fitted.text);
        assert!(fitted.text.ends_with(prose::CLOSING), "{}", fitted.text);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_length_is_exact_in_any_vocabulary(wanted in 12_u64..800, seed: u64, headed: bool) {
            for tokenizer in [testing::words(), testing::letters(), testing::pairs()] {
                let head = if headed { "The cat." } else { "" };
                let fitted = fit(&tokenizer, head.to_owned(), wanted, seed);
                prop_assert_eq!(fitted.tokens, wanted, "{:?}", fitted.text);
                prop_assert_eq!(tokenizer.count(&fitted.text), wanted);
                prop_assert!(fitted.text.starts_with(head));
            }
        }
    }
}
