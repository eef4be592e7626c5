//! The daemon: assembly, supervision, reload by difference, signals, drain.
//!
//! Owns the life of the process. Two runtimes: what is measured runs on a thread of its own, what
//! is served (scrapes, pages, reloads) on another, so that no scrape can delay a stamp.

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
