//! How prompts and output lengths are drawn: seeded, pure after load.
//!
//! Owns the checked workloads, the sessions and plans drawn from them, and what is learnt of how
//! many words make a token; the configuration forms are in `spec`. Knows nothing of sockets, files
//! and the form that an API gives a request.

mod calibrator;
mod dataset;
mod draw;
mod empirical;
mod exact;
mod expect;
mod length;
mod plan;
mod prompt;
mod prose;
mod recorded;
mod seed;
mod session;
mod sizing;
mod spec;
mod synthetic;
#[cfg(all(test, feature = "tokenizer"))]
mod testing;
mod think;
mod tokenizer;
mod words;

pub use calibrator::Calibrator;
pub use dataset::{Dataset, DatasetError, DatasetFault};
pub use empirical::Empirical;
pub use expect::{Answer, Expect, Schema};
pub use length::Length;
pub use plan::{Ask, HttpAsk, Message, RequestPlan, Role};
pub use prompt::Salted;
pub use recorded::{Recorded, Turns};
pub use seed::seed;
pub use session::{Seat, Session, Turn};
pub use sizing::Sizing;
pub(crate) use spec::{ShareSpec, WorkloadFault, WorkloadSpec};
pub use synthetic::{PrefixRole, Reuse, Synthetic, UserPrefix};
pub use think::Think;
pub use tokenizer::{Tokenizer, TokenizerError};

use std::{num::NonZeroU32, sync::Arc};

/// Longest prompt or answer, in tokens: beyond any context window there is.
pub(crate) const MOST_TOKENS: u32 = 10_000_000;

/// A checked workload.
#[derive(Clone, Debug)]
pub enum Workload {
    /// Prompts made up from words, of drawn lengths.
    Synthetic(Synthetic),
    /// One prompt, always the same.
    Fixed(Fixed),
    /// Recorded prompts.
    Dataset(Recorded),
    /// A plain HTTP request, always the same.
    Http(Arc<HttpAsk>),
    /// One of several workloads, drawn by weight.
    Mix(Vec<(NonZeroU32, Arc<Workload>)>),
}

impl Workload {
    /// One prompt, of whose answer nothing is expected.
    pub fn fixed(prompt: &str, max_tokens: u32) -> Self {
        let (prompt, expect) = (prompt.to_owned(), Expect::default());
        Self::Fixed(Fixed { prompt, max_tokens, temperature: 0.0, expect })
    }
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
