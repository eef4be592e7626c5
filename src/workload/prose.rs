//! Made-up text: simple sentences of a wanted number of words and full stops.
//!
//! Lengths here count words and full stops alike: the usual vocabularies have one token for each.

use rand::{Rng, RngExt};

use super::words::{ADJECTIVES, NOUNS, VERBS, for_byte};

/// Length of the salt: an article, a word for each byte of 64 bits, a full stop.
pub(super) const SALT_WORDS: u32 = 10;

/// What a prompt ends with where there is room: a model that heeds the end of a text should have
/// something to go on with.
pub(super) const CLOSING: &str = "Continue this story at length.";

/// Length of [`CLOSING`].
const CLOSING_WORDS: u32 = 6;

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

/// Appends a sentence that no other prompt has at this place: 64 random bits, spelled in words
/// because a word of eight bits costs one token, as much as two or three digits.
pub(super) fn salt<R: Rng + ?Sized>(text: &mut String, rng: &mut R) {
    push(text, "The");
    for byte in rng.random::<u64>().to_le_bytes() {
        push(text, for_byte(byte));
    }
    text.push('.');
}

/// Appends a story of `words`, with [`CLOSING`] where there is room for it.
pub(super) fn story<R: Rng + ?Sized>(text: &mut String, words: u32, rng: &mut R) {
    match words.checked_sub(CLOSING_WORDS) {
        Some(body) => {
            sentences(text, body, rng);
            push(text, CLOSING);
        }
        None => sentences(text, words, rng),
    }
}

/// Appends sentences of `words` in all; the last is cut to fit.
pub(super) fn sentences<R: Rng + ?Sized>(text: &mut String, words: u32, rng: &mut R) {
    let mut left = words as usize;
    while left > 0 {
        let sentence = SENTENCES[rng.random_range(0..SENTENCES.len())];
        // One is for the full stop; a single one that is left over is a bare word.
        let words = sentence.len().min((left - 1).max(1));
        for slot in &sentence[..words] {
            push(text, slot.fill(rng));
        }
        left -= words;
        if left > 0 {
            text.push('.');
            left -= 1;
        }
    }
}

/// Appends `words`, with a space between them and what stands before.
pub(super) fn push(text: &mut String, words: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(words);
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
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    proptest! {
        #[test]
        fn a_story_has_the_wanted_length(words in 0_u32..3000, seed: u64) {
            let mut text = String::new();
            story(&mut text, words, &mut Pcg64::seed_from_u64(seed));
            let found = text.split_whitespace().count() + text.matches('.').count();
            prop_assert_eq!(found, words as usize);
        }
    }
}
