//! What an engine can tell, whatever it calls it.

use crate::measure::catalogue::Id;

/// A value of the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gauge {
    /// Requests that are worked on.
    Running,
    /// Requests in the queue.
    Waiting,
    /// Share of the KV cache in use.
    KvUsage,
}

impl Gauge {
    pub(super) const fn id(self) -> Id {
        match self {
            Self::Running => Id::EngineRunning,
            Self::Waiting => Id::EngineWaiting,
            Self::KvUsage => Id::EngineKvUsage,
        }
    }

    /// Two processes of one engine together.
    pub(super) fn together(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Running | Self::Waiting => one + other,
            // The fullest cache is the one that has to preempt.
            Self::KvUsage => one.max(other),
        }
    }
}

/// A part of a request's time in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Up to the first token.
    Ttft,
    /// In the queue.
    Queue,
    /// From the queue to the first token.
    Prefill,
    /// From the first token to the last.
    Decode,
}

/// What only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Prompt tokens looked up in the prefix cache.
    PrefixQueries,
    /// Those found there.
    PrefixHits,
    /// Requests put back for want of cache.
    Preemptions,
    /// Prompt tokens, those from the cache included.
    PromptTokens,
    /// Tokens generated.
    GenerationTokens,
    /// Seconds of a stage, over all requests.
    Seconds(Stage),
    /// Requests that these seconds are of.
    Requests(Stage),
}

impl Counter {
    pub(super) const fn id(self) -> Id {
        match self {
            Self::PrefixQueries => Id::EnginePrefixQueries,
            Self::PrefixHits => Id::EnginePrefixHits,
            Self::Preemptions => Id::EnginePreemptions,
            Self::PromptTokens => Id::EnginePromptTokens,
            Self::GenerationTokens => Id::EngineGenerationTokens,
            Self::Seconds(Stage::Ttft) => Id::EngineTtftSeconds,
            Self::Seconds(Stage::Queue) => Id::EngineQueueSeconds,
            Self::Seconds(Stage::Prefill) => Id::EnginePrefillSeconds,
            Self::Seconds(Stage::Decode) => Id::EngineDecodeSeconds,
            Self::Requests(Stage::Ttft) => Id::EngineTtftRequests,
            Self::Requests(Stage::Queue) => Id::EngineQueueRequests,
            Self::Requests(Stage::Prefill) => Id::EnginePrefillRequests,
            Self::Requests(Stage::Decode) => Id::EngineDecodeRequests,
        }
    }
}
