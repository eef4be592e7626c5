//! The records of runs on disk.
//!
//! Owns the folder, its retention and what is read back at start: one JSON file a run, written by
//! one thread, so that nobody waits for a disk. Nothing is created before there is something to
//! keep. Knows nothing of how a run is made.

mod dues;
mod folder;
mod id;
mod keeper;
mod query;
mod writer;

pub use id::RunId;
pub use keeper::{Latest, Settings, Store};
pub use query::RunQuery;
