//! The definitions of other tools, recomputed from our anchors.

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
