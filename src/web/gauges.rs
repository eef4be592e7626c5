//! One beat as gauges, in Prometheus's text format 0.0.4.
//!
//! The names are those of `/metrics` where the value is of one beat by nature. Nothing here is
//! registered: each answer stands for itself, as blackbox_exporter's do.

use std::{fmt::Write, time::Duration};

use crate::{
    event::Beat,
    timeline::{Outcome, Retries},
};

/// The exposition of `beat`. An undefined value is absent.
pub(super) fn of(beat: &Beat) -> String {
    let mut text = Text(String::with_capacity(2_048));
    let (exchange, numbers) = (&beat.exchange, &beat.measurement);
    let took = |value: Option<Duration>| value.map(|value| value.as_secs_f64());
    let count = |value: Option<u64>| value.map(|value| value as f64);

    let success = f64::from(u8::from(exchange.outcome == Outcome::Ok));
    text.gauge("probe_success", "Whether the probe ended with outcome ok.", Some(success));
    text.family("probe_outcome", "How the probe ended.");
    text.sample("probe_outcome", &[("outcome", exchange.outcome.as_str())], 1.0);
    text.gauge("probe_duration_seconds", "From due to the end (e2e).", took(numbers.e2e));
    text.gauge("probe_ttft_seconds", "Time to first token.", took(numbers.ttft));
    text.gauge("probe_ttfo_seconds", "Time to first output token.", took(numbers.ttfo));
    text.gauge("probe_ttst_seconds", "From the first to the second token.", took(numbers.ttst));
    text.gauge("probe_tpot_seconds", "Time per output token.", took(numbers.tpot));
    let largest = numbers.itl.iter().max().copied();
    text.gauge("probe_itl_max_seconds", "The largest gap between tokens.", took(largest));
    let lag = numbers.lateness.send_lag;
    text.gauge("probe_send_lag_seconds", "Lateness of the client itself.", took(lag));
    if !numbers.phases.is_empty() {
        text.family("probe_phase_seconds", "The parts of the probe that happened.");
        for (phase, took) in &numbers.phases {
            let labels = [("phase", phase.as_str())];
            text.sample("probe_phase_seconds", &labels, took.as_secs_f64());
        }
    }
    let status = exchange.timeline.status.map(f64::from);
    text.gauge("probe_http_status_code", "Status of the answer.", status);
    text.gauge("probe_input_tokens", "Tokens of the prompt.", count(numbers.input_tokens));
    let cached = count(numbers.cached_input_tokens);
    text.gauge("probe_cached_input_tokens", "Tokens of the prompt from the cache.", cached);
    text.gauge("probe_output_tokens", "Tokens of the answer.", count(numbers.output_tokens));
    let reasoning = count(numbers.reasoning_tokens);
    text.gauge("probe_reasoning_tokens", "Reasoning tokens of the answer.", reasoning);
    text.family("probe_retries", "Retries, by reason.");
    let retries = exchange.timeline.retries.by_reason();
    for (reason, times) in Retries::REASONS.into_iter().zip(retries) {
        text.sample("probe_retries", &[("reason", reason)], f64::from(times));
    }
    if beat.own_sweep {
        text.family("probe_own_sweep", "A sweep of this tokenbeat ran on the endpoint meanwhile.");
        text.sample("probe_own_sweep", &[], 1.0);
    }
    if let Some(spoiled) = beat.spoiled {
        text.family("probe_spoiled", "The client was late: the latencies are upper bounds.");
        text.sample("probe_spoiled", &[("reason", spoiled.as_str())], 1.0);
    }
    if !beat.judgements.is_empty() {
        text.family("probe_slo_good", "Whether every threshold of the SLO was met.");
        for (slo, judgement) in beat.slos.iter().zip(&beat.judgements) {
            let good = f64::from(u8::from(judgement.bad.is_none()));
            text.sample("probe_slo_good", &[("slo", &slo.name)], good);
        }
    }
    text.0
}

/// The text under construction. Writing to a `String` cannot fail.
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.family(name, help);
            self.sample(name, &[], value);
        }
    }

    fn family(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP tokenbeat_{name} {help}\n# TYPE tokenbeat_{name} gauge");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.0, "tokenbeat_{name}");
        for (index, (label, content)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let content = content.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let _ = write!(self.0, "{open}{label}=\"{content}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }
}
