//! When a step that may end once it is decided is looked at.
//!
//! Whoever looks after every exchange certifies falsely eight to ten times in a hundred. So looks
//! are few, settled beforehand, and share the risk of one. Misses may come in bursts, of which a few
//! hundred exchanges show little: what they show counts, and is looked at with caution.

use super::{
    Clustered, RISK, Slo, State,
    clusters::{Caution, Objective},
    minimum_n,
};

/// By how much more exchanges there are at the next look.
const GROWTH: f64 = 1.5;

/// Runs of up to five misses are held against a pass, of which the shortest sequences see none. By
/// simulation no more than 1 % of steps are then certified falsely; looks share the risk, so the
/// confidence may be less than that of one look at a window.
const CAUTION: Caution = Caution { outage: 6.0, deviate: 0.85 };

/// The looks at a growing number of exchanges: at `⌈n₀ · 1.5ᵏ⌉` of them, with n₀ the fewest that
/// could pass if misses were single ones, and at the cap. Each takes an equal share of the risk.
#[derive(Clone, Debug)]
pub struct Looks {
    lanes: Vec<Lane>,
    /// Exchanges at each look, ascending.
    at: Vec<u64>,
    /// Looks that are over.
    taken: usize,
    decided: Option<State>,
}

/// One share that must be met.
#[derive(Clone, Copy, Debug)]
struct Lane {
    objective: Objective,
    /// Passing is certified once and for all; the risk of it is spent.
    passed: bool,
}

impl Looks {
    /// Looks at an SLO as it is judged, jointly or each threshold alone, up to `cap` exchanges.
    pub fn of(slo: &Slo, cap: u64) -> Self {
        Self::over(&slo.objectives(), cap)
    }

    fn over(objectives: &[f64], cap: u64) -> Self {
        let lanes: Vec<Lane> = objectives
            .iter()
            .map(|objective| Lane { objective: Objective::new(*objective), passed: false })
            .collect();
        // Where no number can pass (an objective of 100 %), the cap is the only look.
        let first = objectives
            .iter()
            .map(|objective| minimum_n(*objective, 0).unwrap_or(cap))
            .max()
            .unwrap_or(cap);
        let mut at: Vec<u64> =
            std::iter::successors(Some(first as f64), |exact| Some(exact * GROWTH))
                .map(|exact| exact.ceil() as u64)
                .take_while(|n| *n < cap)
                .collect();
        at.push(cap);
        Self { lanes, at, taken: 0, decided: None }
    }

    /// The fewest exchanges of a step that can pass the SLO, be all of them good; absent where no
    /// number can.
    pub fn fewest_to_pass(slo: &Slo) -> Option<u64> {
        let fewest = |objective| Some(minimum_n(objective, 0)? as f64 * CAUTION.outage);
        let fewest: Option<Vec<f64>> = slo.objectives().into_iter().map(fewest).collect();
        fewest?.into_iter().max_by(f64::total_cmp).map(|most| most.ceil() as u64)
    }

    /// The same without the looks before `n` exchanges; that at the cap stays.
    #[must_use]
    pub fn not_before(mut self, n: u64) -> Self {
        let cap = self.at.last().copied();
        self.at.retain(|at| *at >= n || Some(*at) == cap);
        self
    }

    /// Exchanges at the next look; absent once it is decided, or the cap was looked at.
    pub fn next_at(&self) -> Option<u64> {
        match self.decided {
            Some(_) => None,
            None => self.at.get(self.taken).copied(),
        }
    }

    /// Looks at what the judged exchanges show under each objective, if a look is due: the state,
    /// which is `not_enough_data` where the step goes on. Looks that were passed over count as
    /// taken.
    pub fn look(&mut self, seen: &[Clustered]) -> Option<State> {
        let n = seen.first()?.n;
        self.next_at().filter(|at| n >= *at)?;
        self.taken = self.at.partition_point(|at| *at <= n);
        let risk = self.risk();
        let mut state = State::Pass;
        for (lane, seen) in self.lanes.iter_mut().zip(seen) {
            let found = match lane.passed {
                true => State::Pass,
                false => lane.objective.decide(seen, risk, CAUTION),
            };
            lane.passed = found == State::Pass;
            state = state.worse(found);
        }
        if state != State::NotEnoughData {
            self.decided = Some(state);
        }
        Some(state)
    }

    /// What can be said of all that was judged, at the risk of one look, whatever was decided
    /// before.
    pub fn last(&self, seen: &[Clustered]) -> State {
        let states = self.lanes.iter().zip(seen);
        states
            .map(|(lane, seen)| lane.objective.decide(seen, self.risk(), CAUTION))
            .reduce(State::worse)
            .unwrap_or_default()
    }

    /// What has been decided.
    pub fn state(&self) -> State {
        self.decided.unwrap_or(State::NotEnoughData)
    }

    /// The risk that each look takes.
    fn risk(&self) -> f64 {
        RISK / self.at.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests;
