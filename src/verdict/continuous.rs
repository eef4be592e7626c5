//! The verdict on a probe's beats, over a sliding window.
//!
//! Owns what a window of beats amounts to: beats fail in bursts, so their number overstates what
//! they tell, and the verdict is taken on the effective number. Keeps counts by block, never beats.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    Judge, Judgement, RISK, Slo, State,
    blocks::{BLOCK, Block, clustered},
    clusters::{Caution, Objective},
};

/// Outages of up to 30 beats in the mean are held against a pass. A confidence of 92.5 % is by
/// simulation the lowest at which no more than 1 % of days pass falsely.
const CAUTION: Caution = Caution { outage: 30.0, deviate: 1.4395 };

/// The sliding verdict of one probe of one subject under one SLO.
#[derive(Clone, Debug)]
pub struct Continuous {
    slo: Arc<Slo>,
    /// That of the whole, or those of the thresholds in the SLO's order.
    objectives: Vec<Objective>,
    /// What one beat stands for in the window.
    interval: Duration,
    closed: VecDeque<Block>,
    open: Block,
    state: State,
}

impl Continuous {
    /// A verdict without beats, on a probe that beats once an `interval`. It holds some tens of bytes
    /// for each 30 beats of the SLO's window, whatever the traffic.
    pub fn new(slo: Arc<Slo>, interval: Duration) -> Self {
        let objectives: Vec<Objective> = slo.objectives().into_iter().map(Objective::new).collect();
        let (closed, open) = (VecDeque::new(), Block::new(objectives.len()));
        Self { slo, objectives, interval, closed, open, state: State::NotEnoughData }
    }

    /// Takes in a judged beat, due at a time in nanoseconds since the Unix epoch. Each 30th beat
    /// closes a block and is followed by the one evaluation of it, whose result is returned.
    pub fn push(&mut self, due_unix_nanos: i64, judgement: &Judgement) -> Option<State> {
        match self.slo.judge {
            Judge::Joint => self.open.push(due_unix_nanos, [judgement.bad.is_none()].iter()),
            Judge::Each => self.open.push(due_unix_nanos, judgement.met.iter()),
        }
        if !self.open.is_full() {
            return None;
        }
        let open = Block::new(self.objectives.len());
        self.closed.push_back(std::mem::replace(&mut self.open, open));
        self.forget();
        self.state = self.evaluate();
        Some(self.state)
    }

    /// The last verdict.
    pub fn state(&self) -> State {
        self.state
    }

    /// Drops the blocks that began before the window, which ends with the latest beat.
    fn forget(&mut self) {
        let end = self.closed.iter().map(Block::last_due).max().unwrap_or(i64::MIN);
        let window = i64::try_from(self.slo.window.as_nanos()).unwrap_or(i64::MAX);
        let start = end.saturating_sub(window);
        // Blocks close in the order of their beats' ends, so nearly in that of their due times:
        // a straggler waits for those before it.
        while self.closed.front().is_some_and(|block| block.first_due() <= start) {
            self.closed.pop_front();
        }
    }

    /// The worst of the objectives.
    fn evaluate(&self) -> State {
        if !self.covered() {
            return State::NotEnoughData;
        }
        let verdict = |(lane, objective): (usize, &Objective)| {
            let seen = clustered(self.closed.iter().map(|block| block.lane(lane)));
            objective.decide(&seen, RISK, CAUTION)
        };
        self.objectives.iter().enumerate().map(verdict).fold(State::Pass, State::worse)
    }

    /// Whether the beats stand for at least half the window.
    fn covered(&self) -> bool {
        let beats = self.closed.len() as u128 * u128::from(BLOCK);
        2 * beats * self.interval.as_nanos() >= self.slo.window.as_nanos()
    }
}

#[cfg(test)]
mod tests;
