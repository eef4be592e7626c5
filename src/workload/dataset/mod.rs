//! Recorded prompts: JSON lines in the forms of other tools.
//!
//! Owns what a line may look like and what it asks for. Knows nothing of files.

mod error;
mod line;
mod parse;
mod record;

pub use error::{DatasetError, DatasetFault};
pub(super) use record::{Output, Record, Said};

/// Recorded conversations.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The conversations; at least one.
    pub(super) records: Vec<Record>,
    /// Lines that were left out, because no user says anything in them.
    skipped: usize,
    /// The shortest and the longest answer that a record speaks of.
    pub(super) outputs: Option<(u32, u32)>,
    /// Whether there is an answer of whose length the record says nothing.
    pub(super) has_unsaid: bool,
}
