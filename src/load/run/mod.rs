//! Runs: a scenario carried out step by step.
//!
//! Owns warm-up, the drive of each step, stop rules, settling, searches, the budget's end, and the
//! record. Knows nothing of who listens behind [`crate::event::RunSink`].

mod halt;
mod order;

pub use halt::{Halt, HaltReason};
pub use order::{RunOrder, run};
