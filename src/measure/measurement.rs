//! The numbers derived from one exchange.
//!
//! Owns the formulas of `docs/definitions.md`. A failed exchange has the numbers whose anchors it
//! reached, for the record: whoever counts latencies takes those of `ok` exchanges only.

use std::time::Duration;

use super::{Lateness, Phase, Spoiled};
use crate::{
    clock::Stamp,
    timeline::{Exchange, Outcome, Timeline, TokenKind},
};

/// Where the number of output tokens comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountSource {
    /// The server's `usage`.
    Usage,
    /// The target's own tokenizer.
    Tokenizer,
    /// The number of token-bearing events; a lower bound.
    Events,
}

impl CountSource {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Tokenizer => "tokenizer",
            Self::Events => "events",
        }
    }
}

/// The numbers of one exchange. Undefined is absent, never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measurement {
    /// `first_token − due`
    pub ttft: Option<Duration>,
    /// `first_output_token − due`
    pub ttfo: Option<Duration>,
    /// `second_token − first_token`
    pub ttst: Option<Duration>,
    /// `end − due`
    pub e2e: Option<Duration>,
    /// `(last_token − first_token) ÷ (streamed_tokens − tokens_in_first_event)`
    pub tpot: Option<Duration>,
    /// `(e2e − ttft) ÷ (output_tokens − 1)`, LoadGen's.
    pub tpot_mlperf: Option<Duration>,
    /// `first_token − attempt_start`
    pub service_ttft: Option<Duration>,
    /// Gaps between consecutive token-bearing events.
    pub itl: Vec<Duration>,
    /// The parts of the exchange that happened.
    pub phases: Vec<(Phase, Duration)>,
    /// The client's own lateness.
    pub lateness: Lateness,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// Where `output_tokens` comes from.
    pub count_source: Option<CountSource>,
    /// The tokenizer's count of the answer, whoever `output_tokens` comes from.
    pub tokenizer_tokens: Option<u64>,
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Tokens of the prompt that came from the cache.
    pub cached_input_tokens: Option<u64>,
    /// Reasoning tokens within the answer.
    pub reasoning_tokens: Option<u64>,
}

impl Measurement {
    /// Derives the numbers of `exchange`.
    pub fn of(exchange: &Exchange) -> Self {
        let timeline = &exchange.timeline;
        let usage = timeline.usage.unwrap_or_default();
        let told = timeline.told.unwrap_or_default();
        let input_tokens = usage.prompt_tokens.or(told.prompt_tokens);
        // Two who counted may differ, but what was cached is a part of the whole.
        let cached = told.cached_tokens.map(|cached| cached.min(input_tokens.unwrap_or(cached)));
        let since_due = |at: Option<Stamp>| at.map(|at| at.since(timeline.due));
        let first = timeline.first_token().map(|event| event.at);
        let itl: Vec<_> =
            timeline.tokens.windows(2).map(|pair| pair[1].at.since(pair[0].at)).collect();
        let ttft = since_due(first);
        let e2e = since_due(timeline.end);
        let counted = count(timeline);
        let output_tokens = counted.map(|(tokens, _)| tokens);
        Self {
            ttft,
            ttfo: since_due(timeline.first_output_token().map(|event| event.at)),
            ttst: itl.first().copied(),
            e2e,
            tpot: tpot(timeline, output_tokens),
            tpot_mlperf: tpot_mlperf(ttft, e2e, output_tokens),
            service_ttft: first.zip(timeline.attempt_start).map(|(at, start)| at.since(start)),
            itl,
            phases: Phase::of(timeline),
            lateness: Lateness::of(timeline),
            output_tokens,
            count_source: counted.map(|(_, source)| source),
            tokenizer_tokens: timeline.tokenizer_tokens,
            input_tokens,
            cached_input_tokens: usage.cached_tokens.or(cached),
            reasoning_tokens: usage.reasoning_tokens,
        }
    }

    /// Whether, and why, the client's own lateness makes the exchange say nothing about the
    /// target. A failure is never spoiled: it has no latency that lateness could distort.
    pub fn spoiled(&self, outcome: Outcome) -> Option<Spoiled> {
        self.lateness.spoils(outcome, self.ttft)
    }
}

/// Tokens of the answer and who counted them; absent where the server counted none and nothing
/// came.
fn count(timeline: &Timeline) -> Option<(u64, CountSource)> {
    let reported = timeline.usage.and_then(|usage| usage.completion_tokens);
    let events = timeline.tokens.len() as u64;
    match reported {
        // Some gateways write 0 where they have not counted; tokens that came prove it wrong.
        Some(tokens) if tokens > 0 || events == 0 => Some((tokens, CountSource::Usage)),
        _ => {
            let tokenized = timeline.tokenizer_tokens.filter(|tokens| *tokens > 0);
            let tokenized = tokenized.map(|tokens| (tokens, CountSource::Tokenizer));
            tokenized.or((events > 0).then_some((events, CountSource::Events)))
        }
    }
}

/// Time per output token, over the tokens that were seen to stream.
fn tpot(timeline: &Timeline, output_tokens: Option<u64>) -> Option<Duration> {
    let [first, .., last] = timeline.tokens.as_slice() else { return None };
    let streamed = output_tokens?.checked_sub(hidden_reasoning(timeline))?;
    let after_first = streamed.checked_sub(timeline.first_event_tokens.unwrap_or(1))?;
    divide(last.at.since(first.at), after_first)
}

/// Reasoning tokens that were counted but never streamed: they took their time before the first
/// event, so they are no part of the pace after it.
fn hidden_reasoning(timeline: &Timeline) -> u64 {
    if timeline.tokens.iter().any(|event| event.kind == TokenKind::Reasoning) {
        return 0;
    }
    timeline.usage.and_then(|usage| usage.reasoning_tokens).unwrap_or(0)
}

/// LoadGen's time per output token, which takes in whatever follows the last token.
fn tpot_mlperf(
    ttft: Option<Duration>,
    e2e: Option<Duration>,
    output_tokens: Option<u64>,
) -> Option<Duration> {
    divide(e2e?.checked_sub(ttft?)?, output_tokens?.checked_sub(1)?)
}

/// `total ÷ parts` in whole nanoseconds, rounded down; undefined for no parts.
pub(super) fn divide(total: Duration, parts: u64) -> Option<Duration> {
    let nanos = total.as_nanos().checked_div(u128::from(parts))?;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}
