//! What follows from the steps of a run.
//!
//! Owns knee, saturation, cost, the search for the highest load that meets an SLO, the cause for
//! which a step or a probe's last minutes miss one, and whether a run is worse than those before it.
//! Pure: works on records.

mod advice;
mod cause;
mod curve;
mod edge;
mod findings;
mod regression;
mod search;
mod window;

pub use cause::{Clues, EngineClues, Missed, cause, cause_of};
pub use findings::{FindingsContext, findings};
pub use regression::{History, Point};
pub use search::{Aim, Decision, Marked, Search, SearchOutcome};
pub use window::{WindowBeat, WindowMeans, degraded};
