//! The collection of what engines and GPUs tell.
//!
//! Owns one task a source, its interval, and what is logged of it; the meaning of what comes is
//! `crate::telemetry`'s. It runs beside the web side, so that no scrape of ours delays a stamp.
//!
//! - `collectors`: which tasks there are; `watch`: one task
//! - `engine`, `gpu`: one collection of each kind
//! - `gpus`: what is kept of a target's GPUs, whoever collects them
//! - `local`: this machine's own GPUs, which are collected once for all targets
//! - `onlooker`: readings beside a run, when it asks; `visitor`: those of this machine's GPUs
//! - `windows`: the last minutes of every probe, beside what was collected

mod collectors;
mod engine;
mod gpu;
mod gpus;
mod local;
mod onlooker;
mod visitor;
mod watch;
mod windows;

pub(super) use collectors::Collectors;
pub(super) use engine::EngineMetricsSource;
pub use engine::identified;
pub(super) use engine::recognised;
pub use onlooker::Onlooker;
pub(super) use windows::Windows;
