//! How prompts and output lengths are drawn: seeded, pure after load.
//!
//! Owns the checked workloads and the plans drawn from them; the configuration forms are in
//! `spec`. Knows nothing of HTTP.

mod dataset;
mod degenerate;
mod draw;
mod expect;
mod length;
mod plan;
mod prompt;
mod seed;
mod session;
mod sizing;
mod spec;
mod words;

pub use dataset::{Dataset, DatasetError, DatasetFault};
pub use expect::{Answer, Expect};
pub use length::Length;
pub use plan::{Ask, HttpAsk, Message, RequestPlan, Role};
pub use seed::seed;
pub use session::{Seat, Session, Turn};
pub use sizing::Sizing;
pub(crate) use spec::{ShareSpec, WorkloadFault, WorkloadSpec};

use std::{num::NonZeroU32, sync::Arc};

/// A checked workload.
#[derive(Clone, Debug)]
pub enum Workload {
    /// Prompts made up from words, of drawn lengths.
    Synthetic(Synthetic),
    /// One prompt, always the same.
    Fixed(Fixed),
    /// One of several workloads, drawn by weight.
    Mix(Vec<(NonZeroU32, Arc<Workload>)>),
}

/// Made-up prompts.
#[derive(Clone, Debug)]
pub struct Synthetic {
    /// Length of the prompt, in tokens, the shared prefix included.
    pub input_tokens: Length,
    /// Length of the answer, in tokens.
    pub output_tokens: Length,
    /// Tokens at the head of every prompt that are the same in all of them.
    pub shared_prefix_tokens: u32,
    /// Sampling temperature sent with the request.
    pub temperature: f64,
    /// What the answer must be.
    pub expect: Expect,
}

/// One prompt.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// The prompt, sent as it is: it can hit the engine's prefix cache.
    pub prompt: String,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Sampling temperature sent with the request.
    pub temperature: f64,
    /// What the answer must be.
    pub expect: Expect,
}
