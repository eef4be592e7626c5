//! The definitions of other tools, recomputed from our anchors.

use std::time::Duration;

use crate::timeline::Exchange;

/// A tool whose definitions are recomputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compat {
    /// NVIDIA AIPerf.
    Aiperf,
    /// `vllm bench serve`.
    Vllm,
    /// GuideLLM.
    Guidellm,
    /// inference-perf.
    InferencePerf,
    /// GenAI-Perf.
    GenaiPerf,
}

impl Compat {
    /// Hands over the values of one exchange by the tool's own columns.
    pub fn values(self, exchange: &Exchange, out: &mut dyn FnMut(&'static str, Duration)) {
        let _ = (exchange, out);
        todo!("client helper")
    }
}
