//! A run as tests of reports need it: failures, infinite percentiles, a step that is not valid.

use std::collections::BTreeMap;

use crate::{
    event::{
        Achieved, Calibration, Engine, EngineFacts, Environment, Findings, Latency, LoadRecord,
        Mark, PressureOf, Rates, Retried, RunRecord, RunResult, SCHEMA_VERSION, SizingRecord,
        Standing, StepRecord, Tokens, Trigger, Validity, Warning, Window,
        dollars_per_million_tokens,
    },
    verdict::State,
};

/// A sweep of three levels: the first is small, the last has failures and a client that was late.
pub(crate) fn sweep() -> RunRecord {
    let mut late = step(2, 120, 7.801, 1007.91, 9.94508, 600);
    late.n = 600;
    late.outcomes = [("ok", 568), ("timeout_first_token", 30), ("http_5xx", 2)]
        .map(owned)
        .into_iter()
        .collect();
    late.rates.success_ratio = Some(568.0 / 600.0);
    for latency in late.latencies.values_mut() {
        latency.failed = 32;
        latency.n_ok = 568;
        latency.infinite = true;
        (latency.p95, latency.p99) = (None, None);
    }
    late.validity = Validity {
        marks: vec![Mark::ClientSaturated],
        send_lag_p99: Some(0.0123),
        stamp_late_p99: Some(0.0004),
        tolerated: 0.005,
        stall_p99: Some(0.002),
        throttled_seconds: None,
        cpu_pressure_ratio: Some(0.31),
        cpu_pressure_of: Some(PressureOf::Own),
    };
    late.stopped = Some("more than 5 % of the exchanges failed".to_owned());
    late.standings = standings(600, 61, State::NotEnoughData);
    late.retried = Retried {
        attempts_mean: Some(1.05),
        attempts_max: 3,
        reasons: [("http_429", 31)].map(owned).into_iter().collect(),
    };
    let mut small = step(0, 10, 1.913, 236.62, 5.04, 50);
    small.rates.requests_per_second = None;
    small.rates.output_tokens_per_second = None;
    small.warnings = vec![Warning {
        code: "output_length".to_owned(),
        text: "answers are 25 % longer than wanted: the engine ignores max_tokens".to_owned(),
    }];
    small.standings = standings(50, 0, State::NotEnoughData);
    let mut middle = step(1, 20, 4.42, 554.7, 4.31, 1000);
    middle.standings = standings(1000, 4, State::Pass);
    middle.compat = [("Inter Token Latency".to_owned(), latency(0.0301, 1000))].into();
    RunRecord {
        findings: Findings {
            best_latency_step: Some(1),
            peak_throughput_step: Some(2),
            max_output_tokens_per_second: Some(1007.91),
            knee_step: Some(1),
            knee_concurrency: Some(20.0),
            saturation_step: Some(2),
            max_goodput_requests_per_second: Some(4.4),
            bracket_low: Some(20.0),
            bracket_high: Some(120.0),
            bracket_estimate: Some(96.5),
            bracket_confidence: Some(0.99),
            cost_dollars_per_million_output_tokens: Some(0.675),
            verdicts: [("mlperf_llama3_1_8b_interactive".to_owned(), State::NotEnoughData)].into(),
            unmet_rules: (0..3).map(not_poisson).collect(),
            ..Findings::default()
        },
        sizing: Some(SizingRecord {
            requests: 3,
            input_tokens: 631,
            output_tokens: 48,
            tokens_per_word: Some(1.1804),
            added_tokens: 30.7,
            ..SizingRecord::default()
        }),
        result: RunResult::Invalid,
        reason: Some("1 of 3 steps is not valid".to_owned()),
        steps: vec![small, middle, late],
        ..failed()
    }
}

/// A run that measured nothing.
pub(crate) fn failed() -> RunRecord {
    RunRecord {
        schema_version: SCHEMA_VERSION,
        id: "01890000-bench".to_owned(),
        tokenbeat_version: "0.1.0".to_owned(),
        trigger: Trigger::Bench,
        result: RunResult::Failed,
        reason: Some("connection refused".to_owned()),
        due_at: 1_790_000_000.0,
        started_at: 1_790_000_000.0,
        ended_at: 1_790_000_215.5,
        sweep: "bench".to_owned(),
        scenario: "concurrency_sweep".to_owned(),
        target: "llama-prod".to_owned(),
        origin: "http://vllm.llm.svc:8000".to_owned(),
        model: "openai/gpt-oss-20b".to_owned(),
        api: "openai_chat".to_owned(),
        engine: Some(Engine {
            name: "vllm".to_owned(),
            version: Some("0.33.0".to_owned()),
            facts: EngineFacts::default(),
        }),
        environment: Environment::default(),
        labels: BTreeMap::new(),
        cost_per_hour: Some(2.448),
        seed: 7,
        sizing: None,
        workloads: BTreeMap::new(),
        calibration: Some(Calibration {
            ttft_overhead_p50: 0.000_041,
            ttft_overhead_p99: 0.000_212,
            send_lag_p99: 0.000_057,
            trusted_requests_per_second: 2000.0,
            trusted_tokens_per_second: 150_000.0,
        }),
        steps: Vec::new(),
        findings: Findings::default(),
    }
}

fn owned((name, count): (&str, u64)) -> (String, u64) {
    (name.to_owned(), count)
}

fn step(number: u32, users: u32, requests: f64, tokens: f64, e2e: f64, n: u64) -> StepRecord {
    StepRecord {
        step: number,
        workload: "chat_short".to_owned(),
        load: LoadRecord {
            arrival: "closed".to_owned(),
            concurrency: Some(users),
            requests_per_second: None,
            max_in_flight: None,
            text: format!("{users} users"),
        },
        achieved: Achieved {
            requests_per_second: Some(requests),
            rate_ratio: None,
            in_flight_mean: Some(f64::from(users) * 0.97),
            in_flight_max: users.into(),
            gated: 0,
        },
        window: Window {
            started_at: 1_790_000_001.25 + 60.0 * f64::from(number),
            seconds: 52.3,
            whole_run_seconds: 57.1,
            warmup: 5,
        },
        n,
        outcomes: [("ok", n)].map(owned).into_iter().collect(),
        latencies: [
            ("e2e", e2e),
            ("ttft", e2e / 20.0),
            ("ttfo", e2e / 20.0),
            ("tpot", e2e * 0.0075),
            ("itl", e2e * 0.0074),
        ]
        .map(|(name, middle)| (name.to_owned(), latency(middle, n)))
        .into(),
        rates: Rates {
            cost_dollars_per_million_output_tokens: dollars_per_million_tokens(2.448, tokens),
            requests_per_second: Some(requests),
            output_tokens_per_second: Some(tokens),
            goodput_requests_per_second: Some(requests * 0.9),
            goodput_ratio: Some(0.9),
            success_ratio: Some(1.0),
            requests_per_second_whole_run: Some(requests * 0.93),
            output_tokens_per_second_whole_run: Some(tokens * 0.93),
            goodput_requests_per_second_whole_run: Some(requests * 0.84),
            user_tokens_per_second: Some(1.0 / (e2e * 0.0075)),
        },
        tokens: Tokens {
            input: 200 * n,
            output: 125 * n,
            input_wanted_mean: Some(200.0),
            input_length: latency(202.69, n),
            output_wanted_mean: Some(100.0),
            output_length: latency(125.3, n),
            ..Tokens::default()
        },
        retried: Retried { attempts_mean: Some(1.0), attempts_max: 1, reasons: BTreeMap::new() },
        validity: Validity {
            send_lag_p99: Some(0.000_081),
            tolerated: 0.002_1,
            ..Validity::default()
        },
        engine: None,
        gpu: None,
        cause: None,
        standings: Vec::new(),
        stopped: None,
        warnings: Vec::new(),
        compat: BTreeMap::new(),
    }
}

fn latency(middle: f64, n: u64) -> Latency {
    Latency {
        n,
        n_ok: n,
        n_too_small: n < 100,
        mean: Some(middle),
        min: Some(middle * 0.2),
        max: Some(middle * 1.7),
        stddev: Some(middle * 0.3),
        p50: Some(middle * 0.98),
        p75: Some(middle * 1.18),
        p90: Some(middle * 1.34),
        p95: Some(middle * 1.42),
        p99: Some(middle * 1.55),
        ..Latency::default()
    }
}

fn not_poisson(step: u32) -> String {
    let rule = "arrivals must be poisson and were closed";
    Findings::unmet_rule("mlperf_llama3_1_8b_interactive", step, rule)
}

fn standings(n: u64, misses: u64, state: State) -> Vec<Standing> {
    let standing = |metric: Option<&str>, threshold, misses, state| Standing {
        slo: "mlperf_llama3_1_8b_interactive".to_owned(),
        metric: metric.map(str::to_owned),
        threshold,
        objective: 0.95,
        n,
        misses,
        state,
    };
    let other = if state == State::Fail { State::Pass } else { state };
    vec![
        standing(None, None, misses, state),
        standing(Some("ttft"), Some(0.5), misses, state),
        standing(Some("tpot"), Some(0.03), misses / 2, other),
    ]
}
