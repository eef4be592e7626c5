use super::*;
use crate::{
    event::{
        Achieved, Latency, LoadRecord, Rates, Retried, Standing, StepEngine, StepGpu, Tokens,
        Validity, Window,
    },
    verdict::State,
};

fn latency(mean: f64) -> Latency {
    Latency {
        n: 100,
        mean: Some(mean),
        p50: Some(mean),
        max: Some(2.0 * mean),
        ..Latency::default()
    }
}

fn standing(metric: Option<&str>, misses: u64) -> Standing {
    Standing {
        slo: "s".to_owned(),
        metric: metric.map(str::to_owned),
        threshold: None,
        objective: 0.95,
        n: 100,
        misses,
        state: State::Fail,
    }
}

/// A step of 100 that missed its time to first token, half of which was the engine's queue.
fn step() -> StepRecord {
    let mut step: StepRecord = serde_json::from_value(serde_json::json!({
        "step": 0, "workload": "w", "load": LoadRecord::default(),
        "achieved": Achieved::default(), "window": Window::default(), "n": 0, "outcomes": {},
        "latencies": {}, "rates": Rates::default(), "tokens": Tokens::default(),
        "retried": Retried::default(), "validity": Validity::default(), "standings": [],
        "stopped": null, "warnings": [],
    }))
    .expect("a step");
    step.n = 100;
    step.outcomes = [("ok".to_owned(), 100)].into();
    step.latencies = [("ttft", 1.0), ("service_ttft", 1.0), ("e2e", 3.0)]
        .map(|(of, mean)| (of.to_owned(), latency(mean)))
        .into();
    step.standings =
        vec![standing(None, 40), standing(Some("ttft"), 40), standing(Some("tpot"), 3)];
    step.engine = Some(StepEngine {
        ttft_mean: Some(0.9),
        queue_mean: Some(0.5),
        prefill_mean: Some(0.4),
        decode_mean: Some(1.9),
        requests: Some(100.0),
        preemptions: Some(0.0),
        readings: 2,
        ..StepEngine::default()
    });
    step
}

fn found(step: &StepRecord) -> (Cause, String) {
    let record = cause(step).expect("it missed its SLO");
    (record.cause, record.missed)
}

fn with(change: impl FnOnce(&mut StepRecord)) -> StepRecord {
    let mut step = step();
    change(&mut step);
    step
}

fn engine(step: &mut StepRecord) -> &mut StepEngine {
    step.engine.as_mut().expect("it tells")
}

#[test]
fn a_step_that_met_its_slo_has_no_cause() {
    assert_eq!(cause(&with(|step| step.standings = vec![standing(None, 5)])), None);
    assert_eq!(cause(&with(|step| step.standings.clear())), None);
}

#[test]
fn the_rules_are_read_from_top_to_bottom() {
    let throttle = |reason: &str, ratio: f64| {
        Some(StepGpu { throttle_ratios: [(reason.to_owned(), ratio)].into(), ..StepGpu::default() })
    };
    for (what, wanted, step) in [
        ("the queue is the largest part", Cause::Queue, step()),
        (
            "our own marks come first",
            Cause::Client,
            with(|step| {
                step.validity.marks = vec![Mark::ClientSaturated];
                step.engine = None;
            }),
        ),
        (
            "a window too short is none of them",
            Cause::Queue,
            with(|step| {
                step.validity.marks = vec![Mark::WindowTooShort];
            }),
        ),
        ("who is silent says nothing", Cause::Unknown, with(|step| step.engine = None)),
        ("a restart", Cause::ColdStart, with(|step| engine(step).restarts = 1)),
        (
            "fresh, and slow at first",
            Cause::ColdStart,
            with(|step| {
                engine(step).was_fresh = true;
                step.latencies.get_mut("ttft").expect("timed").max = Some(3.0);
            }),
        ),
        ("fresh alone is no cause", Cause::Queue, with(|step| engine(step).was_fresh = true)),
        ("preemptions", Cause::Preemption, with(|step| engine(step).preemptions = Some(5.0))),
        ("few preemptions", Cause::Queue, with(|step| engine(step).preemptions = Some(4.0))),
        ("heat", Cause::GpuThrottle, with(|step| step.gpu = throttle("thermal", 0.1))),
        (
            "power does not make a queue",
            Cause::Queue,
            with(|step| step.gpu = throttle("power", 1.0)),
        ),
        (
            "power makes work slow",
            Cause::GpuThrottle,
            with(|step| {
                step.gpu = throttle("power", 0.25);
                (engine(step).queue_mean, engine(step).prefill_mean) = (Some(0.1), Some(0.8));
            }),
        ),
        (
            "a gate of ours",
            Cause::Client,
            with(|step| {
                step.latencies.insert("service_ttft".to_owned(), latency(0.2));
                (engine(step).ttft_mean, engine(step).queue_mean) = (Some(0.2), Some(0.1));
                engine(step).prefill_mean = Some(0.1);
            }),
        ),
        (
            "no part is large enough",
            Cause::Unknown,
            with(|step| {
                engine(step).queue_mean = Some(0.35);
                engine(step).prefill_mean = Some(0.2);
                engine(step).ttft_mean = Some(0.65);
            }),
        ),
        (
            "an engine without a queue's time",
            Cause::Unknown,
            with(|step| engine(step).queue_mean = None),
        ),
        (
            "most of it was prefill all the same",
            Cause::Prefill,
            with(|step| {
                engine(step).queue_mean = None;
                engine(step).prefill_mean = Some(0.5);
            }),
        ),
        (
            "answers alone tell of prefill",
            Cause::Prefill,
            with(|step| {
                let prefill_mean = Some(0.6);
                step.engine = Some(StepEngine { prefill_mean, answers: 90, ..Default::default() });
            }),
        ),
        (
            "what they leave open can be the way or the queue",
            Cause::Unknown,
            with(|step| {
                let prefill_mean = Some(0.45);
                step.engine = Some(StepEngine { prefill_mean, answers: 90, ..Default::default() });
            }),
        ),
        (
            "answers that only count tokens say nothing of GPUs either",
            Cause::Unknown,
            with(|step| {
                let prefix_hit_ratio = Some(0.5);
                step.engine = Some(StepEngine { prefix_hit_ratio, ..Default::default() });
                step.gpu = throttle("thermal", 1.0);
            }),
        ),
        (
            "nobody watched the engine that refused",
            Cause::Unknown,
            with(|step| {
                step.outcomes = [("ok".to_owned(), 60), ("reset".to_owned(), 40)].into();
                engine(step).readings = 0;
            }),
        ),
        (
            "connections that fail",
            Cause::Network,
            with(|step| {
                step.outcomes = [("ok".to_owned(), 60), ("reset".to_owned(), 40)].into();
            }),
        ),
        (
            "errors of the server",
            Cause::Unknown,
            with(|step| {
                step.outcomes = [("ok".to_owned(), 60), ("http_5xx".to_owned(), 40)].into();
            }),
        ),
        (
            "what took too long is a latency",
            Cause::Queue,
            with(|step| {
                step.outcomes =
                    [("ok".to_owned(), 60), ("timeout_first_token".to_owned(), 40)].into();
            }),
        ),
    ] {
        assert_eq!(found(&step).0, wanted, "{what}");
    }
}

#[test]
fn the_worst_threshold_says_what_was_missed() {
    let paced = with(|step| step.standings = vec![standing(None, 40), standing(Some("tpot"), 40)]);
    assert_eq!(found(&paced), (Cause::Decode, "tpot".to_owned()));
    let whole = with(|step| step.standings = vec![standing(None, 40), standing(Some("e2e"), 40)]);
    assert_eq!(found(&whole), (Cause::Decode, "e2e".to_owned()));
    let stalls = with(|step| {
        step.standings = vec![standing(None, 40), standing(Some("itl"), 40)];
        engine(step).decode_mean = Some(0.5);
    });
    assert_eq!(found(&stalls), (Cause::Network, "itl".to_owned()));
}

#[test]
fn the_evidence_is_what_the_rule_looked_at() {
    let record = cause(&step()).expect("it missed");
    assert_eq!(record.evidence["queue_mean"], 0.5);
    assert!((record.evidence["network_mean"] - 0.1).abs() < 1e-12);
    let late = with(|step| {
        step.validity.marks = vec![Mark::Throttled];
        step.validity.throttled_seconds = Some(2.0);
    });
    assert_eq!(cause(&late).expect("it missed").evidence["throttled_seconds"], 2.0);
}

#[test]
fn what_the_engine_accounts_for_nowhere_is_prefill() {
    // vLLM with eight users, as it was measured: half of its time to first token is neither in its
    // queue nor in its prefill.
    let mut step = step();
    for name in ["ttft", "service_ttft"] {
        step.latencies.insert(name.to_owned(), latency(0.0803));
    }
    step.engine = Some(StepEngine {
        ttft_mean: Some(0.0763),
        queue_mean: Some(0.0068),
        prefill_mean: Some(0.0321),
        decode_mean: Some(0.6134),
        ..StepEngine::default()
    });
    let found = cause(&step).expect("it missed");
    assert_eq!(found.cause, Cause::Prefill, "{found:?}");
    assert!((found.evidence["prefill_mean"] - 0.0695).abs() < 1e-9, "{found:?}");
}
