//! What the simulated engine is like.
//!
//! Owns the strict, serialisable description and its checks. Must not know how it is carried out.

use serde::{Deserialize, Serialize};

use super::degrade::Degrade;
use super::dist::Dist;
use super::fault::FaultOrder;
use super::flavour::Flavour;
use super::text;

/// When usage is reported in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsagePolicy {
    /// When `stream_options.include_usage` asks for it; in each event with
    /// `continuous_usage_stats`.
    #[default]
    Asked,
    /// At the end of every stream.
    Always,
    /// Never, not even when asked.
    Never,
    /// In every event.
    Continuous,
}

/// When the chunk that only names the role is sent (chat only).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleChunk {
    /// Right after the head, long before the first token.
    Early,
    /// In the write of the first token, before it.
    #[default]
    WithFirstToken,
    /// Not at all.
    Never,
}

/// Where reasoning text goes in a chat delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningField {
    /// `reasoning_content`.
    #[default]
    ReasoningContent,
    /// `reasoning`.
    Reasoning,
    /// Generated and counted in usage, never streamed.
    Hidden,
}

impl ReasoningField {
    /// The key in a delta or message.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Reasoning => "reasoning",
            Self::ReasoningContent | Self::Hidden => "reasoning_content",
        }
    }
}

/// A fault that strikes a share of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What happens.
    pub fault: FaultOrder,
    /// Share of the requests, from 0 to 1.
    pub ratio: f64,
}

/// A certificate chain and its key, both as PEM text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsPem {
    /// The certificate chain, leaf first.
    pub cert: String,
    /// The private key.
    pub key: String,
}

impl std::fmt::Debug for TlsPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsPem").finish_non_exhaustive()
    }
}

/// Everything there is to say about a simulated engine. The default is a healthy one: first token
/// after 50 ms, a token every 10 ms.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimSpec {
    /// Models it serves.
    pub models: Vec<String>,
    /// The model that answers name, if not the one asked for.
    pub answered_model: Option<String>,
    /// From the start of work on a request to its first token, prefill excluded.
    pub ttft: Dist,
    /// Gap between tokens of one request when it is alone.
    pub itl: Dist,
    /// Milliseconds of prefill for each prompt token that the prefix cache does not hold.
    pub prefill_ms_per_token: f64,
    /// Seed of every draw. Requests draw from their own stream, numbered in order of arrival.
    pub seed: u64,
    /// Requests worked on at once; the others wait in order of arrival.
    pub slots: usize,
    /// Gaps are multiplied by 1 + this × (requests worked on − 1).
    pub batch_slowdown: f64,
    /// Blocks of 16 prompt tokens that the prefix cache holds; 0 switches it off.
    pub prefix_cache_blocks: usize,
    /// Tokens that count as a full KV cache (for its gauge only).
    pub kv_cache_tokens: u64,
    /// Prompt tokens for each word: 1 is a vocabulary that has every word. Words in the prefix cache
    /// have as many.
    pub prompt_tokens_per_word: f64,
    /// Prompt tokens besides the words, as of a chat template.
    pub template_tokens: u32,
    /// Output tokens when the request does not say.
    pub default_output_tokens: u32,
    /// A request for more output tokens is refused.
    pub max_output_tokens: u32,
    /// Mean length of a natural answer; absent: answers end at their limit only.
    pub mean_output_tokens: Option<f64>,
    /// What it says, word by word; absent: drawn words. A natural answer ends with the text, a
    /// longer one says it again. No quotes, backslashes or control characters.
    pub reply: Option<String>,
    /// Output tokens of a chat answer, at its start, that are reasoning.
    pub reasoning_tokens: u32,
    /// Where reasoning text goes.
    pub reasoning_field: ReasoningField,
    /// Tokens per event; the first event always carries one.
    pub tokens_per_event: u32,
    /// Events that go out in one write, as an engine writes them whose HTTP side lags behind; the
    /// first event goes alone.
    pub events_per_write: u32,
    /// When the role chunk is sent.
    pub role_chunk: RoleChunk,
    /// When usage is reported.
    pub usage: UsagePolicy,
    /// Request fields that are refused with 422.
    pub refused_fields: Vec<String>,
    /// Bearer token that `/v1` requires.
    pub api_key: Option<String>,
    /// The engine it passes itself off as.
    pub flavour: Flavour,
    /// Bad spells.
    pub degrade: Option<Degrade>,
    /// Faults by share.
    pub faults: Vec<FaultRule>,
    /// Milliseconds that a new connection is left alone before it is read.
    pub accept_delay_ms: u64,
    /// Milliseconds that a request is on its way before the engine knows of it.
    pub wire_delay_ms: u64,
    /// Share of the requests that are put back once, in the middle of their answer, from 0 to 1.
    pub preempt_ratio: f64,
    /// Milliseconds for which one that was put back stands still.
    pub preempt_ms: u64,
    /// Milliseconds from the first request to the first token that an engine just started can give.
    pub cold_ms: u64,
    /// Simulated GPUs, told of at `/dcgm/metrics`.
    pub gpus: u32,
    /// Share of their busy time in which the GPUs are throttled by their power limit, from 0 to 1.
    pub gpu_throttle_ratio: f64,
    /// XID error that the first GPU raises.
    pub gpu_xid: Option<u32>,
    /// Seconds from the engine's start to that error.
    pub gpu_xid_after_s: f64,
    /// Whether send stamps are kept for `/sim/stamps`.
    pub stamps: bool,
    /// Serve TLS.
    pub tls: Option<TlsPem>,
}

impl Default for SimSpec {
    fn default() -> Self {
        Self {
            models: vec!["sim-8b".to_owned()],
            answered_model: None,
            ttft: Dist::constant_ms(50.0),
            itl: Dist::constant_ms(10.0),
            prefill_ms_per_token: 0.0,
            seed: 0,
            slots: 256,
            batch_slowdown: 0.0,
            prefix_cache_blocks: 4_096,
            kv_cache_tokens: 131_072,
            prompt_tokens_per_word: 1.0,
            template_tokens: 0,
            default_output_tokens: 16,
            max_output_tokens: 32_768,
            mean_output_tokens: None,
            reply: None,
            reasoning_tokens: 0,
            reasoning_field: ReasoningField::default(),
            tokens_per_event: 1,
            events_per_write: 1,
            role_chunk: RoleChunk::default(),
            usage: UsagePolicy::default(),
            refused_fields: Vec::new(),
            api_key: None,
            flavour: Flavour::default(),
            degrade: None,
            faults: Vec::new(),
            accept_delay_ms: 0,
            wire_delay_ms: 0,
            preempt_ratio: 0.0,
            preempt_ms: 200,
            cold_ms: 0,
            gpus: 2,
            gpu_throttle_ratio: 0.0,
            gpu_xid: None,
            gpu_xid_after_s: 60.0,
            stamps: false,
            tls: None,
        }
    }
}

/// What is wrong with a [`SimSpec`].
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// No model, or one without a name.
    #[error("`models` needs at least one name, and no empty one")]
    Models,
    /// A time is negative, not finite or its range is reversed.
    #[error("`{0}` is not a sound distribution of times")]
    Dist(&'static str),
    /// A number is outside its range.
    #[error("`{0}` is out of range")]
    Range(&'static str),
    /// The shares of the faults add up to more than one.
    #[error("the ratios of `faults` must each lie in 0..=1 and add up to at most 1")]
    Ratios,
    /// Certificate or key cannot be used.
    #[error("tls: {0}")]
    Tls(String),
}

impl SimSpec {
    /// Checks the whole description; the first problem is returned.
    pub fn check(&self) -> Result<(), SpecError> {
        // No product of a time and these leaves the range of durations.
        let factor = |value: f64| (0.0..=1e4).contains(&value);
        let shares: f64 = self.faults.iter().map(|rule| rule.ratio).sum();
        if self.models.is_empty() || self.models.iter().any(String::is_empty) {
            return Err(SpecError::Models);
        }
        for (name, dist) in [("ttft", self.ttft), ("itl", self.itl)] {
            if !dist.is_sound() {
                return Err(SpecError::Dist(name));
            }
        }
        let ranges = [
            ("prefill_ms_per_token", factor(self.prefill_ms_per_token)),
            ("slots", (1..=100_000).contains(&self.slots)),
            ("batch_slowdown", factor(self.batch_slowdown)),
            ("prefix_cache_blocks", self.prefix_cache_blocks <= 1 << 20),
            ("kv_cache_tokens", self.kv_cache_tokens > 0),
            ("prompt_tokens_per_word", (0.01..=100.0).contains(&self.prompt_tokens_per_word)),
            ("template_tokens", self.template_tokens <= 100_000),
            ("default_output_tokens", self.default_output_tokens > 0),
            ("max_output_tokens", self.max_output_tokens >= self.default_output_tokens),
            (
                "mean_output_tokens",
                self.mean_output_tokens.is_none_or(|m| m.is_finite() && m >= 1.0),
            ),
            ("tokens_per_event", self.tokens_per_event > 0),
            ("events_per_write", (1..=1_024).contains(&self.events_per_write)),
            ("reply", self.reply.as_deref().is_none_or(text::is_plain)),
            ("degrade", self.degrade.is_none_or(|degrade| degrade.is_sound())),
            ("accept_delay_ms", self.accept_delay_ms <= 60_000),
            ("wire_delay_ms", self.wire_delay_ms <= 60_000),
            ("preempt_ratio", (0.0..=1.0).contains(&self.preempt_ratio)),
            ("preempt_ms", self.preempt_ms <= 60_000),
            ("cold_ms", self.cold_ms <= 600_000),
            ("gpus", self.gpus <= 64),
            ("gpu_throttle_ratio", (0.0..=1.0).contains(&self.gpu_throttle_ratio)),
            ("gpu_xid_after_s", self.gpu_xid_after_s >= 0.0),
        ];
        if let Some((name, _)) = ranges.into_iter().find(|(_, sound)| !sound) {
            return Err(SpecError::Range(name));
        }
        if shares > 1.0 || self.faults.iter().any(|rule| !(0.0..=1.0).contains(&rule.ratio)) {
            return Err(SpecError::Ratios);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound_and_survives_json() {
        let spec = SimSpec::default();
        spec.check().unwrap();
        let text = serde_json::to_string(&spec).unwrap();
        let back: SimSpec = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }

    #[test]
    fn unknown_keys_and_unsound_values_are_refused() {
        assert!(serde_json::from_str::<SimSpec>(r#"{"slot": 3}"#).is_err());
        for text in [
            r#"{"models": []}"#,
            r#"{"slots": 0}"#,
            r#"{"prompt_tokens_per_word": 0.0}"#,
            r#"{"reply": "say \"no\""}"#,
            r#"{"ttft": {"constant": {"ms": -1.0}}}"#,
            r#"{"faults": [{"fault": "rst", "ratio": 0.7}, {"fault": "http_503", "ratio": 0.7}]}"#,
        ] {
            assert!(serde_json::from_str::<SimSpec>(text).unwrap().check().is_err(), "{text}");
        }
    }
}
