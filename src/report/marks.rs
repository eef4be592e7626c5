//! What a reader must know of a step besides its numbers, in sentences.
//!
//! Owns the words for outcomes, verdicts, marks and warnings. Knows nothing of where they stand.

use std::collections::BTreeMap;

use super::{
    Frame, beside,
    number::{count, grouped, optional, percent, seconds},
};
use crate::{
    event::{Mark, Retried, Standing, StepRecord, Validity},
    verdict::{State, minimum_n},
};

/// The reason of a second attempt that a connection was kept open here and closed there.
const STALE: &str = "stale_connection";

/// How much a line asks for attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// A fact.
    Plain,
    /// Well.
    Good,
    /// Worth knowing.
    Warning,
    /// Wrong.
    Bad,
}

/// A line below a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) label: String,
    pub(super) text: String,
}

impl Line {
    pub(super) fn new(tone: Tone, label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tone, label: label.into(), text: text.into() }
    }
}

impl Tone {
    /// The sign at the head of a line of text.
    pub(super) const fn sign(self) -> char {
        match self {
            Self::Plain | Self::Good => ' ',
            Self::Warning | Self::Bad => '!',
        }
    }

    /// Its class in a page.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }

    pub(super) const fn of(state: State) -> Self {
        match state {
            State::Pass => Self::Good,
            State::Fail => Self::Bad,
            State::NotEnoughData => Self::Warning,
        }
    }
}

/// A verdict in words.
pub(super) const fn verdict(state: State) -> &'static str {
    match state {
        State::Pass => "pass",
        State::Fail => "FAIL",
        State::NotEnoughData => "not enough data",
    }
}

/// Everything below the table of a step.
pub(super) fn lines(step: &StepRecord, frame: Frame) -> Vec<Line> {
    let mut lines = vec![
        Line::new(Tone::Plain, "exchanges", outcomes(step, frame)),
        Line::new(Tone::Plain, "load", load(step, frame)),
    ];
    if step.retried.attempts_max > 1 {
        lines.push(retries(&step.retried, frame));
    }
    lines.extend(verdicts(step));
    lines.extend(beside::lines(step, frame));
    if let Some(why) = &step.stopped {
        lines.push(Line::new(Tone::Warning, "stopped", why));
    }
    for mark in &step.validity.marks {
        let label = format!("not valid: {}", mark.as_str());
        lines.push(Line::new(Tone::Bad, label, why(*mark, step)));
    }
    for warning in &step.warnings {
        lines.push(Line::new(Tone::Warning, &warning.code, &warning.text));
    }
    lines
}

/// How often requests were sent again. That a server closed a connection which it had left open
/// costs a second attempt and says nothing of the server's health; every other reason does.
fn retries(retried: &Retried, frame: Frame) -> Line {
    let mean = optional(retried.attempts_mean, 2, frame);
    let reasons = listed(&retried.reasons);
    let text = format!("attempts mean {mean}, most {}: {reasons}", retried.attempts_max);
    let told = |(name, count): (&String, &u64)| name != STALE && *count > 0;
    match retried.reasons.iter().any(told) {
        true => Line::new(Tone::Warning, "retries", text),
        false => Line::new(
            Tone::Plain,
            "retries",
            format!("{text}: the server had closed connections that were kept open"),
        ),
    }
}

/// The verdict of each SLO, with its thresholds where there are several.
fn verdicts(step: &StepRecord) -> Vec<Line> {
    let standings = &step.standings;
    let joint = standings.iter().filter(|standing| standing.metric.is_none());
    joint
        .map(|joint| {
            let parts: Vec<_> = standings
                .iter()
                .filter(|standing| standing.slo == joint.slo)
                .filter_map(|standing| {
                    let metric = standing.metric.as_deref()?;
                    let most = standing.threshold.map(seconds).unwrap_or_default();
                    let misses = grouped(standing.misses as f64, 0);
                    Some(format!(
                        "{metric} {most} at {}: {misses} missed, {}",
                        percent(standing.objective),
                        verdict(standing.state)
                    ))
                })
                .collect();
            let n = grouped(joint.n as f64, 0);
            let mut text = format!(
                "{} ({} of {n} missed",
                verdict(joint.state),
                grouped(joint.misses as f64, 0)
            );
            if !parts.is_empty() {
                text.push_str("; ");
                text.push_str(&parts.join("; "));
            }
            text.push(')');
            match step.validity.is_valid() {
                true => text.extend(enough(joint, standings)),
                // However many there were.
                false => text.push_str("; the step is not valid"),
            }
            Line::new(Tone::of(joint.state), format!("SLO {}", joint.slo), text)
        })
        .collect()
}

/// How many requests would do, where there were too few for a verdict.
fn enough(joint: &Standing, standings: &[Standing]) -> Option<String> {
    if joint.state != State::NotEnoughData {
        return None;
    }
    let open =
        standings.iter().filter(|it| it.slo == joint.slo && it.state == State::NotEnoughData);
    let needed = open.filter_map(|it| minimum_n(it.objective, it.misses)).max()?;
    Some(format!("; a pass takes {} without another miss", grouped(needed as f64, 0)))
}

fn outcomes(step: &StepRecord, frame: Frame) -> String {
    let mut text = format!("{} judged", grouped(step.n as f64, 0));
    if !step.outcomes.is_empty() {
        text.push_str(": ");
        text.push_str(&listed(&step.outcomes));
    }
    if let Some(ratio) = step.rates.success_ratio {
        text.push_str(&format!("{}{} ok", frame.dot(), percent(ratio)));
    }
    if step.window.warmup > 0 {
        let warmup = count(step.window.warmup, "exchange");
        text.push_str(&format!("{}{warmup} of warm-up left out", frame.dot()));
    }
    text
}

fn load(step: &StepRecord, frame: Frame) -> String {
    let achieved = &step.achieved;
    let mut parts = vec![format!("window {}", seconds(step.window.seconds))];
    parts.push(format!("whole run {}", seconds(step.window.whole_run_seconds)));
    if let Some(ratio) = achieved.rate_ratio {
        // More than was meant is possible: the last bit of a random schedule.
        parts.push(format!("{:.1} % of the intended rate", ratio * 100.0));
    }
    if let Some(mean) = achieved.in_flight_mean {
        let most = grouped(achieved.in_flight_max as f64, 0);
        parts.push(format!("in flight mean {}, most {most}", grouped(mean, 1)));
    }
    if achieved.gated > 0 {
        parts.push(format!("{} waited at the gate", grouped(achieved.gated as f64, 0)));
    }
    if let Some(lag) = step.validity.send_lag_p99 {
        parts.push(format!("send lag p99 {}", seconds(lag)));
    }
    parts.join(frame.dot())
}

/// `98 ok, 2 timeout_total`, the most frequent first.
fn listed(counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    counts.sort_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
    let counts =
        counts.iter().map(|(name, count)| format!("{} {name}", grouped(**count as f64, 0)));
    counts.collect::<Vec<_>>().join(", ")
}

/// What of the client was over its limit. All that is known where nothing is: a record of another
/// version may have had other limits.
fn saturation(validity: &Validity) -> String {
    let late = [
        ("p99 of the send lag", validity.send_lag_p99, validity.tolerated),
        ("p99 of late stamps", validity.stamp_late_p99, validity.tolerated),
        ("p99 of stalls", validity.stall_p99, Validity::STALL),
    ]
    .into_iter()
    .filter_map(|(name, found, most)| Some((name, found?, most)))
    .map(|(name, found, most)| {
        (found > most, format!("{name} {}, tolerated {}", seconds(found), seconds(most)))
    });
    let waited = validity.own_cpu_pressure().map(|ratio| {
        let most = Validity::PRESSURE;
        let (ratio_told, most_told) = (percent(ratio), percent(most));
        (
            ratio > most,
            format!("it waited for a CPU in {ratio_told} of the time, tolerated {most_told}"),
        )
    });
    let all: Vec<_> = late.chain(waited).collect();
    let over = all.iter().any(|(over, _)| *over);
    let told = all.into_iter().filter(|(is_over, _)| *is_over || !over).map(|(_, text)| text);
    told.collect::<Vec<_>>().join("; ")
}

/// Why the numbers cannot be trusted, with the evidence and what to do.
fn why(mark: Mark, step: &StepRecord) -> String {
    let validity = &step.validity;
    let known = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), seconds);
    match mark {
        Mark::ClientSaturated => format!(
            "this machine itself sent or read late ({}): use a quieter machine or a lower load",
            saturation(validity)
        ),
        Mark::RateNotMet => format!(
            "{} of the intended rate was sent in time: {}",
            step.achieved.rate_ratio.map_or_else(
                || "less than 99 %".to_owned(),
                |ratio| format!("{:.1} %", ratio * 100.0)
            ),
            match step.achieved.gated {
                0 => "use a quieter machine, or lower the rate",
                _ => "raise --max-concurrency, or lower the rate",
            }
        ),
        Mark::Throttled => format!(
            "the limit of CPU held this process back for {}: give it more CPU",
            known(validity.throttled_seconds)
        ),
        Mark::WindowTooShort => format!(
            "the window of {} is shorter than twice the median exchange: more requests or a longer \
             duration",
            seconds(step.window.seconds)
        ),
        Mark::Contaminated => {
            let foreign = step.engine.as_ref().and_then(|engine| engine.foreign_token_ratio);
            let share =
                foreign.map_or_else(String::new, |of| format!(" ({} of its tokens)", percent(of)));
            format!("somebody else loaded the engine{share}: run while nobody else does")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn told(step: &StepRecord, label: &str) -> Line {
        let found = lines(step, Frame::Ascii).into_iter().find(|line| line.label.contains(label));
        found.expect(label)
    }

    #[test]
    fn what_was_over_its_limit_is_named_with_its_limit() {
        let mut step = sample::sweep().steps.remove(2);
        step.validity.send_lag_p99 = Some(0.000_08);
        step.validity.stall_p99 = Some(0.012);
        let text = told(&step, "client_saturated").text;
        assert!(text.contains("(p99 of stalls 12.0 ms, tolerated 10.0 ms)"), "{text}");
        step.validity.stall_p99 = Some(0.002);
        step.validity.cpu_pressure_ratio = Some(0.71);
        let text = told(&step, "client_saturated").text;
        assert!(text.contains("(it waited for a CPU in 71.0 % of the time"), "{text}");
    }

    #[test]
    fn a_connection_that_the_server_closed_is_no_warning() {
        let mut step = sample::sweep().steps.remove(2);
        assert_eq!(told(&step, "retries").tone, Tone::Warning);
        step.retried.reasons = [(STALE.to_owned(), 29), ("configured".to_owned(), 0)].into();
        let line = told(&step, "retries");
        assert_eq!(line.tone, Tone::Plain);
        assert!(line.text.contains("29 stale_connection: the server had closed"), "{line:?}");
    }

    #[test]
    fn nobody_is_told_to_raise_a_gate_that_held_nothing_up() {
        let mut step = sample::sweep().steps.remove(1);
        step.validity.marks = vec![Mark::RateNotMet];
        assert!(!told(&step, "rate_not_met").text.contains("--max-concurrency"));
        step.achieved.gated = 3;
        assert!(told(&step, "rate_not_met").text.contains("--max-concurrency"));
    }

    #[test]
    fn a_verdict_says_what_it_lacks() {
        let mut step = sample::sweep().steps.remove(0);
        let text = told(&step, "SLO").text;
        assert!(text.ends_with("; a pass takes 90 without another miss"), "{text}");
        step.validity.marks = vec![Mark::Throttled];
        let text = told(&step, "SLO").text;
        assert!(text.ends_with("; the step is not valid"), "{text}");
    }
}
