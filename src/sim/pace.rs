//! When the tokens of a completion are due.
//!
//! Owns the gaps. Every token is due at an absolute time, so a late timer delays one event and not
//! those after it. Must not know the wire.

use std::time::Duration;

use super::engine::Slot;
use super::job::Job;
use super::misbehave::LONGEST_FAULT;
use super::stream::Kind;
use crate::clock::Stamp;

/// The next tokens, which go out together.
pub(super) struct Batch {
    pub(super) due: Stamp,
    pub(super) count: u32,
    pub(super) kind: Kind,
}

impl Job<'_> {
    /// The tokens after those that `slot` has, the latest of which was due at `due`. None at the
    /// end, and where a fault strikes.
    pub(super) fn next_batch(&mut self, slot: &Slot, due: Stamp) -> Option<Batch> {
        let done = slot.tokens();
        let end = self.last_token();
        // A batch does not mix reasoning and text.
        let (kind, border) = if done < self.shape.reasoning {
            (Kind::Reasoning, self.shape.reasoning.min(end))
        } else {
            (Kind::Text, end)
        };
        let count = match done {
            0 => 1,
            _ => self.state.spec.tokens_per_event,
        };
        let count = count.min(border.saturating_sub(done));
        let mut next = due;
        for token in done..done + count {
            next = next.after(self.gap(token, slot.cached(), next));
            if self.shape.preempted_at == Some(token) {
                slot.preempted();
                next = next.after(Duration::from_millis(self.state.spec.preempt_ms));
            }
        }
        (count > 0).then_some(Batch { due: next, count, kind })
    }

    /// The token with which the answer ends, or after which a fault strikes.
    pub(super) fn last_token(&self) -> u32 {
        match self.shape.strike {
            Some((after, _)) => self.shape.tokens.min(after),
            None => self.shape.tokens,
        }
    }

    /// How long the engine takes for token number `token`.
    fn gap(&mut self, token: u32, cached: u32, at: Stamp) -> Duration {
        let spec = &self.state.spec;
        let slowness = self.state.slowness(at);
        if token == 0 {
            let to_compute = f64::from(self.prompt_tokens.saturating_sub(cached));
            let prefill = Duration::try_from_secs_f64(spec.prefill_ms_per_token * to_compute / 1e3)
                .unwrap_or(LONGEST_FAULT);
            let cold = Duration::from_millis(spec.cold_ms);
            let warming = self.state.engine.warming(at, cold);
            return spec.ttft.draw(&mut self.rng).mul_f64(slowness) + prefill + warming;
        }
        if let Some(gap) = self.shape.gap {
            return gap;
        }
        let others = self.state.engine.busy().saturating_sub(1) as f64;
        let crowding = 1.0 + spec.batch_slowdown * others;
        spec.itl.draw(&mut self.rng).mul_f64(slowness * crowding)
    }
}
