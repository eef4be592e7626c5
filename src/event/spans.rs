//! From a beat to its spans.
//!
//! Owns what the spans of an exchange are and what is said of each. Times are those of the
//! timeline, so a span takes to the nanosecond what the metric of its phase says.

use std::{sync::Arc, time::Duration};

use super::{Attribute, Beat, Span, SpanId};
use crate::{
    clock::Stamp,
    measure::Phase,
    timeline::{EngineTold, FailedAttempt, Outcome, Spent, Timeline},
};

/// Longest error that a span carries, in characters: a server's can be a whole page.
const ERROR_CHARS: usize = 400;

/// From the last token to the end of the answer, or of the wait for it: the only part of an
/// exchange that is no phase.
const CLOSING: &str = "close";

/// An attempt before the last one.
const ATTEMPT: &str = "attempt";

/// The spans of `beat`: the root `beat`, below it a span for each attempt that was tried again
/// with its phases, and the phases of the last attempt right below the root.
pub fn of(beat: &Beat) -> Vec<Span> {
    let timeline = &beat.exchange.timeline;
    let mut spans = Spans::new(beat);
    for earlier in &timeline.earlier {
        spans.attempt(earlier);
    }
    spans.phases(timeline, beat.exchange.outcome, beat.trace.root);
    if let (Some(last), Some(over)) = (timeline.last_token(), timeline.end.or(timeline.closed)) {
        let outcome = beat.exchange.outcome;
        let cut = timeline.end.is_none() && outcome != Outcome::Ok;
        spans.push(beat.trace.root, CLOSING, last.at, over, cut.then_some(outcome));
    }
    spans.finish()
}

/// The spans of one beat under construction.
struct Spans<'a> {
    beat: &'a Beat,
    spans: Vec<Span>,
}

impl<'a> Spans<'a> {
    fn new(beat: &'a Beat) -> Self {
        let exchange = &beat.exchange;
        let timeline = &exchange.timeline;
        let failed = exchange.outcome != Outcome::Ok;
        let over = timeline.end.or(timeline.closed).unwrap_or(timeline.due);
        let mut spans = Self { beat, spans: Vec::with_capacity(12) };
        let root = Span {
            id: beat.trace.root,
            parent: None,
            name: "beat",
            start_unix_nanos: beat.due_unix_nanos,
            end_unix_nanos: spans.unix_nanos(over),
            attributes: attributes(beat),
            error: failed.then(|| match exchange.detail.as_deref() {
                Some(detail) => format!("{}: {}", exchange.outcome, shorten(detail)).into(),
                None => exchange.outcome.as_str().into(),
            }),
        };
        spans.spans.push(root);
        spans
    }

    fn attempt(&mut self, earlier: &FailedAttempt) {
        let FailedAttempt { timeline, outcome } = earlier;
        let (Some(start), Some(end)) = (timeline.attempt_start, timeline.closed) else { return };
        let id = self.push(self.beat.trace.root, ATTEMPT, start, end, Some(*outcome));
        if let Some(span) = self.spans.last_mut() {
            let connection = ("tokenbeat.connection", Attribute::Text(connection(timeline).into()));
            span.attributes.push(connection);
            let status = timeline.status.map(|status| Attribute::Count(status.into()));
            span.attributes.extend(status.map(|status| ("http.response.status_code", status)));
        }
        self.phases(timeline, *outcome, id);
    }

    /// The phases of one attempt, and the one in which it was cut off.
    fn phases(&mut self, timeline: &Timeline, outcome: Outcome, parent: SpanId) {
        for (phase, from, to) in Phase::bounds(timeline) {
            self.push(parent, phase.as_str(), from, to, None);
        }
        if outcome != Outcome::Ok
            && let Some((phase, from)) = Phase::cut(timeline, outcome)
            && let Some(over) = timeline.end.or(timeline.closed)
        {
            self.push(parent, phase.as_str(), from, over, Some(outcome));
        }
    }

    /// Adds a span that failed so, if it did, and returns its id.
    fn push(
        &mut self,
        parent: SpanId,
        name: &'static str,
        from: Stamp,
        to: Stamp,
        error: Option<Outcome>,
    ) -> SpanId {
        // Where the kernel stamps the end of a part and we its beginning, they can be crossed.
        let to = to.max(from);
        let id = self.beat.trace.root.child(self.spans.len() as u64);
        self.spans.push(Span {
            id,
            parent: Some(parent),
            name,
            start_unix_nanos: self.unix_nanos(from),
            end_unix_nanos: self.unix_nanos(to),
            attributes: error
                .map(|outcome| ("error.type", Attribute::Text(outcome.as_str().into())))
                .into_iter()
                .collect(),
            error: error.map(|outcome| outcome.as_str().into()),
        });
        id
    }

    /// The root takes as long as whatever is in it.
    fn finish(mut self) -> Vec<Span> {
        let end = self.spans.iter().map(|span| span.end_unix_nanos).max();
        if let (Some(root), Some(end)) = (self.spans.first_mut(), end) {
            root.end_unix_nanos = end;
        }
        self.spans
    }

    /// A stamp on the calendar, by its distance from the due time.
    fn unix_nanos(&self, at: Stamp) -> i64 {
        let nanos = at.since(self.beat.exchange.timeline.due).as_nanos();
        self.beat.due_unix_nanos.saturating_add(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// What the root says of the beat. Names of our own, but for what OpenTelemetry has declared
/// stable: its conventions for models still change.
fn attributes(beat: &Beat) -> Vec<(&'static str, Attribute)> {
    let (exchange, numbers) = (&beat.exchange, &beat.measurement);
    let timeline = &exchange.timeline;
    let text = |text: &str| Attribute::Text(text.into());
    let seconds = |took: Option<Duration>| took.map(|took| Attribute::Number(took.as_secs_f64()));
    let count = |count: Option<u64>| {
        count.map(|count| Attribute::Count(i64::try_from(count).unwrap_or(i64::MAX)))
    };
    let retries = timeline.retries.total();
    let failed = exchange.outcome != Outcome::Ok;
    let named = |name: &Arc<str>| Some(Attribute::Text(Arc::clone(name)));
    let all = [
        ("tokenbeat.target", named(&beat.key.target)),
        ("tokenbeat.model", named(&beat.key.model)),
        ("tokenbeat.probe", named(&beat.key.probe)),
        ("tokenbeat.outcome", Some(text(exchange.outcome.as_str()))),
        ("error.type", failed.then(|| text(exchange.outcome.as_str()))),
        (
            "http.response.status_code",
            timeline.status.map(|status| Attribute::Count(status.into())),
        ),
        ("tokenbeat.ttft_seconds", seconds(numbers.ttft)),
        ("tokenbeat.tpot_seconds", seconds(numbers.tpot)),
        ("tokenbeat.e2e_seconds", seconds(numbers.e2e)),
        ("tokenbeat.send_lag_seconds", seconds(numbers.lateness.send_lag)),
        ("tokenbeat.read_delay_seconds", seconds(numbers.lateness.first_token)),
        ("tokenbeat.input_tokens", count(numbers.input_tokens)),
        ("tokenbeat.cached_input_tokens", count(numbers.cached_input_tokens)),
        ("tokenbeat.output_tokens", count(numbers.output_tokens)),
        ("tokenbeat.reasoning_tokens", count(numbers.reasoning_tokens)),
        ("tokenbeat.count_source", numbers.count_source.map(|source| text(source.as_str()))),
        ("tokenbeat.connection", timeline.sent_start.map(|_| text(connection(timeline)))),
        ("tokenbeat.retries", Some(Attribute::Count(retries.into()))),
        ("tokenbeat.slo_missed", missed(beat)),
        ("tokenbeat.spoiled", beat.spoiled.map(|why| text(why.as_str()))),
        ("tokenbeat.own_sweep", beat.own_sweep.then_some(Attribute::Flag(true))),
    ];
    let all = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let told = timeline.told.iter().flat_map(EngineTold::times);
    all.chain(told.map(|(of, took)| (engine(of), Attribute::Number(took.as_secs_f64())))).collect()
}

/// The name under which the root says what the engine told of itself.
const fn engine(of: Spent) -> &'static str {
    match of {
        Spent::Queue => "tokenbeat.engine_queue_seconds",
        Spent::Prefill => "tokenbeat.engine_prefill_seconds",
        Spent::Decode => "tokenbeat.engine_decode_seconds",
        Spent::Inference => "tokenbeat.engine_inference_seconds",
        Spent::Validation => "tokenbeat.engine_validation_seconds",
        Spent::Total => "tokenbeat.engine_total_seconds",
        Spent::Processing => "tokenbeat.engine_processing_seconds",
        Spent::Overhead => "tokenbeat.engine_overhead_seconds",
    }
}

/// The names of the SLOs that the beat missed.
fn missed(beat: &Beat) -> Option<Attribute> {
    let judged = beat.slos.iter().zip(&beat.judgements);
    let missed = judged.filter(|(_, judgement)| judgement.bad.is_some());
    let names: Vec<&str> = missed.map(|(slo, _)| &*slo.name).collect();
    (!names.is_empty()).then(|| Attribute::Text(names.join(", ").into()))
}

/// Whether the last attempt dialled.
const fn connection(timeline: &Timeline) -> &'static str {
    if timeline.reused_connection { "reused" } else { "fresh" }
}

fn shorten(detail: &str) -> String {
    match detail.char_indices().nth(ERROR_CHARS) {
        Some((end, _)) => format!("{}…", &detail[..end]),
        None => detail.to_owned(),
    }
}

#[cfg(test)]
mod tests;
