//! How prompts and output lengths are drawn: seeded, pure after load.
//!
//! Owns the checked workloads and the plans drawn from them; the configuration forms are in
//! `spec`. Knows nothing of HTTP.

mod expect;
mod plan;
mod spec;

pub use expect::Expect;
pub use plan::RequestPlan;
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

/// A distribution of lengths in tokens. A draw is never less than 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Always the same.
    Constant(u32),
    /// Normal, cut at 1 and at twice the mean plus four standard deviations.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
    },
    /// Uniform over both ends included.
    Uniform {
        /// Least.
        low: u32,
        /// Most.
        high: u32,
    },
}
