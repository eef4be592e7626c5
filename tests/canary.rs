//! The correctness canary: each expectation of a fixed workload against an engine that goes wrong
//! once, through the real pipeline into the real counters.
//!
//! That every outcome is counted once, and in no latency, is the fault matrix in tests/faults.rs;
//! here stands which fault each expectation sees, and that sound answers meet it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;
#[expect(dead_code, reason = "shared with tests/faults.rs, which uses it all")]
#[path = "support/pipeline.rs"]
mod pipeline;

use std::thread;

use pipeline::{PATIENCE, Pipeline, Tap};
use tokenbeat::{
    sim::{Dist, Sim, SimSpec},
    timeline::Outcome,
};

/// What the engine says when it is well: twelve words.
const PROSE: &str = "Paris is the capital of France and its largest city by far";
/// Or as JSON, of which the engine can say what needs no quotes.
const JSON: &str = "[ 2, 12, 105, 2148000, 1 ]";
const SCHEMA: &str =
    r#"{"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 5}"#;

/// An expectation, and a fault that it is there to see.
struct Row {
    reply: &'static str,
    max_tokens: u32,
    expect: String,
    fault: &'static str,
    outcome: Outcome,
    /// A part of what a person is told.
    told: &'static str,
}

fn row(
    expect: impl Into<String>,
    fault: &'static str,
    outcome: Outcome,
    told: &'static str,
) -> Row {
    Row { reply: PROSE, max_tokens: 64, expect: expect.into(), fault, outcome, told }
}

fn rows() -> Vec<Row> {
    use Outcome::{ContentMismatch, Garbage, LengthMismatch, ModelMismatch, UsageMismatch};
    let exact = format!("exact: \"{PROSE}\"");
    let schema = format!("json_schema: '{SCHEMA}'");
    vec![
        row(&exact, "short", ContentMismatch, "the answer is not \"Paris"),
        row(&exact, "one_word", ContentMismatch, "the answer is not \"Paris"),
        row("regex: '^ ?Paris .* far$'", "short", ContentMismatch, "does not match"),
        Row { reply: JSON, ..row(&schema, "short", ContentMismatch, "is not JSON: EOF") },
        Row { reply: JSON, ..row(&schema, "one_word", ContentMismatch, "is not JSON: expected") },
        Row {
            max_tokens: 6,
            ..row("finish: [length]", "short", ContentMismatch, "ended as stop, not as length")
        },
        row("no_garbage: true", "one_sentence", Garbage, "a piece of 18 characters is repeated"),
        row("no_garbage: true", "undecodable", Garbage, "are undecodable"),
        row("min_output_tokens: 12", "short", LengthMismatch, "6 output tokens, at least 12"),
        row("same_model: true", "wrong_model", ModelMismatch, "got \"not-sim-8b\""),
        Row {
            max_tokens: 12,
            ..row("consistent_usage: true", "false_usage", UsageMismatch, "at most 12 were asked")
        },
    ]
}

#[test]
fn every_expectation_sees_its_fault_and_no_other_answer() {
    let rows: Vec<_> = rows().into_iter().map(|row| thread::spawn(move || hold(&row))).collect();
    let wrong = rows.into_iter().filter_map(|row| row.join().err()).count();
    assert_eq!(wrong, 0, "rows that do not hold (their panics are above)");
}

/// Holds one row: the fault is seen, what follows is a success, and only that has latencies.
fn hold(row: &Row) {
    let sim = Sim::spawn(SimSpec {
        ttft: Dist::constant_ms(10.0),
        itl: Dist::constant_ms(2.0),
        reply: Some(row.reply.to_owned()),
        ..SimSpec::default()
    })
    .expect("an engine");
    sim.handle().set_faults([row.fault]).expect("a known fault");
    let tap = Tap::new();
    let pipeline = Pipeline::start(&tap, &config(row, sim.base_url()));
    tap.wait_for(row.outcome, 1);
    tap.wait_for(Outcome::Ok, 1);
    pipeline.drain(PATIENCE);
    let beats = tap.beats();
    let failed: Vec<_> = beats.iter().filter(|beat| beat.exchange.outcome != Outcome::Ok).collect();
    assert_eq!(failed.len(), 1, "{} {}", row.expect, row.fault);
    assert_eq!(failed[0].exchange.outcome, row.outcome);
    let detail = failed[0].exchange.detail.as_deref().expect("a failure is told");
    assert!(detail.contains(row.told), "{detail}");
    let samples = tap.scrape();
    let value = |name: &str, labels: &[(&str, &str)]| {
        samples.get(&format!("tokenbeat_probe_{name}"), labels)
    };
    assert_eq!(value("failures_total", &[("reason", row.outcome.as_str())]), 1.0);
    let measured = beats.iter().filter(|beat| beat.exchange.outcome == Outcome::Ok);
    let measured = measured.filter(|beat| beat.spoiled.is_none()).count();
    assert_eq!(value("ttft_seconds_count", &[]), measured as f64);
}

fn config(row: &Row, url: &str) -> String {
    let Row { max_tokens, expect, .. } = row;
    format!(
        "targets:\n\
         \x20 - {{name: t, url: {url}, models: [sim-8b]}}\n\
         workloads:\n\
         \x20 w:\n\
         \x20   fixed:\n\
         \x20     prompt: What is Paris?\n\
         \x20     max_tokens: {max_tokens}\n\
         \x20     expect:\n\
         \x20       {expect}\n\
         probes:\n\
         \x20 - {{name: p, targets: [t], workload: w, interval: 300ms, timeout: 30s}}\n"
    )
}
