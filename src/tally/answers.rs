//! What the engine told in the answers of a step.

use crate::{
    measure::{Measurement, Moments},
    timeline::{EngineTold, Spent},
};

/// What the engine told in the answers of a step, put together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answers {
    n: u64,
    spent: [Moments; Spent::ALL.len()],
    /// Of the answers that tell how much of the prompt was cached: the tokens of the prompts, and
    /// those that were.
    prompts: u64,
    cached: u64,
}

impl Answers {
    /// Takes in what an answer told, and its numbers.
    pub fn push(&mut self, told: Option<&EngineTold>, numbers: &Measurement) {
        let cache = numbers.cached_input_tokens.zip(numbers.input_tokens);
        if let Some((cached, prompt)) = cache {
            self.prompts += prompt;
            self.cached += cached.min(prompt);
        }
        for (of, took) in told.into_iter().flat_map(EngineTold::times) {
            self.spent[of as usize].push(took.as_secs_f64());
        }
        self.n += u64::from(told.is_some() || cache.is_some());
    }

    /// Answers that told something.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// How long that part took, in seconds: the mean of the answers that tell it.
    pub fn mean(&self, of: Spent) -> Option<f64> {
        self.spent[of as usize].mean()
    }

    /// Share of the prompt tokens that the prefix cache held.
    pub fn prefix_hit_ratio(&self) -> Option<f64> {
        (self.prompts > 0).then(|| self.cached as f64 / self.prompts as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_mean_is_of_those_that_tell() {
        let mut told = EngineTold::default();
        told.note(Spent::Prefill, Duration::from_millis(30));
        let mut both = told;
        both.note(Spent::Prefill, Duration::from_millis(10));
        both.note(Spent::Decode, Duration::from_millis(70));
        let numbers = |prompt, cached| Measurement {
            input_tokens: prompt,
            cached_input_tokens: cached,
            ..Measurement::default()
        };
        let mut answers = Answers::default();
        answers.push(Some(&told), &numbers(Some(100), None));
        answers.push(Some(&both), &numbers(Some(10), Some(4)));
        answers.push(None, &numbers(Some(30), Some(99)));
        answers.push(None, &numbers(None, None));
        assert_eq!(answers.n(), 3);
        assert_eq!(answers.mean(Spent::Prefill), Some(0.02));
        assert_eq!((answers.mean(Spent::Decode), answers.mean(Spent::Queue)), (Some(0.07), None));
        assert_eq!(answers.prefix_hit_ratio(), Some(34.0 / 40.0));
    }
}
