//! The measured path: connections, stamped reads, deadlines.
//!
//! Owns one attempt of an exchange, from dialling to the last byte, and stamps what happens into a
//! `Timeline`; beside it, `push` sends what nobody measures. Knows nothing of configuration, of
//! retries, or of what the numbers are for.

pub mod answer;
mod aside;
mod attempt;
mod call;
mod connection;
mod dial;
mod endpoint;
mod failure;
mod hush;
mod marks;
mod plain;
mod pool;
mod push;
mod stamped;
mod stream;
mod timer;
mod tls;

pub(crate) use aside::Aside;
pub use attempt::{Answered, Attempt, Connections, Failed, Text};
pub use call::Call;
pub use endpoint::{Endpoint, EndpointError, Limits};
pub use failure::Failure;
pub(crate) use failure::chain;
pub(crate) use push::{Posted, Wire};
pub use stamped::keep_stamping_on;
pub use tls::{Tls, TlsSettings, Verify};
