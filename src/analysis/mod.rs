//! What follows from the steps of a run.
//!
//! Owns knee, saturation, cost, and the search for the highest load that meets an SLO. Pure: works
//! on records.

mod advice;
mod curve;
mod edge;
mod findings;
mod search;

pub use findings::{FindingsContext, findings};
pub use search::{Aim, Decision, Marked, Search, SearchOutcome};
