//! The stream path by table and by property: framing, events, requests, answers, and what they
//! cost in memory.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

mod answer;
mod errors;
mod events;
mod memory;
mod requests;
mod sse;
