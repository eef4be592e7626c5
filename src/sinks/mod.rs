//! Where ended beats go.
//!
//! Owns the consumers of [`crate::event::Beat`]. None of them ever blocks the one who hands a beat
//! over, and none knows how it was scheduled, sent or measured.

pub mod prometheus;
pub mod recent;
