//! When a window is degraded, and by what.

use std::time::Duration;

use super::*;
use crate::verdict::{Judge, Threshold};

fn slo(name: &str, metric: Metric, objective: f64) -> Arc<Slo> {
    let threshold = Threshold { metric, max: Duration::from_millis(500), objective };
    Arc::new(Slo {
        name: name.into(),
        thresholds: vec![threshold],
        objective,
        window: Duration::from_secs(60),
        judge: Judge::Each,
        pack: None,
    })
}

fn slos() -> Vec<Arc<Slo>> {
    vec![slo("first", Metric::Ttft, 0.9), slo("pace", Metric::Tpot, 0.9)]
}

const GOOD: [Option<verdict::Cause>; 2] = [None, None];
const LATE: [Option<verdict::Cause>; 2] = [Some(verdict::Cause::Missed(Metric::Ttft)), None];
const SLOW: [Option<verdict::Cause>; 2] = [None, Some(verdict::Cause::Missed(Metric::Tpot))];
const FAILED: [Option<verdict::Cause>; 2] = [Some(verdict::Cause::Failed); 2];

/// A beat of 1 s to the first token and 1 s after it, of 100 tokens each way.
fn beat(judged: &[Option<verdict::Cause>]) -> WindowBeat<'_> {
    WindowBeat {
        outcome: "ok",
        judged,
        spoiled: false,
        ttft: Some(1.0),
        service_ttft: Some(1.0),
        e2e: Some(2.0),
        input_tokens: Some(100),
        output_tokens: Some(101),
    }
}

fn failed(outcome: &'static str) -> WindowBeat<'static> {
    let (ttft, service_ttft, e2e) = (None, None, None);
    WindowBeat { outcome, ttft, service_ttft, e2e, ..beat(&FAILED) }
}

fn spoiled() -> WindowBeat<'static> {
    WindowBeat { spoiled: true, ttft: Some(50.0), ..beat(&[]) }
}

/// An engine that worked 0.95 s on the first token of each of 10 requests like ours.
fn engine() -> StepEngine {
    StepEngine {
        ttft_mean: Some(0.95),
        queue_mean: Some(0.05),
        prefill_mean: Some(0.9),
        decode_mean: Some(0.95),
        requests: Some(10.0),
        prompt_tokens: Some(1_000.0),
        generation_tokens: Some(1_010.0),
        preemptions: Some(0.0),
        readings: 20,
        ..StepEngine::default()
    }
}

fn found(beats: &[WindowBeat<'_>], engine: Option<&StepEngine>) -> Option<Degraded> {
    degraded(&slos(), beats, WindowMeans::of(beats), engine, None)
}

fn cause(beats: &[WindowBeat<'_>], engine: Option<&StepEngine>) -> Option<Cause> {
    found(beats, engine).map(|degraded| degraded.cause.cause)
}

/// So many beats of one kind, and of another.
fn of<'a>(bad: usize, kind: &WindowBeat<'a>, good: usize) -> Vec<WindowBeat<'a>> {
    let bad = std::iter::repeat_n(kind.clone(), bad);
    bad.chain(std::iter::repeat_n(beat(&GOOD), good)).collect()
}

#[test]
fn few_beats_or_few_misses_say_nothing() {
    for (misses, good, degraded) in [
        (0, 10, false),
        (4, 0, false),
        (2, 3, false),
        (3, 2, true),
        (3, 20, true),
        // Exactly what the objective allows.
        (3, 27, false),
        (4, 36, false),
    ] {
        let beats = of(misses, &beat(&LATE), good);
        assert_eq!(found(&beats, None).is_some(), degraded, "{misses} and {good}");
    }
    let none = degraded(&[], &of(9, &beat(&LATE), 0), WindowMeans::default(), None, None);
    assert_eq!(none, None, "a probe without an SLO misses none");
}

#[test]
fn the_slo_that_is_missed_most_counts_and_is_told_with_its_numbers() {
    let beats = [of(3, &beat(&LATE), 2), of(4, &beat(&SLOW), 0)].concat();
    let told = found(&beats, Some(&engine())).expect("degraded");
    assert_eq!((told.slo.as_str(), told.judged, told.misses), ("pace", 9, 4));
    assert_eq!((told.cause.cause, told.cause.missed.as_str()), (Cause::Decode, "tpot"));
    let told = found(&of(5, &beat(&LATE), 1), Some(&engine())).expect("degraded");
    assert_eq!((told.cause.cause, told.cause.missed.as_str()), (Cause::Prefill, "ttft"));
    assert!((told.cause.evidence["prefill_mean"] - 0.9).abs() < 1e-9, "{told:?}");
}

#[test]
fn each_part_of_the_first_token_is_found() {
    let late = of(6, &beat(&LATE), 0);
    let of_parts = |queue, prefill| {
        let ttft = Some(queue + prefill);
        let engine = StepEngine {
            ttft_mean: ttft,
            queue_mean: Some(queue),
            prefill_mean: Some(prefill),
            ..engine()
        };
        cause(&late, Some(&engine))
    };
    assert_eq!(of_parts(0.8, 0.1), Some(Cause::Queue));
    assert_eq!(of_parts(0.1, 0.8), Some(Cause::Prefill));
    assert_eq!(of_parts(0.1, 0.1), Some(Cause::Network));
    assert_eq!(of_parts(0.33, 0.33), Some(Cause::Unknown));
    assert_eq!(cause(&late, None), Some(Cause::Unknown), "the engine does not tell");
    let waited = WindowBeat { service_ttft: Some(0.2), ..beat(&LATE) };
    assert_eq!(cause(&of(6, &waited, 0), Some(&engine())), Some(Cause::Prefill));
    let quick = StepEngine { prefill_mean: Some(0.1), ttft_mean: Some(0.15), ..engine() };
    assert_eq!(cause(&of(6, &waited, 0), Some(&quick)), Some(Cause::Client), "retries of ours");
}

#[test]
fn what_the_engine_suffers_from_is_found() {
    let late = of(6, &beat(&LATE), 0);
    let preempting = StepEngine { preemptions: Some(1.0), ..engine() };
    assert_eq!(cause(&late, Some(&preempting)), Some(Cause::Preemption));
    let anew = StepEngine { restarts: 1, ..engine() };
    assert_eq!(cause(&late, Some(&anew)), Some(Cause::ColdStart));
    let gpu = StepGpu { throttle_ratios: [("thermal".into(), 0.5)].into(), ..StepGpu::default() };
    let told = degraded(&slos(), &late, WindowMeans::of(&late), Some(&engine()), Some(&gpu));
    assert_eq!(told.expect("degraded").cause.cause, Cause::GpuThrottle);
}

#[test]
fn failures_are_told_apart_by_where_they_lie() {
    let of_failure = |outcome| cause(&of(6, &failed(outcome), 1), Some(&engine()));
    assert_eq!(of_failure("connect"), Some(Cause::Network));
    assert_eq!(of_failure("http_5xx"), Some(Cause::Unknown));
    // What was given up is late, not failed: the good ones say of what.
    let told = found(&of(4, &failed("timeout_first_token"), 3), Some(&engine()));
    let told = told.expect("degraded").cause;
    assert_eq!((told.cause, told.missed.as_str()), (Cause::Prefill, "ttft"));
    assert_eq!(cause(&of(6, &failed("connect"), 1), None), Some(Cause::Unknown));
}

#[test]
fn our_own_lateness_is_ours_once_it_outweighs_what_was_judged() {
    let mut beats = of(5, &beat(&LATE), 0);
    beats.extend(std::iter::repeat_n(spoiled(), 5));
    assert_eq!(cause(&beats, Some(&engine())), Some(Cause::Prefill));
    beats.push(spoiled());
    let told = found(&beats, Some(&engine())).expect("degraded");
    assert_eq!(told.cause.cause, Cause::Client);
    assert_eq!(told.cause.evidence["beats_spoiled"], 6.0);
    assert_eq!(WindowMeans::of(&beats).ttft, Some(1.0), "a spoiled beat has no latency");
}

#[test]
fn traffic_of_others_is_weighed_by_its_lengths() {
    // Others with prompts of 10 tokens and answers of 11: ours are ten times as long.
    let short = StepEngine {
        ttft_mean: Some(0.1),
        queue_mean: Some(0.01),
        prefill_mean: Some(0.09),
        decode_mean: Some(0.095),
        requests: Some(1_000.0),
        prompt_tokens: Some(10_000.0),
        generation_tokens: Some(11_000.0),
        ..engine()
    };
    assert_eq!(cause(&of(6, &beat(&LATE), 0), Some(&short)), Some(Cause::Prefill));
    assert_eq!(cause(&of(6, &beat(&SLOW), 0), Some(&short)), Some(Cause::Decode));
    // Others whose prompts are as long as ours, most of it from the cache, are such ones, too.
    let cached =
        StepEngine { prompt_tokens: Some(100_000.0), prefix_hit_ratio: Some(0.9), ..short.clone() };
    assert_eq!(cause(&of(6, &beat(&LATE), 0), Some(&cached)), Some(Cause::Prefill));
    // Requests like ours, of which the engine knows nothing bad: the rest is the way.
    let alike = StepEngine {
        prompt_tokens: Some(100_000.0),
        generation_tokens: Some(101_000.0),
        ..short.clone()
    };
    assert_eq!(cause(&of(6, &beat(&LATE), 0), Some(&alike)), Some(Cause::Network));
    assert_eq!(cause(&of(6, &beat(&SLOW), 0), Some(&alike)), Some(Cause::Network));
    // Longer ones than ours do not make our prefill shorter.
    let long = StepEngine { prompt_tokens: Some(1_000_000.0), ..engine() };
    assert_eq!(cause(&of(6, &beat(&LATE), 0), Some(&long)), Some(Cause::Prefill));
}

#[test]
fn means_are_of_what_was_measured() {
    let mut beats = of(3, &beat(&GOOD), 0);
    beats.push(WindowBeat { ttft: Some(5.0), ..beat(&GOOD) });
    beats.push(failed("stall"));
    let means = WindowMeans::of(&beats);
    assert_eq!((means.ttft, means.ttft_spread), (Some(2.0), Some(5.0)));
    assert_eq!((means.input_tokens, means.output_tokens), (Some(100.0), Some(101.0)));
    assert_eq!(WindowMeans::of(&[]), WindowMeans::default());
}
