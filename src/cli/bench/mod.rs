//! `tokenbeat bench`: a one-shot benchmark.
//!
//! Owns the flags, the progress and the exit code. What is run is `load`'s, how it looks `report`'s.
//! No logic here: see `command`.

mod amend;
mod args;
mod command;
mod conflicts;
mod engine;
mod output;
mod progress;
mod runs;
mod scenario;
mod signals;
mod slo;
mod target;
mod verdict;

pub(super) use args::Args;
pub(super) use command::run;
