//! Made-up prompts, in sessions of one or more turns.

use std::{num::NonZeroU32, time::Duration};

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{
    Expect, Length, MOST_TOKENS, Message, RequestPlan, Role, Seat, Session, Sizing, Think, Turn,
    prompt::{self, MadeUp, Opening, Salted},
    seed,
};

/// Made-up prompts.
#[derive(Clone, Debug)]
pub struct Synthetic {
    /// Length of the prompt, in tokens, the prefixes included; of a later turn the user's message
    /// alone.
    pub input_tokens: Length,
    /// Length of the answer, in tokens.
    pub output_tokens: Length,
    /// Tokens at the head of every prompt that are the same in all of them.
    pub shared_prefix_tokens: u32,
    /// Whose words the shared prefix is.
    pub prefix_role: PrefixRole,
    /// Behind it, what is the same in all prompts of one user.
    pub user_prefix: UserPrefix,
    /// Whether prompts come again.
    pub reuse: Reuse,
    /// Turns of a session.
    pub turns: Length,
    /// How long the user thinks before each turn but the first.
    pub think: Think,
    /// Sampling temperature sent with the request.
    pub temperature: f64,
    /// What the answer must be.
    pub expect: Expect,
}

/// Whose words the shared prefix is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrefixRole {
    /// The user's: it is the head of the first message.
    #[default]
    User,
    /// The operator's: it is the system prompt.
    System,
}

/// What is the same in all prompts of one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserPrefix {
    /// Its tokens.
    pub tokens: u32,
    /// How many users there are: [`Seat::user`] is taken modulo this. Absent: as many as seats.
    pub users: Option<NonZeroU32>,
}

/// Whether prompts come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Never: a salt behind the prefixes sees to it.
    #[default]
    Never,
    /// Only by chance: there is no salt.
    Chance,
    /// Always: each is one of so many, also in the next run.
    Pool(NonZeroU32),
}

impl Synthetic {
    /// Salted prompts of one turn, without prefixes, greedy.
    pub fn new(input_tokens: Length, output_tokens: Length) -> Self {
        Self {
            input_tokens,
            output_tokens,
            shared_prefix_tokens: 0,
            prefix_role: PrefixRole::default(),
            user_prefix: UserPrefix::default(),
            reuse: Reuse::default(),
            turns: Length::Constant(1),
            think: Think::default(),
            temperature: 0.0,
            expect: Expect::default(),
        }
    }

    pub(super) fn open<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        seat: Seat,
        sizing: &Sizing,
    ) -> Session {
        let turns = self.turns.draw(rng);
        Session::of((0..turns).map(|turn| {
            let (think, plan) = match turn {
                0 => (Duration::ZERO, self.first(rng, seat, sizing)),
                _ => (self.think.draw(rng), self.later(rng, sizing)),
            };
            Turn { think, plan, keeps_answer: turn + 1 < turns }
        }))
    }

    /// The first turn. A prompt of the pool is drawn from a generator of its own, its length too:
    /// it is the same whenever it comes.
    fn first<R: Rng + ?Sized>(&self, rng: &mut R, seat: Seat, sizing: &Sizing) -> RequestPlan {
        let asked = |tokens: Option<u32>| tokens.map(|tokens| tokens.clamp(1, MOST_TOKENS));
        let mut pooled = match self.reuse {
            Reuse::Pool(prompts) => {
                let index = rng.random_range(0..prompts.get());
                Some(Pcg64::seed_from_u64(seed(&["pool"], index.into())))
            }
            Reuse::Never | Reuse::Chance => None,
        };
        let drawn = match &mut pooled {
            Some(own) => self.input_tokens.draw(own),
            None => self.input_tokens.draw(rng),
        };
        let tokens = asked(seat.input_tokens).unwrap_or(drawn);
        let output = asked(seat.output_tokens).unwrap_or_else(|| self.output_tokens.draw(rng));
        let opening = Opening {
            tokens,
            shared_prefix_tokens: self.shared_prefix_tokens,
            prefix_role: self.prefix_role,
            user_prefix: (self.user_prefix.tokens, self.user_prefix.user(seat)),
            salted: match self.reuse {
                Reuse::Never | Reuse::Pool(_) => Salted::Yes,
                Reuse::Chance => Salted::No,
            },
        };
        let MadeUp { system, user, words } = match &mut pooled {
            Some(own) => prompt::opening(&opening, sizing, own),
            None => prompt::opening(&opening, sizing, rng),
        };
        let system = system.map(|text| Message { role: Role::System, content: text.into() });
        let messages = system.into_iter().chain([Message::user(user)]).collect();
        RequestPlan { messages, words, ..self.plan(tokens, output) }
    }

    fn later<R: Rng + ?Sized>(&self, rng: &mut R, sizing: &Sizing) -> RequestPlan {
        let tokens = self.input_tokens.draw(rng);
        let output = self.output_tokens.draw(rng);
        let messages = vec![Message::user(prompt::later(tokens, sizing, rng))];
        RequestPlan { messages, ..self.plan(tokens, output) }
    }

    fn plan(&self, input_tokens: u32, output_tokens: u32) -> RequestPlan {
        RequestPlan {
            max_tokens: output_tokens,
            exact_length: true,
            temperature: self.temperature,
            expect: self.expect.clone(),
            wanted_input_tokens: Some(input_tokens),
            wanted_output_tokens: Some(output_tokens),
            ..RequestPlan::EMPTY
        }
    }
}

impl UserPrefix {
    /// The user whose prefix `seat` has.
    fn user(self, seat: Seat) -> u64 {
        self.users.map_or(seat.user, |users| seat.user % u64::from(users.get()))
    }
}
