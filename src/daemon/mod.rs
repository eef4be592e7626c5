//! The daemon: assembly, supervision, reload by difference, signals, drain.
//!
//! Owns the life of the process. Three runtimes: beats run on a thread of their own, sweeps on
//! another, and what is served (scrapes, pages, reloads) on a third, so that no scrape can delay a
//! stamp, and no sweep a beat.

mod discovery;
mod fleet;
mod listeners;
mod measuring;
mod reloads;
mod run;
mod signals;
mod supervisor;
mod sweeps;
mod telemetry;

pub use run::{Daemon, DaemonError, Options};
pub(crate) use signals::outlive_large_files;
pub use supervisor::Ended;
pub use telemetry::{Onlooker, identified};
