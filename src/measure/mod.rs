//! From a timeline to numbers.
//!
//! Owns the formulas of `docs/definitions.md` and the metric catalogue. Pure: a measurement is a
//! function of one closed exchange and nothing else; where numbers go is not known here.

pub mod catalogue;
mod measurement;

pub use measurement::{CountSource, Lateness, Measurement, Phase, Spoiled};
