//! The records of runs on disk.
//!
//! Owns the folder, its retention and what is read back at start. Knows nothing of how a run is made.
