//! The numbers derived from one exchange.

use std::time::Duration;

use crate::timeline::Exchange;

/// Where the number of output tokens comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountSource {
    /// The server's `usage`.
    Usage,
    /// The number of token-bearing events; a lower bound.
    Events,
}

/// A part of an exchange, for `tokenbeat_probe_phase_seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Name resolution.
    Dns,
    /// TCP connect.
    Connect,
    /// TLS handshake.
    Tls,
    /// From the connection to the last write of the request.
    Send,
    /// From the request to the response head.
    Wait,
    /// From the response head to the first token.
    FirstToken,
    /// From the first token to the last.
    Decode,
}

/// Why a beat says nothing: the client itself was late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoiled {
    /// The request went out too late.
    SendLag,
    /// The first token's stamp may be too late.
    ReadDelay,
}

/// The client's own lateness in one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// `sent_start − due`
    pub send_lag: Option<Duration>,
    /// By how much the stamp of the first token may be late: zero for a kernel stamp on a read of
    /// one event, else the read delay.
    pub first_token: Option<Duration>,
}

/// The numbers of one exchange. Undefined is absent, never zero.
#[derive(Clone, Debug, Default)]
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
        let _ = exchange;
        Self::default()
    }
}
