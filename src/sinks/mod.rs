//! Where numbers go.
//!
//! Owns the exposition of what was measured. Knows nothing of how it was measured: what comes in
//! is [`crate::event`], and no sink ever blocks the one who hands it over.

pub mod prometheus;
