//! Made-up prompts of about a wanted number of tokens.
//!
//! A prompt is a prefix that all prompts of a workload share, a salt that no other prompt has, and
//! simple sentences up to the length. The salt stands right behind the prefix, so an engine's
//! prefix cache can answer the prefix and nothing more.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::words::{ADJECTIVES, NOUNS, VERBS, for_byte};

/// Tokens of one word with the space before it, and of one full stop, in the usual vocabularies.
const TOKENS_PER_WORD: u32 = 1;

/// Tokens of the salt: an article, a word for each byte of 64 bits, a full stop.
pub(super) const SALT_TOKENS: u32 = 10 * TOKENS_PER_WORD;

/// What the prompt ends with where there is room: a model that heeds the end of a text should have
/// something to go on with.
const CLOSING: &str = " Continue this story at length.";

/// Tokens of [`CLOSING`].
const CLOSING_TOKENS: u32 = 6 * TOKENS_PER_WORD;

/// The shared prefix is drawn from this seed, in every workload and every process.
const PREFIX_SEED: u64 = 0x746f_6b65_6e62_6561;

/// A place in a sentence.
#[derive(Clone, Copy)]
enum Slot {
    Word(&'static str),
    Noun,
    Verb,
    Adjective,
}

use Slot::{Adjective, Noun, Verb, Word};

const THE: Slot = Word("the");

/// The sentences that are made. Each begins with a word whose capitalised form is one token too.
const SENTENCES: [&[Slot]; 6] = [
    &[Word("The"), Adjective, Noun, Verb, THE, Noun],
    &[Word("A"), Noun, Verb, THE, Adjective, Noun, Word("near"), THE, Noun],
    &[Word("One"), Adjective, Noun, Verb, Word("a"), Noun, Word("after"), THE, Noun],
    &[Word("Every"), Noun, Word("and"), Word("every"), Noun, Verb, THE, Adjective, Noun],
    &[Word("In"), THE, Noun, Word("a"), Adjective, Noun, Verb, THE, Noun],
    &[Word("Then"), THE, Noun, Verb, THE, Noun, Word("and"), Verb, THE, Adjective, Noun],
];

/// A prompt of about `tokens` tokens, of which the first `shared_prefix_tokens` are the same in
/// every prompt. It is never shorter than prefix and salt.
pub(super) fn synthetic<R: Rng + ?Sized>(
    tokens: u32,
    shared_prefix_tokens: u32,
    rng: &mut R,
) -> String {
    const BYTES_PER_TOKEN: usize = 6;
    let mut prompt = String::with_capacity((tokens as usize).saturating_mul(BYTES_PER_TOKEN));
    sentences(&mut prompt, shared_prefix_tokens, &mut Pcg64::seed_from_u64(PREFIX_SEED));
    salt(&mut prompt, rng);
    let rest = tokens.saturating_sub(shared_prefix_tokens).saturating_sub(SALT_TOKENS);
    match rest.checked_sub(CLOSING_TOKENS) {
        Some(body) => {
            sentences(&mut prompt, body, rng);
            prompt.push_str(CLOSING);
        }
        None => sentences(&mut prompt, rest, rng),
    }
    prompt
}

/// A sentence that no other prompt has at this place: 64 random bits, spelled in words because a
/// word of eight bits costs one token, as much as two or three digits.
fn salt<R: Rng + ?Sized>(prompt: &mut String, rng: &mut R) {
    push(prompt, "The");
    for byte in rng.random::<u64>().to_le_bytes() {
        push(prompt, for_byte(byte));
    }
    prompt.push('.');
}

/// Appends sentences of `tokens` tokens in all; the last is cut to fit.
fn sentences<R: Rng + ?Sized>(prompt: &mut String, tokens: u32, rng: &mut R) {
    let mut left = tokens as usize;
    while left > 0 {
        let sentence = SENTENCES[rng.random_range(0..SENTENCES.len())];
        // One token is for the full stop; a single one that is left over is a bare word.
        let words = sentence.len().min((left - 1).max(1));
        for slot in &sentence[..words] {
            push(prompt, slot.fill(rng));
        }
        left -= words;
        if left > 0 {
            prompt.push('.');
            left -= 1;
        }
    }
}

/// Appends a word, with a space between it and what stands before.
fn push(prompt: &mut String, word: &str) {
    if !prompt.is_empty() {
        prompt.push(' ');
    }
    prompt.push_str(word);
}

impl Slot {
    fn fill<R: Rng + ?Sized>(self, rng: &mut R) -> &'static str {
        match self {
            Self::Word(word) => word,
            Self::Noun => NOUNS[rng.random_range(0..NOUNS.len())],
            Self::Verb => VERBS[rng.random_range(0..VERBS.len())],
            Self::Adjective => ADJECTIVES[rng.random_range(0..ADJECTIVES.len())],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn prompt(tokens: u32, prefix: u32, seed: u64) -> String {
        synthetic(tokens, prefix, &mut Pcg64::seed_from_u64(seed))
    }

    fn tokens(prompt: &str) -> usize {
        prompt.split(' ').count() + prompt.matches('.').count()
    }

    #[test]
    fn a_prompt_reads_like_this() {
        assert_eq!(
            prompt(60, 12, 7),
            "Every village and every train followed the bright desk. A. \
             The boy flat bus black river flower coffee apple. \
             A cloud took the high shoe near the moon. A box passed the high kitchen near the \
             bottle. Then the rock knew the picture and made the dark cup. \
             Continue this story at length."
        );
    }

    #[test]
    fn prompts_share_their_prefix_and_nothing_behind_it() {
        let mut prefix = String::new();
        sentences(&mut prefix, 20, &mut Pcg64::seed_from_u64(PREFIX_SEED));
        let mut salts = HashSet::new();
        for seed in 0..500 {
            let prompt = prompt(100, 20, seed);
            let rest = prompt.strip_prefix(&prefix).expect("every prompt has the prefix");
            let salt: Vec<_> = rest.split_whitespace().take(9).map(String::from).collect();
            assert!(salts.insert(salt), "{rest}");
        }
    }

    proptest! {
        #[test]
        fn a_prompt_has_the_wanted_length(wanted in 1_u32..3000, prefix in 0_u32..1500, seed: u64) {
            let least = prefix + SALT_TOKENS;
            let prompt = prompt(wanted, prefix, seed);
            prop_assert_eq!(tokens(&prompt), wanted.max(least) as usize);
        }

        #[test]
        fn the_same_seed_draws_the_same_prompt(seed: u64) {
            prop_assert_eq!(prompt(50, 5, seed), prompt(50, 5, seed));
        }
    }
}
