//! What the engine told in the answers of a step.

use crate::{
    event::{EngineSource, StepEngine},
    measure::Moments,
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
    /// Takes in what an answer told, and how many tokens of how long a prompt were cached.
    pub fn push(&mut self, told: Option<&EngineTold>, cached: Option<u64>, prompt: Option<u64>) {
        let cache = cached.zip(prompt);
        if let Some((cached, prompt)) = cache {
            self.prompts += prompt;
            self.cached += cached.min(prompt);
        }
        for (of, took) in told.into_iter().flat_map(EngineTold::times) {
            self.spent[of as usize].push(took.as_secs_f64());
        }
        self.n += u64::from(told.is_some() || cache.is_some());
    }

    /// Whether no answer told anything.
    pub const fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Puts the means of the answers that tell them into `engine`, where it has none of its own.
    pub fn fill(&self, engine: &mut StepEngine) {
        let mean = |of: Spent| self.spent[of as usize].mean();
        engine.queue_mean = engine.queue_mean.or(mean(Spent::Queue));
        engine.prefill_mean = engine.prefill_mean.or(mean(Spent::Prefill));
        engine.decode_mean = engine.decode_mean.or(mean(Spent::Decode));
        let hits = (self.prompts > 0).then(|| self.cached as f64 / self.prompts as f64);
        engine.prefix_hit_ratio = engine.prefix_hit_ratio.or(hits);
        engine.answers = self.n;
        engine.credit(EngineSource::Answers);
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
        let mut answers = Answers::default();
        assert!(answers.is_empty());
        answers.push(Some(&told), None, Some(100));
        answers.push(Some(&both), Some(4), Some(10));
        answers.push(None, Some(99), Some(30));
        answers.push(None, None, None);
        let mut engine = StepEngine { queue_mean: Some(5.0), ..StepEngine::default() };
        engine.credit(EngineSource::Counters);
        answers.fill(&mut engine);
        assert_eq!((engine.prefill_mean, engine.decode_mean), (Some(0.02), Some(0.07)));
        assert_eq!((engine.queue_mean, engine.prefix_hit_ratio), (Some(5.0), Some(34.0 / 40.0)));
        assert_eq!((engine.answers, engine.sources.len()), (3, 4));
        assert_eq!(engine.sources["queue_mean"], EngineSource::Counters);
        assert_eq!(engine.sources["decode_mean"], EngineSource::Answers);
    }
}
