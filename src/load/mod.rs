//! Plans become exchanges, beats become events.
//!
//! Owns the driver of the beats, retries, content checks, and what one exchange spends. Knows
//! nothing of the sinks behind [`crate::event::Sink`].

mod beat;
mod driver;
mod exchange;
mod link;
mod run;
mod runtime;
mod sizes;

pub use beat::Subject;
pub use driver::{Command, Driver, ProbeAnswer, ProbeRefused};
pub use exchange::{Order, run};
pub(crate) use link::Headers;
pub use link::Link;
pub use run::{Halt, HaltReason, RunOrder, run as run_scenario};
pub use runtime::runtime;
pub use sizes::PrepareError;
