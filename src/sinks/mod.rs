//! Where ended beats and runs go.
//!
//! Owns the consumers of [`crate::event::Beat`] and [`crate::event::RunRecord`]. None of them ever
//! blocks the one who hands something over, and none knows how it was scheduled, sent or measured.

pub mod otlp;
pub mod prometheus;
pub mod recent;
pub mod sweeps;
pub mod traces;
