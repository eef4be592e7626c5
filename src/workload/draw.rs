//! Plans drawn from workloads.

use std::sync::Arc;

use rand::{Rng, RngExt};

use super::{Fixed, RequestPlan, Synthetic, Workload, prompt};

impl Workload {
    /// Draws one request. The same generator state draws the same request: seed it with
    /// [`super::seed`].
    ///
    /// # Panics
    /// If a mix has no part, which the configuration refuses.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> RequestPlan {
        let mut workload = self;
        loop {
            match workload {
                Self::Synthetic(synthetic) => return synthetic.draw(rng),
                Self::Fixed(fixed) => return fixed.plan(),
                Self::Mix(parts) => {
                    let total = parts.iter().map(|(weight, _)| u64::from(weight.get())).sum();
                    let ticket = rng.random_range(0..total);
                    workload = part(parts.iter().map(|(w, part)| (w.get(), part)), ticket);
                }
            }
        }
    }

    /// The most tokens that an answer is allowed.
    pub fn max_output_tokens(&self) -> u32 {
        match self {
            Self::Synthetic(synthetic) => synthetic.output_tokens.max(),
            Self::Fixed(fixed) => fixed.max_tokens,
            Self::Mix(parts) => {
                parts.iter().map(|(_, part)| part.max_output_tokens()).max().unwrap_or(0)
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

impl Synthetic {
    fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> RequestPlan {
        let input_tokens = self.input_tokens.draw(rng);
        let max_tokens = self.output_tokens.draw(rng);
        RequestPlan {
            exact_length: true,
            temperature: self.temperature,
            expect: self.expect.clone(),
            ..RequestPlan::completion(
                prompt::synthetic(input_tokens, self.shared_prefix_tokens, rng),
                max_tokens,
            )
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
    use crate::workload::{Expect, Length};

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
            input_tokens: Length::Normal { mean: 200.0, stddev: 20.0 },
            output_tokens: Length::Uniform { low: 8, high: 16 },
            shared_prefix_tokens: 64,
            temperature: 0.0,
            expect: Expect::default(),
        });
        let draw = |seed| workload.draw(&mut Pcg64::seed_from_u64(seed));
        let (one, again, other) = (draw(1), draw(1), draw(2));
        assert!(one.exact_length && (8..=16).contains(&one.max_tokens));
        assert_eq!((&one.messages, one.max_tokens), (&again.messages, again.max_tokens));
        assert_ne!(one.messages, other.messages);
        assert_eq!((workload.fewest_output_tokens(), workload.max_output_tokens()), (8, 16));
    }
}
