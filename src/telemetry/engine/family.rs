//! What an engine can tell, as a person looks for it: what is there, and what it costs that
//! something is not.

use super::{
    quantity::{Counter, Gauge, Stage},
    told::Told,
};

/// Something that an engine can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Requests that it works on.
    Running,
    /// Requests in its queue.
    Waiting,
    /// Share of the KV cache in use.
    KvUsage,
    /// Prompt tokens looked up in the prefix cache, and found.
    PrefixCache,
    /// Requests put back for want of KV cache.
    Preemptions,
    /// Prompt tokens.
    PromptTokens,
    /// Tokens generated.
    OutputTokens,
    /// Time to first token, with its requests.
    Ttft,
    /// Time in the queue.
    Queue,
    /// Time from the queue to the first token.
    Prefill,
    /// Time from the first token to the last.
    Decode,
}

impl Family {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Running,
        Self::Waiting,
        Self::KvUsage,
        Self::PrefixCache,
        Self::Preemptions,
        Self::PromptTokens,
        Self::OutputTokens,
        Self::Ttft,
        Self::Queue,
        Self::Prefill,
        Self::Decode,
    ];

    /// Its public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::KvUsage => "kv_usage",
            Self::PrefixCache => "prefix_cache",
            Self::Preemptions => "preemptions",
            Self::PromptTokens => "prompt_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Ttft => "ttft",
            Self::Queue => "queue",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
        }
    }

    /// What is not known without it, and what stands in for it if something does.
    pub const fn without(self) -> &'static str {
        match self {
            Self::Running => "how many requests it works on at once is not known",
            Self::Waiting => "guard.engine_requests_waiting holds no sweep back",
            Self::KvUsage => "how full the KV cache is, is not known",
            Self::PrefixCache => "what came from the prefix cache is not known",
            Self::Preemptions => "no step has them as its cause",
            Self::PromptTokens => "ours are held against nothing",
            Self::OutputTokens => "load of others marks no step",
            Self::Ttft => "queue and prefill stand in for it",
            Self::Queue => "steps infer it from how many wait, if the engine has no ttft either",
            Self::Prefill => "ttft less queue stands in for it",
            Self::Decode => "a missed tpot or e2e has no cause",
        }
    }

    /// Whether `told` has it.
    fn is_in(self, told: &Told) -> bool {
        let gauge = |gauge| told.gauges.iter().any(|said| said.what == gauge);
        let counter = |counter| told.counters.iter().any(|said| said.what == counter);
        match self {
            Self::Running => gauge(Gauge::Running),
            Self::Waiting => gauge(Gauge::Waiting),
            Self::KvUsage => gauge(Gauge::KvUsage),
            Self::PrefixCache => counter(Counter::PrefixQueries) && counter(Counter::PrefixHits),
            Self::Preemptions => counter(Counter::Preemptions),
            Self::PromptTokens => counter(Counter::PromptTokens),
            Self::OutputTokens => counter(Counter::GenerationTokens),
            Self::Ttft => counter(Counter::Seconds(Stage::Ttft)),
            Self::Queue => counter(Counter::Seconds(Stage::Queue)),
            Self::Prefill => counter(Counter::Seconds(Stage::Prefill)),
            Self::Decode => counter(Counter::Seconds(Stage::Decode)),
        }
    }
}

impl Told {
    /// What it tells of, in the order of [`Family::ALL`].
    pub fn families(&self) -> Vec<Family> {
        Family::ALL.into_iter().filter(|family| family.is_in(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_has_what_it_names() {
        let told = Told::read(
            "llamacpp:prompt_tokens_total 1\nllamacpp:prompt_tokens_cached_total 1\n\
             llamacpp:requests_deferred 0\nllamacpp:prompt_seconds_total 0.1\n",
        );
        let has = told.expect("llama.cpp").families();
        let wanted = [Family::Waiting, Family::PrefixCache, Family::PromptTokens, Family::Prefill];
        assert_eq!(has, wanted);
    }
}
