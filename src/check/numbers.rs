//! The numbers of the measured completion.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::words;
use crate::{
    measure::{Measurement, Phase},
    protocol::{Field, FieldSet},
    timeline::{Exchange, Finish, Outcome, StampSource},
};

/// The numbers of one streamed completion; undefined is absent.
///
/// Their JSON form: `outcome`, `status`, `ttft_ms`, `ttfo_ms`, `tpot_ms`, `e2e_ms`,
/// `output_tokens`, `count_source`, `token_events`, `input_tokens`, `phases_ms` by phase,
/// `stamps` (`kernel` or `read`), `refused_fields` and `finish_reason`.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// How the exchange ended.
    pub outcome: Outcome,
    /// Its HTTP status.
    pub status: Option<u16>,
    /// What was derived from it.
    pub measurement: Measurement,
    /// Events that carried a token.
    pub token_events: usize,
    /// Whose stamps these are.
    pub stamps: Option<StampSource>,
    /// The optional fields that the server refused.
    pub refused: Vec<&'static str>,
    /// Why the model stopped.
    pub finish: Option<Finish>,
}

impl Numbers {
    /// The numbers of `exchange`, in which the server refused `refused`.
    pub(super) fn of(exchange: &Exchange, refused: FieldSet) -> Self {
        let timeline = &exchange.timeline;
        Self {
            outcome: exchange.outcome,
            status: timeline.status,
            measurement: Measurement::of(exchange),
            token_events: timeline.tokens.len(),
            stamps: timeline.source,
            refused: refused.iter().map(Field::as_str).collect(),
            finish: timeline.finish,
        }
    }

    /// Their JSON form.
    pub(super) fn json(&self) -> Value {
        let measured = &self.measurement;
        let phases: Map<_, _> = measured
            .phases
            .iter()
            .map(|(phase, took)| (phase.as_str().to_owned(), words::millis(*took).into()))
            .collect();
        let millis = |duration: Option<Duration>| duration.map(words::millis);
        json!({
            "outcome": self.outcome.as_str(),
            "status": self.status,
            "ttft_ms": millis(measured.ttft),
            "ttfo_ms": millis(measured.ttfo),
            "tpot_ms": millis(measured.tpot),
            "e2e_ms": millis(measured.e2e),
            "output_tokens": measured.output_tokens,
            "count_source": measured.count_source.map(|source| source.as_str()),
            "token_events": self.token_events,
            "input_tokens": measured.input_tokens,
            "phases_ms": phases,
            "stamps": self.stamps.map(stamps_name),
            "refused_fields": self.refused,
            "finish_reason": self.finish.map(Finish::as_str),
        })
    }

    /// The latencies in one line; empty if none was reached.
    pub(super) fn latencies(&self) -> String {
        let measured = &self.measurement;
        let named = [("TTFT", measured.ttft), ("TPOT", measured.tpot), ("E2E", measured.e2e)];
        let known = named
            .into_iter()
            .filter_map(|(name, took)| Some(format!("{name} {}", words::duration(took?))));
        known.collect::<Vec<_>>().join(" · ")
    }

    /// The phases in one line; empty if none was gone through.
    pub(super) fn phases(&self) -> String {
        let phases = self.measurement.phases.iter();
        let line =
            phases.map(|(phase, took)| format!("{} {}", name(*phase), words::duration(*took)));
        line.collect::<Vec<_>>().join(" · ")
    }
}

fn name(phase: Phase) -> String {
    phase.as_str().replace('_', " ")
}

const fn stamps_name(source: StampSource) -> &'static str {
    match source {
        StampSource::Kernel => "kernel",
        StampSource::Read => "read",
    }
}
