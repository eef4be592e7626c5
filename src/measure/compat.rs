//! The definitions of other tools, recomputed from our anchors.
//!
//! Owns one function a tool, each after the source of the version named there. Knows nothing of how
//! many exchanges there are or what becomes of their values.
//!
//! | what differs | AIPerf 0.13 | vLLM 0.32 | GuideLLM 0.8.1 | inference-perf | GenAI-Perf |
//! |---|---|---|---|---|---|
//! | the clock starts | at the attempt | at the attempt | at the request's bytes | at the attempt | at the attempt |
//! | the first chunk is | text, reasoning or tool | any with a choice, also a mere role | text, reasoning or tool | text | text |
//! | the last chunk is | likewise | likewise, usage alone left out | likewise, but latency ends with the stream | text, but latency ends with the stream | text |
//!
//! None of them counts from the due time, so none sees a late start. What cannot be had: AIPerf,
//! inference-perf and GenAI-Perf tokenise the text again unless told otherwise; here their number of
//! tokens is the server's, as with `--use-server-token-count` of the first, less the reasoning that
//! the server counts for the two that look at text only. Where the server reports none, values that
//! need it are left out; GuideLLM then counts chunks, and so does its function. Several empty events
//! before the first token, or after the last, are one to us, so vLLM's list of gaps may miss their
//! distances.

use std::{fmt, str::FromStr, time::Duration};

use super::measurement::divide;
use crate::{
    clock::Stamp,
    timeline::{Exchange, Timeline, TokenEvent, TokenKind},
};

/// Most samples of one value of one exchange: a server that claims more tokens is not believed.
const MOST_SAMPLES: u64 = 1 << 16;

const TTFT: &str = "time_to_first_token";
const TTST: &str = "time_to_second_token";
const TTFO: &str = "time_to_first_output_token";
const LATENCY: &str = "request_latency";
const ITL: &str = "inter_token_latency";
const ICL: &str = "inter_chunk_latency";
const TPOT: &str = "time_per_output_token";
const NTPOT: &str = "normalized_time_per_output_token";

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

/// A name that no tool has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are aiperf, vllm, guidellm, inference-perf and genai-perf")]
pub struct UnknownTool;

impl Compat {
    /// Every tool.
    pub const ALL: [Self; 5] =
        [Self::Aiperf, Self::Vllm, Self::Guidellm, Self::InferencePerf, Self::GenaiPerf];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aiperf => "aiperf",
            Self::Vllm => "vllm",
            Self::Guidellm => "guidellm",
            Self::InferencePerf => "inference-perf",
            Self::GenaiPerf => "genai-perf",
        }
    }

    /// Its columns, by its own names for them, in its order.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Aiperf => &[TTFT, TTST, TTFO, LATENCY, ITL, ICL],
            Self::Vllm => &["ttft", "tpot", "itl", "e2el"],
            Self::Guidellm => &[LATENCY, TTFT, TTFO, ITL, TPOT],
            Self::InferencePerf => &[LATENCY, TTFT, TPOT, NTPOT, ITL],
            Self::GenaiPerf => &[TTFT, TTST, LATENCY, ITL],
        }
    }

    /// Hands out the values of one exchange that ended well, each with its column; a column may
    /// have none or several. Undefined is left out.
    pub fn values(self, exchange: &Exchange, out: &mut dyn FnMut(&'static str, Duration)) {
        let seen = Seen::of(&exchange.timeline);
        let out = &mut Out(out);
        match self {
            Self::Aiperf => seen.aiperf(out),
            Self::Vllm => seen.vllm(out),
            Self::Guidellm => seen.guidellm(out),
            Self::InferencePerf => seen.inference_perf(out),
            Self::GenaiPerf => seen.genai_perf(out),
        }
    }
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Compat {
    type Err = UnknownTool;

    fn from_str(name: &str) -> Result<Self, UnknownTool> {
        Self::ALL.into_iter().find(|tool| tool.as_str() == name).ok_or(UnknownTool)
    }
}

/// Where the values go.
struct Out<'a>(&'a mut dyn FnMut(&'static str, Duration));

impl Out<'_> {
    fn one(&mut self, column: &'static str, value: Option<Duration>) {
        if let Some(value) = value {
            (self.0)(column, value);
        }
    }

    fn each(&mut self, column: &'static str, value: Option<Duration>, times: u64) {
        for _ in 0..times.min(MOST_SAMPLES) {
            self.one(column, value);
        }
    }

    fn gaps(&mut self, column: &'static str, stamps: impl Iterator<Item = Stamp>) {
        let mut last = None;
        for at in stamps {
            self.one(column, last.map(|last| at.since(last)));
            last = Some(at);
        }
    }
}

/// What the formulas look at.
struct Seen<'a> {
    timeline: &'a Timeline,
    /// When the attempt that was answered began: before the dial, if there was one.
    start: Option<Stamp>,
    /// Output tokens by the server's count.
    counted: Option<u64>,
}

impl<'a> Seen<'a> {
    fn of(timeline: &'a Timeline) -> Self {
        let usage = timeline.usage.and_then(|usage| usage.completion_tokens);
        let counted = usage.filter(|tokens| *tokens > 0);
        Self { timeline, start: timeline.attempt_start, counted }
    }

    /// AIPerf 0.13 (`metrics/types`): `ITL = (latency − TTFT) ÷ (N − 1)`; the latency ends with the
    /// last chunk that has content, not with `[DONE]`.
    fn aiperf(&self, out: &mut Out<'_>) {
        let chunks = &self.timeline.tokens;
        let (first, last) = (stamp(chunks.first()), stamp(chunks.last()));
        out.one(TTFT, self.since_start(first));
        out.one(TTST, span(first, stamp(chunks.get(1))));
        out.one(TTFO, self.since_start(stamp(self.timeline.first_output_token())));
        out.one(LATENCY, self.since_start(last));
        out.one(ITL, per_token_after_first(span(first, last), self.counted));
        out.gaps(ICL, chunks.iter().map(|chunk| chunk.at));
    }

    /// `vllm bench serve` 0.32 (`benchmarks/lib/endpoint_request_func.py`, `serve.py`): the first
    /// message with a choice sets TTFT, even if it only names the role; every later one is a gap of
    /// the ITL; `TPOT = (latency − TTFT) ÷ (N − 1)`; the latency ends with the last such message.
    fn vllm(&self, out: &mut Out<'_>) {
        let timeline = self.timeline;
        let (first, last) = (timeline.first_choice(), timeline.last_choice());
        out.one("ttft", self.since_start(first));
        out.one("tpot", per_token_after_first(span(first, last), self.counted));
        let chunks = timeline.tokens.iter().map(|chunk| chunk.at);
        out.gaps("itl", timeline.opening.into_iter().chain(chunks).chain(timeline.closing));
        out.one("e2el", self.since_start(last));
    }

    /// GuideLLM 0.8.1 (`schemas/base/request_stats.py`): from the first byte of the request;
    /// `ITL = (last − first chunk) ÷ (N − 1)`, a sample of which weighs `N − 1`;
    /// `TPOT = (last chunk − start) ÷ N`, the wait for the first token included.
    fn guidellm(&self, out: &mut Out<'_>) {
        let timeline = self.timeline;
        let (first, last) = (stamp(timeline.first_token()), stamp(timeline.last_token()));
        let chunks = timeline.tokens.len() as u64;
        let tokens = self.counted.unwrap_or(chunks);
        let since_sent = |at| span(timeline.sent, at);
        out.one(LATENCY, since_sent(timeline.end));
        out.one(TTFT, since_sent(first));
        out.one(TTFO, since_sent(stamp(timeline.first_output_token())));
        let itl = per_token_after_first(span(first, last), Some(tokens));
        out.each(ITL, itl, tokens.saturating_sub(1));
        out.one(TPOT, since_sent(last).and_then(|total| divide(total, tokens)));
    }

    /// inference-perf (`apis/streaming_parser.py`, `reportgen/base.py`): only chunks of text count;
    /// every token of a chunk has the chunk's time, so most of the ITL's gaps are zero;
    /// `TPOT = (last − first) ÷ (N − 1)`, `NTPOT = latency ÷ N`. An answer of one token has neither
    /// TTFT nor any of them.
    fn inference_perf(&self, out: &mut Out<'_>) {
        let (first, last) = self.text_ends();
        let latency = self.since_start(self.timeline.end);
        out.one(LATENCY, latency);
        let chunks = self.text().count() as u64;
        let tokens = self.text_tokens();
        if tokens.unwrap_or(chunks) > 1 {
            out.one(TTFT, self.since_start(first));
        }
        let Some(tokens) = tokens else { return };
        out.one(TPOT, per_token_after_first(span(first, last), Some(tokens)));
        out.one(NTPOT, latency.and_then(|latency| divide(latency, tokens)));
        out.each(ITL, Some(Duration::ZERO), tokens.saturating_sub(chunks));
        out.gaps(ITL, self.text().map(|chunk| chunk.at));
    }

    /// GenAI-Perf (`profile_data_parser/llm_profile_data_parser.py`): responses without text are
    /// dropped; `ITL = (latency − TTFT) ÷ (N − 1)`; the latency ends with the last response left.
    fn genai_perf(&self, out: &mut Out<'_>) {
        let (first, last) = self.text_ends();
        out.one(TTFT, self.since_start(first));
        out.one(TTST, span(first, stamp(self.text().nth(1))));
        out.one(LATENCY, self.since_start(last));
        out.one(ITL, per_token_after_first(span(first, last), self.text_tokens()));
    }

    fn since_start(&self, at: Option<Stamp>) -> Option<Duration> {
        span(self.start, at)
    }

    fn text(&self) -> impl Iterator<Item = &'a TokenEvent> {
        self.timeline.tokens.iter().filter(|chunk| chunk.kind == TokenKind::Text)
    }

    /// First and last chunk of text.
    fn text_ends(&self) -> (Option<Stamp>, Option<Stamp>) {
        (stamp(self.text().next()), stamp(self.text().last()))
    }

    /// Tokens of the text: the server's count, less the reasoning that it counts.
    fn text_tokens(&self) -> Option<u64> {
        let reasoning = self.timeline.usage.and_then(|usage| usage.reasoning_tokens).unwrap_or(0);
        self.counted?.checked_sub(reasoning)
    }
}

fn stamp(event: Option<&TokenEvent>) -> Option<Stamp> {
    event.map(|event| event.at)
}

fn span(from: Option<Stamp>, to: Option<Stamp>) -> Option<Duration> {
    Some(to?.since(from?))
}

/// `total ÷ (tokens − 1)`; undefined for fewer than two tokens.
fn per_token_after_first(total: Option<Duration>, tokens: Option<u64>) -> Option<Duration> {
    divide(total?, tokens?.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{Outcome, Usage};

    fn at(millis: u64) -> Stamp {
        Stamp::from_nanos(millis * 1_000_000)
    }

    /// A role at 20 ms, three chunks of reasoning, three of text (4, 4 and 1 tokens), usage, and
    /// `[DONE]` at 700 ms: the stream on which the tools were tried.
    fn exchange(usage: Option<Usage>) -> Exchange {
        let mut timeline = Timeline::new(at(0), 8);
        timeline.attempt_start = Some(at(0));
        timeline.sent = Some(at(0));
        timeline.note_empty(at(20));
        for (millis, kind) in [
            (200, TokenKind::Reasoning),
            (220, TokenKind::Reasoning),
            (240, TokenKind::Reasoning),
            (600, TokenKind::Text),
            (640, TokenKind::Text),
            (680, TokenKind::Text),
        ] {
            timeline.note_token(TokenEvent { at: at(millis), read_delay: None, kind, read: 1 });
        }
        timeline.usage = usage;
        timeline.end = Some(at(700));
        Exchange { timeline, outcome: Outcome::Ok, detail: None, text: None }
    }

    fn twelve(reasoning_tokens: Option<u64>) -> Option<Usage> {
        Some(Usage { completion_tokens: Some(12), reasoning_tokens, ..Usage::default() })
    }

    /// The values by column, in milliseconds with one decimal.
    fn table(tool: Compat, usage: Option<Usage>) -> Vec<(&'static str, Vec<f64>)> {
        let exchange = exchange(usage);
        let columns = tool.columns().iter();
        columns
            .map(|wanted| {
                let mut values = Vec::new();
                tool.values(&exchange, &mut |column, value| {
                    assert!(tool.columns().contains(&column), "{column} is announced");
                    if column == *wanted {
                        values.push((value.as_secs_f64() * 1e4).round() / 10.0);
                    }
                });
                (*wanted, values)
            })
            .collect()
    }

    #[test]
    fn aiperf_ends_with_the_last_chunk_of_any_kind() {
        let expected = [
            (TTFT, vec![200.0]),
            (TTST, vec![20.0]),
            (TTFO, vec![600.0]),
            (LATENCY, vec![680.0]),
            (ITL, vec![43.6]),
            (ICL, vec![20.0, 20.0, 360.0, 40.0, 40.0]),
        ];
        assert_eq!(table(Compat::Aiperf, twelve(None)), expected);
    }

    #[test]
    fn vllm_takes_the_role_for_the_first_token() {
        let expected = [
            ("ttft", vec![20.0]),
            ("tpot", vec![60.0]),
            ("itl", vec![180.0, 20.0, 20.0, 360.0, 40.0, 40.0]),
            ("e2el", vec![680.0]),
        ];
        assert_eq!(table(Compat::Vllm, twelve(None)), expected);
    }

    #[test]
    fn vllm_ends_with_an_event_that_has_only_the_finish_reason() {
        let mut exchange = exchange(twelve(None));
        exchange.timeline.note_empty(at(690));
        let mut values = Vec::new();
        Compat::Vllm.values(&exchange, &mut |column, value| values.push((column, value)));
        assert!(values.contains(&("itl", Duration::from_millis(10))));
        assert!(values.contains(&("e2el", Duration::from_millis(690))));
        assert!(values.contains(&("tpot", Duration::from_nanos(670_000_000 / 11))));
    }

    #[test]
    fn guidellm_spreads_the_whole_time_over_the_tokens() {
        let expected = [
            (LATENCY, vec![700.0]),
            (TTFT, vec![200.0]),
            (TTFO, vec![600.0]),
            (ITL, vec![43.6; 11]),
            (TPOT, vec![56.7]),
        ];
        assert_eq!(table(Compat::Guidellm, twelve(None)), expected);
        let chunks = table(Compat::Guidellm, None);
        assert_eq!(chunks[3], (ITL, vec![96.0; 5]), "without usage it counts chunks");
    }

    #[test]
    fn inference_perf_overlooks_reasoning_and_gives_a_chunk_one_time() {
        let with_text_only = table(Compat::InferencePerf, twelve(Some(3)));
        let mut gaps = vec![0.0; 6];
        gaps.extend([40.0, 40.0]);
        let expected = [
            (LATENCY, vec![700.0]),
            (TTFT, vec![600.0]),
            (TPOT, vec![10.0]),
            (NTPOT, vec![77.8]),
            (ITL, gaps),
        ];
        assert_eq!(with_text_only, expected);
        // Where the server does not tell reasoning apart, all its tokens are taken for text.
        assert_eq!(table(Compat::InferencePerf, twelve(None))[2], (TPOT, vec![7.3]));
    }

    #[test]
    fn genai_perf_sees_text_only() {
        let expected =
            [(TTFT, vec![600.0]), (TTST, vec![40.0]), (LATENCY, vec![680.0]), (ITL, vec![10.0])];
        assert_eq!(table(Compat::GenaiPerf, twelve(Some(3))), expected);
    }

    #[test]
    fn without_a_count_what_needs_one_is_left_out() {
        for (tool, column) in [
            (Compat::Aiperf, ITL),
            (Compat::Vllm, "tpot"),
            (Compat::InferencePerf, TPOT),
            (Compat::GenaiPerf, ITL),
        ] {
            let values = table(tool, None);
            let found = values.iter().find(|(name, _)| *name == column).expect("a column");
            assert!(found.1.is_empty(), "{tool}: {column}");
        }
    }

    #[test]
    fn a_count_that_no_answer_can_have_costs_little() {
        let usage = Usage { completion_tokens: Some(u64::MAX), ..Usage::default() };
        let exchange = exchange(Some(usage));
        let mut samples = 0_u64;
        for tool in Compat::ALL {
            tool.values(&exchange, &mut |_, _| samples += 1);
        }
        assert!(samples < 3 * MOST_SAMPLES, "{samples}");
    }

    #[test]
    fn names_lead_back_to_their_tools() {
        for tool in Compat::ALL {
            assert_eq!(tool.as_str().parse(), Ok(tool));
        }
        assert_eq!("locust".parse::<Compat>(), Err(UnknownTool));
    }
}
