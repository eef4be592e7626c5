//! What an engine tells in its own metrics, under one name whatever the engine.
//!
//! - `names`: the table of names, `quantity`: what they mean
//! - `told`: one exposition, `family`: what is in it for a person, `account`: what it adds up to over
//!   time and processes
//! - `stretch`: what happened between two moments, `inferred`: and what of it is not counted

mod account;
mod family;
mod inferred;
mod names;
mod quantity;
mod stretch;
mod told;

pub use account::Account as EngineAccount;
pub use family::Family as EngineFamily;
pub use stretch::{Span, Stretch as EngineStretch, Stretched as EngineStretched};
pub use told::{Cache as EngineCache, Told, Untold};
