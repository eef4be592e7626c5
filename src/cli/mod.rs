//! One file a command.

pub mod metrics;
