//! Our own beats on an endpoint: what they had of its engine, which counts them as it counts the
//! rest.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What our own beats had of an endpoint since this process began.
#[derive(Debug, Default)]
pub(super) struct OwnBeats(Mutex<Beaten>);

/// What beats had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beaten {
    /// Beats that were answered.
    pub(crate) answers: u64,
    /// Tokens of the prompts of those that have ended, as the server counted them.
    pub(crate) prompt: u64,
    /// Tokens of their answers. One that failed may have had all that it asked for.
    pub(crate) output: u64,
    /// Tokens that the answers of those under way may have.
    pub(crate) under_way: u64,
}

impl OwnBeats {
    /// A beat begins, which asks for at most so many tokens.
    pub(super) fn begin(&self, asked: u64) {
        self.lock().under_way += asked;
    }

    /// It has ended, and had so much.
    pub(super) fn end(&self, asked: u64, had: Beaten) {
        let mut all = self.lock();
        all.answers = all.answers.saturating_add(had.answers);
        all.prompt = all.prompt.saturating_add(had.prompt);
        all.output = all.output.saturating_add(had.output);
        all.under_way = all.under_way.saturating_sub(asked);
    }

    /// What stands now.
    pub(super) fn so_far(&self) -> Beaten {
        *self.lock()
    }

    /// What it guards is whole at every step.
    fn lock(&self) -> MutexGuard<'_, Beaten> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beaten {
    /// What came since `before`, at its most: a beat that was under way then and has ended counts
    /// as a whole, and so do the answers of those that are under way now.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            answers: self.answers.saturating_sub(before.answers),
            prompt: self.prompt.saturating_sub(before.prompt),
            output: self.output.saturating_sub(before.output).saturating_add(self.under_way),
            under_way: self.under_way,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_counts_at_its_most() {
        let had = |answers, prompt, output| Beaten { answers, prompt, output, under_way: 0 };
        let beats = OwnBeats::default();
        beats.begin(16);
        let before = beats.so_far();
        beats.begin(8);
        beats.end(16, had(1, 70, 12));
        let now = beats.so_far();
        assert_eq!(now.since(before), Beaten { under_way: 8, ..had(1, 70, 12 + 8) });
        beats.end(8, had(0, 0, 8));
        let later = beats.so_far();
        assert_eq!((later.since(now), later.since(later)), (had(0, 0, 8), Beaten::default()));
    }
}
