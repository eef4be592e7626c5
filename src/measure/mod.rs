//! From a timeline to numbers.
//!
//! Owns the formulas of `docs/definitions.md` and the metric catalogue. Pure: a measurement is a
//! function of one closed exchange and nothing else; where numbers go is not known here.

pub mod catalogue;
mod compat;
mod lateness;
mod measurement;
mod moments;
mod phase;
mod summary;

pub use compat::{Compat, UnknownTool};
pub use lateness::{Lateness, Spoiled};
pub use measurement::{CountSource, Measurement};
pub use moments::Moments;
pub use phase::Phase;
pub use summary::{Quantile, Summary, Unit};
