//! One file a command.

pub mod sim;
