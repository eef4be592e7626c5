//! How engines tell in their answers what an answer took them.
//!
//! Owns the two forms of it. Must not know when it was measured.

use std::time::Duration;

/// Where an engine tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    /// Nowhere.
    Nowhere,
    /// In an object `timings` of the last event, or of the answer in one piece: llama.cpp.
    Timings,
    /// In headers of the answer in one piece: TGI. The head of a stream goes out too early.
    Headers,
}

/// What an answer took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    pub(super) queue: Duration,
    pub(super) prefill: Duration,
    pub(super) decode: Duration,
    pub(super) prompt: u32,
    /// Tokens of the prompt that the prefix cache held.
    pub(super) cached: u32,
    pub(super) tokens: u32,
}

impl Took {
    /// The object `timings`.
    pub(super) fn timings(&self) -> String {
        let Self { prompt, cached, tokens, .. } = *self;
        let worked = prompt.saturating_sub(cached);
        let millis = |took: Duration| took.as_secs_f64() * 1e3;
        format!(
            "{{\"cache_n\":{cached},\"prompt_n\":{worked},\"prompt_ms\":{:.3},\
             \"predicted_n\":{tokens},\"predicted_ms\":{:.3}}}",
            millis(self.prefill),
            millis(self.decode)
        )
    }

    /// The headers, in whole milliseconds.
    pub(super) fn headers(&self) -> [(&'static str, String); 6] {
        let inference = self.prefill + self.decode;
        let millis = |took: Duration| took.as_millis().to_string();
        [
            ("x-queue-time", millis(self.queue)),
            ("x-inference-time", millis(inference)),
            ("x-total-time", millis(self.queue + inference)),
            ("x-time-per-token", millis(inference / self.tokens.max(1))),
            ("x-prompt-tokens", self.prompt.to_string()),
            ("x-generated-tokens", self.tokens.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let took = Took {
            queue: Duration::from_millis(5),
            prefill: Duration::from_micros(20_500),
            decode: Duration::from_millis(80),
            prompt: 30,
            cached: 16,
            tokens: 9,
        };
        let timings: serde_json::Value = serde_json::from_str(&took.timings()).unwrap();
        assert_eq!(
            (timings["prompt_n"].as_u64(), timings["cache_n"].as_u64()),
            (Some(14), Some(16))
        );
        assert_eq!(timings["prompt_ms"], 20.5);
        let headers = took.headers();
        let says =
            |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value);
        assert_eq!((says("x-inference-time"), says("x-total-time")), (Some("100"), Some("105")));
        assert_eq!((says("x-queue-time"), says("x-time-per-token")), (Some("5"), Some("11")));
    }
}
