//! Sessions and plans drawn from workloads.

use std::{num::NonZeroU32, sync::Arc};

use rand::{Rng, RngExt};

use super::{Fixed, RequestPlan, Seat, Session, Sizing, Workload};

impl Workload {
    /// Draws a session. The same generator state, seat and sizing draw the same session: seed the
    /// generator with [`super::seed`].
    ///
    /// # Panics
    /// If a mix has no part, which the configuration refuses.
    pub fn open<R: Rng + ?Sized>(&self, rng: &mut R, seat: Seat, sizing: &Sizing) -> Session {
        match self {
            Self::Synthetic(synthetic) => synthetic.open(rng, seat, sizing),
            Self::Fixed(fixed) => Session::single(fixed.plan()),
            Self::Dataset(recorded) => recorded.open(rng, seat),
            Self::Http(ask) => Session::single(RequestPlan::http(Arc::clone(ask))),
            Self::Mix(parts) => drawn(parts, rng).open(rng, seat, sizing),
        }
    }

    /// Draws the length, in tokens, of a made-up prompt that begins a session; absent where the
    /// prompt is somebody else's.
    ///
    /// # Panics
    /// As [`Self::open`].
    pub fn draw_input_tokens<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<u32> {
        match self {
            Self::Synthetic(synthetic) => Some(synthetic.input_tokens.draw(rng)),
            Self::Fixed(_) | Self::Dataset(_) | Self::Http(_) => None,
            Self::Mix(parts) => drawn(parts, rng).draw_input_tokens(rng),
        }
    }

    /// Draws one request: the first of a session that nothing is known of.
    ///
    /// # Panics
    /// As [`Self::open`].
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> RequestPlan {
        match self.open(rng, Seat::default(), &Sizing::default()).next(None) {
            Some(first) => first.plan,
            None => unreachable!("a session has a first turn"),
        }
    }

    /// The most tokens that an answer is allowed; 0 where no completion is asked for.
    pub fn max_output_tokens(&self) -> u32 {
        match self {
            Self::Synthetic(synthetic) => synthetic.output_tokens.max(),
            Self::Fixed(fixed) => fixed.max_tokens,
            Self::Dataset(recorded) => recorded.max_output_tokens(),
            Self::Http(_) => 0,
            Self::Mix(parts) => {
                parts.iter().map(|(_, part)| part.max_output_tokens()).max().unwrap_or(0)
            }
        }
    }

    /// Whether the usage of an answer is held against a count of its tokens.
    pub fn checks_usage(&self) -> bool {
        match self {
            Self::Synthetic(synthetic) => synthetic.expect.consistent_usage,
            Self::Fixed(fixed) => fixed.expect.consistent_usage,
            Self::Dataset(recorded) => recorded.expect.consistent_usage,
            Self::Http(_) => false,
            Self::Mix(parts) => parts.iter().any(|(_, part)| part.checks_usage()),
        }
    }

    /// Fewest output tokens that are asked for on purpose; see [`super::Length::fewest`]. 0 where
    /// no completion is asked for.
    pub fn fewest_output_tokens(&self) -> u32 {
        match self {
            Self::Synthetic(synthetic) => synthetic.output_tokens.fewest(),
            Self::Fixed(fixed) => fixed.max_tokens,
            Self::Dataset(recorded) => recorded.fewest_output_tokens(),
            Self::Http(_) => 0,
            Self::Mix(parts) => {
                parts.iter().map(|(_, part)| part.fewest_output_tokens()).min().unwrap_or(0)
            }
        }
    }
}

/// One of `parts`, each drawn in the share of its weight.
fn drawn<'a, R: Rng + ?Sized>(
    parts: &'a [(NonZeroU32, Arc<Workload>)],
    rng: &mut R,
) -> &'a Workload {
    let total = parts.iter().map(|(weight, _)| u64::from(weight.get())).sum();
    let mut ticket = rng.random_range(0..total);
    for (weight, part) in parts {
        match ticket.checked_sub(u64::from(weight.get())) {
            None => return part,
            Some(left) => ticket = left,
        }
    }
    unreachable!("the ticket is below the sum")
}

impl Fixed {
    fn plan(&self) -> RequestPlan {
        RequestPlan {
            temperature: self.temperature,
            expect: self.expect.clone(),
            ..RequestPlan::completion(self.prompt.as_str(), self.max_tokens)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;
    use crate::workload::{Length, Message, PrefixRole, Reuse, Role, Synthetic, UserPrefix};

    fn fixed(prompt: &str, max_tokens: u32) -> Arc<Workload> {
        Arc::new(Workload::fixed(prompt, max_tokens))
    }

    fn mix(parts: &[(u32, &Arc<Workload>)]) -> Workload {
        let weight = |weight| NonZeroU32::new(weight).expect("weights of tests are not zero");
        Workload::Mix(parts.iter().map(|(w, part)| (weight(*w), Arc::clone(part))).collect())
    }

    #[test]
    fn a_fixed_prompt_is_sent_as_it_is() {
        let plan = fixed("The capital of France is", 8).draw(&mut Pcg64::seed_from_u64(1));
        assert_eq!((&*plan.messages[0].content, plan.max_tokens), ("The capital of France is", 8));
        assert!(!plan.exact_length);
    }

    #[test]
    fn a_mix_keeps_its_weights() {
        let mixed = mix(&[(40, &fixed("a", 1)), (40, &fixed("b", 2)), (20, &fixed("c", 3))]);
        let mut rng = Pcg64::seed_from_u64(5);
        let mut drawn = [0_i32; 3];
        for _ in 0..10_000 {
            drawn[mixed.draw(&mut rng).max_tokens as usize - 1] += 1;
        }
        // Four standard deviations of a binomial of 10,000.
        for (drawn, expected) in drawn.into_iter().zip([4000, 4000, 2000]) {
            assert!((drawn - expected).abs() < 200, "{drawn} of {expected}");
        }
        assert_eq!(mixed.max_output_tokens(), 3);
    }

    #[test]
    fn a_mix_of_mixes_reaches_every_part() {
        let inner = Arc::new(mix(&[(1, &fixed("b", 2)), (1, &fixed("c", 3))]));
        let outer = mix(&[(1, &fixed("a", 1)), (1, &inner)]);
        let mut rng = Pcg64::seed_from_u64(5);
        let drawn: std::collections::BTreeSet<_> =
            (0..100).map(|_| outer.draw(&mut rng).max_tokens).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn only_made_up_prompts_have_a_length_to_draw() {
        let long = Synthetic::new(Length::Constant(900), Length::Constant(1));
        let outer = mix(&[(1, &fixed("a", 1)), (1, &Arc::new(Workload::Synthetic(long)))]);
        let mut rng = Pcg64::seed_from_u64(5);
        let drawn: HashSet<_> = (0..100).map(|_| outer.draw_input_tokens(&mut rng)).collect();
        assert_eq!(drawn, [None, Some(900)].into());
    }

    #[test]
    fn a_synthetic_draw_never_changes() {
        let workload = Workload::Synthetic(Synthetic {
            shared_prefix_tokens: 8,
            ..Synthetic::new(
                Length::Normal { mean: 40.0, stddev: 4.0 },
                Length::Uniform { low: 8, high: 16 },
            )
        });
        let plan = workload.draw(&mut Pcg64::seed_from_u64(1));
        assert_eq!(plan.messages.len(), 1);
        assert_eq!(
            &*plan.messages[0].content,
            "Every village and every train followed the. \
             The called needed bottle king reached caught doctor city. \
             In the sun a low store turned the body. Every hill and every corner opened the high \
             cloud. One Continue this story at length."
        );
        assert_eq!((plan.max_tokens, plan.exact_length, plan.words), (12, true, 45));
        let wanted = (plan.wanted_input_tokens, plan.wanted_output_tokens);
        assert_eq!(wanted, (Some(45), Some(plan.max_tokens)));
        assert_eq!((workload.fewest_output_tokens(), workload.max_output_tokens()), (8, 16));
    }

    #[test]
    fn a_trace_says_the_lengths() {
        let length = Length::Constant(100);
        let workload = Workload::Synthetic(Synthetic::new(length.clone(), length));
        let seat = Seat { input_tokens: Some(33), output_tokens: Some(5), ..Seat::default() };
        let mut session = workload.open(&mut Pcg64::seed_from_u64(1), seat, &Sizing::default());
        let plan = session.next(None).expect("a turn").plan;
        assert_eq!((plan.wanted_input_tokens, plan.words), (Some(33), 33));
        assert_eq!((plan.wanted_output_tokens, plan.max_tokens), (Some(5), 5));
    }

    /// The prompts of a number of sessions.
    fn prompts(workload: &Workload, seed: u64, sessions: usize) -> Vec<Vec<Message>> {
        let mut rng = Pcg64::seed_from_u64(seed);
        (0..sessions).map(|_| workload.draw(&mut rng).messages).collect()
    }

    #[test]
    fn a_pool_repeats_its_prompts_in_every_run() {
        let pool = |reuse| {
            Workload::Synthetic(Synthetic {
                reuse,
                ..Synthetic::new(Length::Uniform { low: 20, high: 90 }, Length::Constant(4))
            })
        };
        let distinct = |reuse, seed| -> HashSet<String> {
            let prompts = prompts(&pool(reuse), seed, 60);
            prompts.iter().map(|messages| messages[0].content.to_string()).collect()
        };
        let five = Reuse::Pool(NonZeroU32::new(5).expect("not zero"));
        assert_eq!(distinct(five, 1).len(), 5);
        assert_eq!(distinct(five, 1), distinct(five, 2), "another run has the same pool");
        assert_eq!(distinct(Reuse::Never, 1).len(), 60);
    }

    proptest! {
        #[test]
        fn every_session_can_be_asked(
            seed: u64, user: u64, input in 1_u32..300, shared in 0_u32..100, own in 0_u32..100,
            turns in 1_u32..5, reuse in 0_usize..3, fixed in 0.0..100.0_f64, ratio in 0.2..4.0_f64,
        ) {
            let workload = Workload::Synthetic(Synthetic {
                shared_prefix_tokens: shared,
                prefix_role: PrefixRole::System,
                user_prefix: UserPrefix { tokens: own, users: NonZeroU32::new(7) },
                reuse: [Reuse::Never, Reuse::Chance, Reuse::Pool(NonZeroU32::MIN)][reuse],
                turns: Length::Constant(turns),
                ..Synthetic::new(Length::Uniform { low: 1, high: input }, Length::Constant(9))
            });
            let sizing = Sizing::Ratio { fixed, tokens_per_word: ratio };
            let seat = Seat { user, ..Seat::default() };
            let open = || {
                let mut rng = Pcg64::seed_from_u64(seed);
                workload.open(&mut rng, seat, &sizing)
            };
            let (mut one, mut again) = (open(), open());
            for turn in 0..turns {
                let (asked, same) = (one.next(Some("yes")), again.next(Some("yes")));
                let (asked, same) = (asked.expect("a turn"), same.expect("a turn"));
                let messages = asked.plan.messages;
                prop_assert_eq!(&messages, &same.plan.messages);
                prop_assert_eq!(asked.keeps_answer, turn + 1 < turns);
                prop_assert!(messages.iter().all(|message| !message.content.is_empty()));
                // A system prompt, if there is one; then user and model take turns.
                let talk = messages.iter().skip_while(|message| message.role == Role::System);
                for (index, message) in talk.enumerate() {
                    let role = if index % 2 == 0 { Role::User } else { Role::Assistant };
                    prop_assert_eq!(message.role, role);
                }
                prop_assert_eq!(messages.last().map(|message| message.role), Some(Role::User));
            }
            prop_assert!(one.next(Some("yes")).is_none());
        }
    }
}
