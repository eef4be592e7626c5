//! Sweeps: the plan carried out.
//!
//! Owns the runs that are under way, who hears of them, what is known of a target before one
//! begins, and what is restored at start. What is due and whose turn it is, is the plan's affair.

mod asked;
mod circumstances;
mod desk;
mod dispatch;
mod ears;
mod history;
mod restore;

pub(super) use desk::Desk;
pub(super) use history::History;
