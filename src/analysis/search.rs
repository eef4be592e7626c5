//! The search for the highest level that is certified to meet an SLO.

use crate::{arrival, verdict::State};

/// Doubling, then bisection on certified verdicts: pure, told the outcome of each step.
#[derive(Clone, Debug)]
pub struct Search {
    spec: arrival::Search,
}

/// How a step of a search was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The level that the step had.
    pub level: f64,
    /// What was certified.
    pub state: State,
    /// Misses ÷ judged, for undecided steps.
    pub miss_ratio: f64,
    /// Good requests a second.
    pub goodput: Option<f64>,
}

/// What a search ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SearchOutcome {
    /// The highest level that was certified to pass.
    pub low: Option<f64>,
    /// The lowest level that was certified to fail.
    pub high: Option<f64>,
    /// Good requests a second at `low`.
    pub goodput: Option<f64>,
    /// Confidence of each end.
    pub confidence: f64,
}

impl Search {
    /// A search, which begins at `known`, the last run's answer, if there is one.
    pub fn new(spec: arrival::Search, known: Option<f64>) -> Self {
        let _ = known;
        Self { spec }
    }

    /// The level to be tried next; absent when the search has ended.
    pub fn next(&self) -> Option<f64> {
        let _ = &self.spec;
        todo!("analysis helper")
    }

    /// Takes in what became of the step.
    pub fn decided(&mut self, decision: Decision) {
        let _ = decision;
        todo!("analysis helper")
    }

    /// What is known so far.
    pub fn outcome(&self) -> SearchOutcome {
        todo!("analysis helper")
    }
}
