//! When a beat is due, and when a sweep.
//!
//! Owns stable phases, the pacer thread, maintenance windows, budgets, the plan of the sweeps and
//! the rules that hold them back. Knows nothing of how a request is made.

mod budget;
mod guard;
mod maintenance;
mod pacer;
mod phase;
mod plan;

pub use budget::Meter;
pub use guard::{Beating, Circumstances, HeldBack, held_back};
pub use maintenance::is_open;
pub use pacer::{Lead, Pacer, Ticket, Wake};
pub use phase::{Beats, phase};
pub use plan::{Change, Decision, Due, Plan, Planned, Refused, Requested};
