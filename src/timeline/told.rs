//! What the engine itself tells in its answer of what it did for it.
//!
//! Owns the words for that, whatever a server calls them. Knows nothing of where in an answer it
//! stands.

use std::time::Duration;

/// A part of the time that an answer took on the server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Spent {
    /// In the engine's queue.
    Queue,
    /// From the queue to the first token.
    Prefill,
    /// From the first token to the last.
    Decode,
    /// Prefill and decode together, where the engine does not tell them apart.
    Inference,
    /// The request was looked at before it entered the queue.
    Validation,
    /// All of it, as the engine counts.
    Total,
    /// What the server calls its processing. Of a stream that ends with the head, so it says
    /// nothing of prefill or decode.
    Processing,
    /// What a gateway in front of the engine added.
    Overhead,
}

impl Spent {
    /// Every part.
    pub const ALL: [Self; 8] = [
        Self::Queue,
        Self::Prefill,
        Self::Decode,
        Self::Inference,
        Self::Validation,
        Self::Total,
        Self::Processing,
        Self::Overhead,
    ];

    /// Its name on pages and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Inference => "inference",
            Self::Validation => "validation",
            Self::Total => "total",
            Self::Processing => "processing",
            Self::Overhead => "overhead",
        }
    }
}

/// What one answer tells. What it does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineTold {
    spent: [Option<Duration>; Spent::ALL.len()],
    /// Tokens of the prompt, those from the prefix cache included.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the prompt that came from the prefix cache.
    pub cached_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
}

impl EngineTold {
    /// How long that part took.
    pub const fn time(&self, of: Spent) -> Option<Duration> {
        self.spent[of as usize]
    }

    /// Notes how long that part took.
    pub const fn note(&mut self, of: Spent, took: Duration) {
        self.spent[of as usize] = Some(took);
    }

    /// The parts that it tells, in the order of [`Spent::ALL`].
    pub fn times(&self) -> impl Iterator<Item = (Spent, Duration)> {
        Spent::ALL.into_iter().filter_map(|of| Some((of, self.time(of)?)))
    }

    /// Takes over all that `later` tells: of what is told twice the later counts.
    pub fn renew(&mut self, later: &Self) {
        for (of, took) in later.times() {
            self.note(of, took);
        }
        self.prompt_tokens = later.prompt_tokens.or(self.prompt_tokens);
        self.cached_tokens = later.cached_tokens.or(self.cached_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
    }

    /// Whether it tells anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_place_and_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Spent::ALL.map(Spent::as_str).into();
        assert_eq!(names.len(), Spent::ALL.len());
        for (place, of) in Spent::ALL.into_iter().enumerate() {
            assert_eq!(of as usize, place);
        }
    }

    #[test]
    fn what_comes_later_counts_and_hides_nothing() {
        let mut told = EngineTold { cached_tokens: Some(3), ..EngineTold::default() };
        told.note(Spent::Queue, Duration::from_millis(1));
        told.note(Spent::Prefill, Duration::from_millis(2));
        let mut later = EngineTold { output_tokens: Some(9), ..EngineTold::default() };
        later.note(Spent::Prefill, Duration::from_millis(5));
        told.renew(&later);
        let times: Vec<_> =
            told.times().map(|(of, took)| (of.as_str(), took.as_millis())).collect();
        assert_eq!(times, [("queue", 1), ("prefill", 5)]);
        assert_eq!((told.cached_tokens, told.output_tokens), (Some(3), Some(9)));
        assert!(!told.is_empty() && EngineTold::default().is_empty());
    }
}
