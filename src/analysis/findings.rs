//! The findings of a run.

use std::sync::Arc;

use crate::{
    event::{Findings, StepRecord},
    verdict::Slo,
};

/// What the steps do not say themselves.
#[derive(Clone, Debug, Default)]
pub struct FindingsContext {
    /// Dollars an hour.
    pub cost_per_hour: Option<f64>,
    /// What the run was held against.
    pub slos: Vec<Arc<Slo>>,
    /// The search's outcome, if there was one.
    pub search: Option<super::SearchOutcome>,
}

/// What follows from `steps`.
pub fn findings(steps: &[StepRecord], context: &FindingsContext) -> Findings {
    let _ = (steps, context);
    todo!("analysis helper")
}
