//! The flat report: one object a step, with the keys that hand-made benchmark scripts write.
//!
//! Units are in the names: `ttft_ms` and `tpot_ms` are milliseconds, `latency_s` seconds,
//! `success_rate` percent.

use serde_json::{Value, json};

use super::number::day_time;
use crate::{
    event::{Latency, RunRecord, StepRecord},
    verdict::State,
};

/// The runs as flat reports: of one step in all the object, of several an array of them.
///
/// # Errors
/// If a number cannot be written; none of a record is so.
pub fn flat_json(runs: &[&RunRecord]) -> serde_json::Result<String> {
    let mut reports: Vec<_> =
        runs.iter().flat_map(|run| run.steps.iter().map(|step| report(run, step))).collect();
    let document = if reports.len() == 1 { reports.remove(0) } else { Value::Array(reports) };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn report(run: &RunRecord, step: &StepRecord) -> Value {
    let ok = step.outcomes.get("ok").copied().unwrap_or(0);
    let marks: Vec<_> = step.validity.marks.iter().map(|mark| mark.as_str()).collect();
    json!({
        "timestamp": timestamp(step.window.started_at),
        "target": run.target,
        "scenario": run.scenario,
        "base_url": run.origin,
        "model": run.model,
        "run": run.id,
        "step": step.step,
        "workload": step.workload,
        "load": step.load.text,
        "results": {
            "total_requests": step.n,
            "successful": ok,
            "failed": step.n.saturating_sub(ok),
            "success_rate": step.rates.success_ratio.map(|ratio| ratio * 100.0),
            "ttft_ms": latency(step.latencies.get("ttft"), 1e3),
            "tpot_ms": latency(step.latencies.get("tpot"), 1e3),
            "latency_s": latency(step.latencies.get("e2e"), 1.0),
            "throughput": {
                "tokens_per_sec": step.rates.output_tokens_per_second
                    .or(step.rates.output_tokens_per_second_whole_run),
                "requests_per_sec": step.rates.requests_per_second
                    .or(step.rates.requests_per_second_whole_run),
            },
            "goodput": {
                "requests_per_sec": step.rates.goodput_requests_per_second,
                "ratio": step.rates.goodput_ratio,
            },
            "valid": step.validity.is_valid(),
            "invalid_reasons": marks,
            "slos": slos(step),
            "mlperf_compliant": mlperf(run, step),
            "mlperf_unmet_rules": run.findings.unmet_rules_of(step.step).collect::<Vec<_>>(),
        },
    })
}

fn latency(latency: Option<&Latency>, scale: f64) -> Value {
    let Some(latency) = latency else { return Value::Null };
    let scaled = |value: Option<f64>| value.map(|value| value * scale);
    json!({
        "mean": scaled(latency.mean),
        "p50": scaled(latency.p50),
        "p95": scaled(latency.p95),
        "p99": scaled(latency.p99),
        "n": latency.n,
        "infinite": latency.infinite,
    })
}

fn slos(step: &StepRecord) -> Value {
    let judged = step.standings.iter().filter(|standing| standing.metric.is_none());
    judged
        .map(|standing| (standing.slo.clone(), Value::from(standing.state.as_str())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Whether the step passed every MLPerf pack that it was held against, by all of its rules; `null`
/// if it was held against none, is not valid, or has too few exchanges to tell.
fn mlperf(run: &RunRecord, step: &StepRecord) -> Option<bool> {
    let packs = step
        .standings
        .iter()
        .filter(|standing| standing.metric.is_none() && standing.slo.starts_with("mlperf"));
    let state = packs.map(|standing| standing.state).reduce(State::worse)?;
    match state {
        State::Fail => Some(false),
        State::Pass if step.validity.is_valid() => {
            Some(run.findings.unmet_rules_of(step.step).next().is_none())
        }
        State::Pass | State::NotEnoughData => None,
    }
}

/// RFC 3339, in UTC.
fn timestamp(unix_seconds: f64) -> String {
    jiff::Timestamp::from_millisecond((unix_seconds * 1e3) as i64)
        .map_or_else(|_| day_time(unix_seconds), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_flat_report_has_the_keys_of_the_scripts_it_replaces() {
        insta::assert_snapshot!(flat_json(&[&sample::sweep()]).expect("written"));
    }

    #[test]
    fn a_step_answers_for_the_rules_that_it_did_not_meet_itself() {
        let mut run = sample::sweep();
        let judged = |run: &RunRecord| mlperf(run, &run.steps[1]);
        assert_eq!(judged(&run), Some(false));
        run.findings.unmet_rules.retain(|rule| !rule.contains(": step 1: "));
        assert_eq!(judged(&run), Some(true), "{:?}", run.findings.unmet_rules);
        let value: Value =
            serde_json::from_str(&flat_json(&[&run]).expect("written")).expect("JSON");
        let named =
            |step: usize| value[step]["results"]["mlperf_unmet_rules"].as_array().map(Vec::len);
        assert_eq!((named(0), named(1)), (Some(1), Some(0)));
    }

    #[test]
    fn one_step_is_one_object() {
        let mut run = sample::sweep();
        run.steps.truncate(1);
        let text = flat_json(&[&run]).expect("written");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert!(value["results"]["ttft_ms"]["p99"].is_number(), "{text}");
    }
}
