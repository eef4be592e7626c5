//! Plans become exchanges, beats become events, scenarios become records.
//!
//! Owns the driver of the beats, the runs and their thread, retries, content checks, what one
//! exchange spends, and the calibration of this machine's client. Knows nothing of the sinks behind
//! [`crate::event::Sink`] and [`crate::event::RunSink`].
//!
//! - `exchange`: one of them, by its attempts; `link`, `sizes`, `own_beats`, `own_sweeps`: what all
//!   with one target share
//! - `driver`, `beat`, `trace_context`: the beats; `loader`, `run`: the runs; `runtime`: what either
//!   runs on
//! - `calibrate`: what this machine's client costs

mod beat;
mod calibrate;
mod driver;
mod exchange;
mod link;
mod loader;
mod own_beats;
mod own_sweeps;
mod run;
mod runtime;
mod sizes;
mod trace_context;

pub use beat::Subject;
pub use calibrate::{CalibrateError, calibrate};
pub use driver::{Command, Driver, ProbeAnswer, ProbeRefused};
pub use exchange::{Order, limits, run};
pub(crate) use link::Headers;
pub use link::Link;
pub use loader::Loader;
pub use own_sweeps::Sweeping;
pub use run::{Halt, HaltReason, RunOrder, Sight, Witness, run as run_scenario};
pub use runtime::runtime;
pub(crate) use sizes::PREPARE;
pub use sizes::PrepareError;
