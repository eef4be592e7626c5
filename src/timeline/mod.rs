//! What happened to one exchange: raw anchors, token events and the outcome.
//!
//! Owns the record from which every number is later derived (`docs/definitions.md`). Pure: knows
//! no sockets, no HTTP and no runtime; whoever moves bytes stamps into it. An anchor never reached
//! is absent, never zero.

mod anchors;
mod outcome;
mod recorder;
mod told;

pub use anchors::{
    Behind, FailedAttempt, Finish, Retries, StampSource, Timeline, TokenEvent, TokenKind, Usage,
};
pub use outcome::Outcome;
pub use recorder::{Exchange, Recorder};
pub use told::{EngineTold, Spent};
