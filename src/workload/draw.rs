//! Sessions and plans drawn from workloads.

use std::sync::Arc;

use rand::{Rng, RngExt};

use super::{Fixed, RequestPlan, Seat, Session, Sizing, Workload};

impl Workload {
    /// Draws a session. The same generator state, seat and sizing draw the same session: seed the
    /// generator with [`super::seed`].
    ///
    /// # Panics
    /// If a mix has no part, which the configuration refuses.
    pub fn open<R: Rng + ?Sized>(&self, rng: &mut R, seat: Seat, sizing: &Sizing) -> Session {
        let mut workload = self;
        loop {
            match workload {
                Self::Synthetic(synthetic) => return synthetic.open(rng, seat, sizing),
                Self::Fixed(fixed) => return Session::single(fixed.plan()),
                Self::Dataset(recorded) => return recorded.open(rng, seat),
                Self::Http(ask) => return Session::single(RequestPlan::http(Arc::clone(ask))),
                Self::Mix(parts) => {
                    let total = parts.iter().map(|(weight, _)| u64::from(weight.get())).sum();
                    let ticket = rng.random_range(0..total);
                    workload = part(parts.iter().map(|(w, part)| (w.get(), part)), ticket);
                }
            }
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

/// The part in whose share of the weights `ticket` falls.
fn part<'a>(
    mut parts: impl Iterator<Item = (u32, &'a Arc<Workload>)>,
    mut ticket: u64,
) -> &'a Workload {
    loop {
        let Some((weight, part)) = parts.next() else {
            unreachable!("the ticket is below the sum")
        };
        match ticket.checked_sub(u64::from(weight)) {
            None => return part,
            Some(left) => ticket = left,
        }
    }
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
    use std::num::NonZeroU32;

    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;
    use crate::workload::{Expect, Length, Synthetic};

    fn fixed(prompt: &str, max_tokens: u32) -> Arc<Workload> {
        Arc::new(Workload::Fixed(Fixed {
            prompt: prompt.into(),
            max_tokens,
            temperature: 0.0,
            expect: Expect::default(),
        }))
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
    fn a_synthetic_draw_is_repeatable_and_of_exact_length() {
        let workload = Workload::Synthetic(Synthetic {
            shared_prefix_tokens: 64,
            ..Synthetic::new(
                Length::Normal { mean: 200.0, stddev: 20.0 },
                Length::Uniform { low: 8, high: 16 },
            )
        });
        let draw = |seed| workload.draw(&mut Pcg64::seed_from_u64(seed));
        let (one, again, other) = (draw(1), draw(1), draw(2));
        assert!(one.exact_length && (8..=16).contains(&one.max_tokens));
        assert_eq!((&one.messages, one.max_tokens), (&again.messages, again.max_tokens));
        assert_ne!(one.messages, other.messages);
        assert_eq!((workload.fewest_output_tokens(), workload.max_output_tokens()), (8, 16));
    }
}
