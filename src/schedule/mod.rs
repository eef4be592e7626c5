//! When a beat is due.
//!
//! Owns stable phases, the pacer thread, maintenance windows and budgets. Knows nothing of how a
//! request is made.

mod budget;
mod maintenance;
mod pacer;
mod phase;

pub use budget::Meter;
pub use maintenance::is_open;
pub use pacer::{Pacer, Ticket, Wake};
pub use phase::{Beats, phase};
