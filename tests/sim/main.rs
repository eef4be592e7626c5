//! The simulated engine, looked at from the wire by a client that knows nothing of it.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking, like the test")]

mod answers;
mod client;
mod engine;
mod faults;
