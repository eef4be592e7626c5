//! Made-up prompts of a wanted number of tokens.
//!
//! A prompt is a prefix that all prompts of a workload share, one that all prompts of a user share,
//! a salt that no other prompt has, and a story up to the length. The salt stands right behind the
//! prefixes, so an engine's prefix cache can answer the prefixes and nothing more.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{PrefixRole, Sizing, exact, prose, seed};

/// The shared prefix is drawn from this seed, in every workload and every process.
const PREFIX_SEED: u64 = 0x746f_6b65_6e62_6561;

/// What the first message of a session is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    /// Tokens in all, with what the server adds.
    pub(super) tokens: u32,
    /// Those of the shared prefix.
    pub(super) shared_prefix_tokens: u32,
    /// Whose words the shared prefix is.
    pub(super) prefix_role: PrefixRole,
    /// Those of the user's prefix, and the user.
    pub(super) user_prefix: (u32, u64),
    /// Whether there is a salt.
    pub(super) salted: Salted,
}

/// Whether a prompt has a salt, which keeps an engine's cache from answering it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Salted {
    /// It has one that no other prompt has.
    #[default]
    Yes,
    /// It has none.
    No,
}

/// A made-up prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MadeUp {
    /// The message of the operator, if the shared prefix is one.
    pub(super) system: Option<String>,
    /// The message of the user; never empty.
    pub(super) user: String,
    /// The length of both, in the unit of the sizing.
    pub(super) words: u32,
}

/// Makes up the first message of a session. It is never shorter than prefixes and salt.
pub(super) fn opening<R: Rng + ?Sized>(opening: &Opening, sizing: &Sizing, rng: &mut R) -> MadeUp {
    const BYTES_PER_TOKEN: usize = 6;
    let mut system = String::new();
    let mut user = String::with_capacity((opening.tokens as usize).saturating_mul(BYTES_PER_TOKEN));
    let shared = sizing.words_of_part(opening.shared_prefix_tokens);
    let holder = match opening.prefix_role {
        PrefixRole::System => &mut system,
        PrefixRole::User => &mut user,
    };
    prose::sentences(holder, shared, &mut Pcg64::seed_from_u64(PREFIX_SEED));
    let (tokens, whose) = opening.user_prefix;
    let own = sizing.words_of_part(tokens);
    let own_seed = seed(&["user prefix"], whose.cast_signed());
    prose::sentences(&mut user, own, &mut Pcg64::seed_from_u64(own_seed));
    let mut words = shared.saturating_add(own);
    if opening.salted == Salted::Yes {
        prose::salt(&mut user, rng);
        words = words.saturating_add(prose::SALT_WORDS);
    }
    match sizing {
        Sizing::Ratio { .. } => {
            let left = sizing.words(opening.tokens).saturating_sub(words);
            let left = if user.is_empty() { left.max(1) } else { left };
            prose::story(&mut user, left, rng);
            words = words.saturating_add(left);
        }
        Sizing::Exact { tokenizer, fixed } => {
            let before = tokenizer.count(&system);
            let wanted = u64::from(opening.tokens.saturating_sub(*fixed)).saturating_sub(before);
            let fitted = exact::fit(tokenizer, user, wanted, rng.random());
            user = fitted.text;
            words = u32::try_from(before + fitted.tokens).unwrap_or(u32::MAX);
        }
    }
    MadeUp { system: Some(system).filter(|system| !system.is_empty()), user, words }
}

/// Makes up a later message of a session, of `tokens`.
pub(super) fn later<R: Rng + ?Sized>(tokens: u32, sizing: &Sizing, rng: &mut R) -> String {
    match sizing {
        Sizing::Ratio { .. } => {
            let mut text = String::new();
            prose::story(&mut text, sizing.words_of_part(tokens).max(1), rng);
            text
        }
        Sizing::Exact { tokenizer, .. } => {
            exact::fit(tokenizer, String::new(), tokens.into(), rng.random()).text
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const PLAIN: Opening = Opening {
        tokens: 60,
        shared_prefix_tokens: 12,
        prefix_role: PrefixRole::User,
        user_prefix: (0, 0),
        salted: Salted::Yes,
    };

    fn made(order: Opening, seed: u64) -> MadeUp {
        opening(&order, &Sizing::default(), &mut Pcg64::seed_from_u64(seed))
    }

    fn prompt(tokens: u32, prefix: u32, seed: u64) -> String {
        made(Opening { tokens, shared_prefix_tokens: prefix, ..PLAIN }, seed).user
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
        prose::sentences(&mut prefix, 20, &mut Pcg64::seed_from_u64(PREFIX_SEED));
        let mut salts = HashSet::new();
        for seed in 0..500 {
            let prompt = prompt(100, 20, seed);
            let rest = prompt.strip_prefix(&prefix).expect("every prompt has the prefix");
            let salt: Vec<_> = rest.split_whitespace().take(9).map(String::from).collect();
            assert!(salts.insert(salt), "{rest}");
        }
    }

    #[test]
    fn a_user_has_a_prefix_of_its_own() {
        let of = |user, seed| made(Opening { user_prefix: (30, user), ..PLAIN }, seed).user;
        let head = |text: &str| text.split(' ').take(34).collect::<Vec<_>>().join(" ");
        assert_eq!(head(&of(1, 5)), head(&of(1, 6)), "the same user");
        assert_ne!(head(&of(1, 5)), head(&of(2, 5)), "another user");
        assert_ne!(of(1, 5), of(1, 6), "behind the prefix stands the salt");
        assert_eq!(tokens(&of(1, 5)), 60);
    }

    #[test]
    fn the_shared_prefix_can_be_the_operators() {
        let system = Opening { prefix_role: PrefixRole::System, ..PLAIN };
        let made = made(system, 7);
        let system = made.system.expect("a message of the operator");
        assert_eq!(format!("{system} {}", made.user), prompt(60, 12, 7), "only the place differs");
        assert_eq!(made.words, 60);
    }

    #[test]
    fn without_a_salt_a_prompt_still_has_a_word() {
        let bare = Opening { tokens: 1, shared_prefix_tokens: 0, salted: Salted::No, ..PLAIN };
        let sizing = Sizing::Ratio { fixed: 40.0, tokens_per_word: 1.3 };
        let made = opening(&bare, &sizing, &mut Pcg64::seed_from_u64(1));
        assert_eq!((tokens(&made.user), made.words), (1, 1));
        assert_eq!(tokens(&later(1, &sizing, &mut Pcg64::seed_from_u64(1))), 1);
    }

    #[test]
    fn a_learnt_ratio_makes_fewer_words() {
        let sizing = Sizing::Ratio { fixed: 36.0, tokens_per_word: 1.25 };
        let made =
            opening(&Opening { tokens: 236, ..PLAIN }, &sizing, &mut Pcg64::seed_from_u64(1));
        assert_eq!((tokens(&made.user), made.words), (160, 160));
    }

    proptest! {
        #[test]
        fn a_prompt_has_the_wanted_length(wanted in 1_u32..3000, prefix in 0_u32..1500, seed: u64) {
            let least = prefix + prose::SALT_WORDS;
            let prompt = prompt(wanted, prefix, seed);
            prop_assert_eq!(tokens(&prompt), wanted.max(least) as usize);
        }

        #[test]
        fn the_same_seed_draws_the_same_prompt(seed: u64) {
            prop_assert_eq!(prompt(50, 5, seed), prompt(50, 5, seed));
        }
    }
}
