//! What an engine tells in its own metrics, under one name whatever the engine.
//!
//! - `names`: the table of names, `quantity`: what they mean
//! - `told`: one exposition, `account`: what it adds up to over time and processes

mod account;
mod names;
mod quantity;
mod told;

pub use account::Account as EngineAccount;
pub use told::{Told, Untold};
