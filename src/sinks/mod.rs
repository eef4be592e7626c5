//! Where ended beats go.
//!
//! Owns the consumers of [`crate::event::Beat`]; none of them ever blocks a measurement. Knows
//! nothing of how a beat was scheduled or sent.

pub mod recent;
