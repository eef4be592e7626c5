//! The daemon itself.
