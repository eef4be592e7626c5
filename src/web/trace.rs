//! One beat as a readable trace: every anchor as an offset from `due`.
//!
//! Shows no header value; the answer's text only where that is allowed.

use std::{fmt::Write, time::Duration};

use super::{
    Content,
    format::{clock_time, duration, setting},
};
use crate::{
    clock::Stamp,
    event::{self, Beat, Span},
    sinks::recent::ProbeView,
    timeline::{Retries, Timeline, TokenEvent, TokenKind},
};

/// Token events shown in full; the rest are counted.
const EVENTS: usize = 200;

/// The trace of `beat`, which was given `deadline` to end.
pub(super) fn of(beat: &Beat, view: &ProbeView, deadline: Duration, content: Content) -> String {
    let mut trace = Trace(String::with_capacity(4_096));
    let (key, exchange) = (&beat.key, &beat.exchange);
    trace.line("target", format_args!("{:?}", key.target));
    trace.line("model", format_args!("{:?}", key.model));
    trace.line("probe", format_args!("{:?}", key.probe));
    trace.line("trace_id", beat.trace.trace);
    trace.line("due", clock_time(beat.due_unix_nanos));
    trace.line("outcome", exchange.outcome);
    if let Some(detail) = &exchange.detail {
        trace.line("detail", format_args!("{detail:?}"));
    }
    trace.maybe("status", exchange.timeline.status);
    trace.maybe("spoiled", beat.spoiled.map(|why| why.as_str()));
    trace.maybe("own_sweep", beat.own_sweep.then_some("a sweep of ours ran meanwhile"));
    trace.settings(view, deadline);
    trace.anchors(&exchange.timeline);
    trace.numbers(beat);
    trace.told(&exchange.timeline);
    trace.judgements(beat);
    trace.spans(beat);
    trace.events(&exchange.timeline);
    match (content, &exchange.text) {
        (Content::Shown, Some(answer)) => {
            trace.head("answer");
            let _ = writeln!(trace.0, "{answer:?}");
        }
        (Content::Hidden, _) => {
            trace.head("answer");
            let _ = writeln!(trace.0, "hidden; --web.show-content shows it");
        }
        (Content::Shown, None) => {}
    }
    trace.0.truncate(trace.0.trim_end().len());
    trace.0
}

/// The text under construction. Writing to a `String` cannot fail.
struct Trace(String);

impl Trace {
    fn head(&mut self, title: &str) {
        let _ = writeln!(self.0, "\n# {title}");
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name:<20} {value}");
    }

    fn maybe(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.line(name, value);
        }
    }

    fn settings(&mut self, view: &ProbeView, deadline: Duration) {
        self.head("settings");
        self.line("endpoint", &view.origin);
        self.line("api", view.api.as_str());
        self.line("connection", format!("{:?}", view.connection).to_lowercase());
        self.line("interval", setting(view.interval));
        self.line("timeout", setting(view.timeout));
        self.line("deadline", duration(deadline));
        for slo in &view.slos {
            let thresholds: Vec<_> = slo
                .thresholds
                .iter()
                .map(|threshold| {
                    let max = setting(threshold.max);
                    format!("{} ≤ {max}", threshold.metric.as_str())
                })
                .collect();
            self.line("slo", format_args!("{:?}: {}", slo.name, thresholds.join(", ")));
        }
    }

    fn anchors(&mut self, timeline: &Timeline) {
        self.head("anchors, from due");
        let token = |event: Option<&TokenEvent>| event.map(|event| event.at);
        let anchors = [
            ("sent_start", timeline.sent_start),
            ("attempt_start", timeline.attempt_start),
            ("resolved", timeline.resolved),
            ("connected", timeline.connected),
            ("tls", timeline.tls),
            ("sent", timeline.sent),
            ("sent_after", timeline.sent_after),
            ("headers", timeline.headers),
            ("first_event", timeline.first_event),
            ("first_token", token(timeline.first_token())),
            ("first_output_token", token(timeline.first_output_token())),
            ("second_token", token(timeline.tokens.get(1))),
            ("last_token", token(timeline.last_token())),
            ("end", timeline.end),
        ];
        for (name, stamp) in anchors {
            self.maybe(name, stamp.map(|stamp| offset(timeline.due, stamp)));
        }
        self.maybe("stamps from", timeline.source.map(|source| source.as_str()));
        self.line("connection", if timeline.reused_connection { "reused" } else { "new" });
        let retries = Retries::REASONS.into_iter().zip(timeline.retries.by_reason());
        let retries: Vec<_> = retries.map(|(reason, times)| format!("{times} {reason}")).collect();
        self.line("retries", retries.join(", "));
    }

    fn numbers(&mut self, beat: &Beat) {
        self.head("numbers");
        let numbers = &beat.measurement;
        let latencies = [
            ("ttft", numbers.ttft),
            ("ttfo", numbers.ttfo),
            ("ttst", numbers.ttst),
            ("tpot", numbers.tpot),
            ("tpot_mlperf", numbers.tpot_mlperf),
            ("service_ttft", numbers.service_ttft),
            ("e2e", numbers.e2e),
            ("send_lag", numbers.lateness.send_lag),
            ("first token late by", numbers.lateness.first_token),
        ];
        for (name, took) in latencies {
            self.maybe(name, took.map(duration));
        }
        for (phase, took) in &numbers.phases {
            self.line(&format!("phase {}", phase.as_str()), duration(*took));
        }
        self.maybe("input_tokens", numbers.input_tokens);
        self.maybe("cached_input_tokens", numbers.cached_input_tokens);
        self.maybe("output_tokens", numbers.output_tokens);
        self.maybe("counted from", numbers.count_source.map(|source| source.as_str()));
        self.maybe("reasoning_tokens", numbers.reasoning_tokens);
    }

    /// What the engine said of itself in the answer.
    fn told(&mut self, timeline: &Timeline) {
        let Some(told) = &timeline.told else { return };
        self.head("told by the engine in its answer");
        for (of, took) in told.times() {
            self.line(of.as_str(), duration(took));
        }
        self.maybe("prompt tokens", told.prompt_tokens);
        self.maybe("cached tokens", told.cached_tokens);
        self.maybe("output tokens", told.output_tokens);
    }

    fn judgements(&mut self, beat: &Beat) {
        if beat.judgements.is_empty() {
            return;
        }
        self.head("judgement");
        for (slo, judgement) in beat.slos.iter().zip(&beat.judgements) {
            let verdict = judgement.bad.map_or("good", |why| why.as_str());
            let bad = if judgement.bad.is_some() { "bad: " } else { "" };
            self.line(&format!("{:?}", slo.name), format_args!("{bad}{verdict}"));
        }
    }

    /// The tree of spans, as it would be kept.
    fn spans(&mut self, beat: &Beat) {
        self.head("spans, from due: begin, duration");
        let spans = event::spans_of(beat);
        let depth = |span: &Span| {
            let parent = |of: &Span| spans.iter().find(|one| Some(one.id) == of.parent);
            std::iter::successors(Some(span), |span| parent(span)).count().saturating_sub(1)
        };
        for span in &spans {
            let from = span.start_unix_nanos.saturating_sub(beat.due_unix_nanos) as f64 / 1e6;
            let took = span.end_unix_nanos.saturating_sub(span.start_unix_nanos) as f64 / 1e6;
            let name = format!("{:indent$}{}", "", span.name, indent = 2 * depth(span));
            let error = span.error.as_ref().map(|error| format!("  failed: {error:?}"));
            let _ = writeln!(
                self.0,
                "{name:<20} {from:>+12.3} ms {took:>12.3} ms  {}{}",
                span.id,
                error.unwrap_or_default()
            );
        }
    }

    fn events(&mut self, timeline: &Timeline) {
        self.head("token events, from due (how long the bytes waited to be read; which read)");
        for (index, event) in timeline.tokens.iter().take(EVENTS).enumerate() {
            let kind = match event.kind {
                TokenKind::Text => "text",
                TokenKind::Reasoning => "reasoning",
                TokenKind::Tool => "tool",
            };
            let delay = event.read_delay.map_or_else(|| "unknown".to_owned(), duration);
            let at = offset(timeline.due, event.at);
            let _ = writeln!(
                self.0,
                "{:>5} {at:>14}  {kind:<9}  waited {delay}, read {}",
                index + 1,
                event.read
            );
        }
        if timeline.tokens.len() > EVENTS {
            let _ = writeln!(self.0, "… and {} more", timeline.tokens.len() - EVENTS);
        }
        let _ = writeln!(self.0, "{} events carried no token", timeline.empty_events);
    }
}

/// Milliseconds from `due`, to the microsecond; below zero if the clock says so.
fn offset(due: Stamp, at: Stamp) -> String {
    let (sign, distance) = if at < due { ('-', due.since(at)) } else { ('+', at.since(due)) };
    format!("{sign}{:.3} ms", distance.as_secs_f64() * 1e3)
}
