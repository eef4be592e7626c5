//! Runs of a sweep, from known values.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokenbeat::{
    event::{
        Achieved, Compared, Environment, Findings, Latency, LoadRecord, Progress, Rates,
        Regression, Retried, RunKey, RunRecord, RunResult, RunStarted, SCHEMA_VERSION, StepRecord,
        Tokens, Trigger, Validity, Window,
    },
    sinks::prometheus::SweepSeries,
    verdict::{Slo, State},
};

/// The key of the one sweep.
pub fn sweep_key() -> Arc<RunKey> {
    static KEY: LazyLock<Arc<RunKey>> = LazyLock::new(|| {
        Arc::new(RunKey {
            target: "llama \"prod\"".into(),
            model: "meta\\llama".into(),
            sweep: "nightly".into(),
        })
    });
    Arc::clone(&KEY)
}

/// The sweep with these SLOs.
pub fn sweep(slos: Vec<Arc<Slo>>) -> SweepSeries {
    SweepSeries { key: sweep_key(), max_duration: Duration::from_secs(1800), slos }
}

/// A run that began at a second of the calendar.
pub fn started(at: i64) -> RunStarted {
    RunStarted { key: sweep_key(), id: "a".into(), at_unix_nanos: at * 1_000_000_000, steps: 2 }
}

/// A run that is so far.
pub fn progress(ratio: f64) -> Progress {
    Progress {
        key: sweep_key(),
        step: 1,
        steps: 2,
        doing: "settling".into(),
        ratio,
        ended: 7,
        of: Some(10),
        failed: 0,
        in_flight: 3,
        ttft_p50: None,
        output_tokens_per_second: None,
    }
}

/// A latency whose percentiles are `scale` times 1, 2, 3 …; the p99 is among the failed.
fn latency(scale: f64) -> Latency {
    Latency {
        n: 200,
        failed: 4,
        n_ok: 196,
        infinite: true,
        p50: Some(scale),
        p75: Some(2.0 * scale),
        p90: Some(3.0 * scale),
        p95: Some(4.0 * scale),
        ..Latency::default()
    }
}

/// A step of this load, on which nothing speaks against its numbers.
pub fn step(number: u32, load: LoadRecord) -> StepRecord {
    let latencies = [("ttft", 0.25), ("tpot", 0.03125), ("itl", 0.0625), ("e2e", 2.0)];
    StepRecord {
        step: number,
        workload: "chat".into(),
        load,
        achieved: Achieved::default(),
        window: Window::default(),
        n: 200,
        outcomes: BTreeMap::new(),
        latencies: latencies
            .map(|(name, scale)| (name.to_owned(), latency(scale * f64::from(number + 1))))
            .into(),
        rates: Rates {
            cost_dollars_per_million_output_tokens: None,
            requests_per_second: Some(10.0),
            output_tokens_per_second: Some(1280.0),
            goodput_requests_per_second: Some(9.5),
            goodput_ratio: Some(0.95),
            success_ratio: Some(0.98),
            ..Rates::default()
        },
        tokens: Tokens::default(),
        retried: Retried::default(),
        validity: Validity::default(),
        engine: None,
        gpu: None,
        cause: None,
        standings: Vec::new(),
        stopped: None,
        warnings: Vec::new(),
        compat: BTreeMap::new(),
    }
}

/// A run of a closed and an open step that ended so, ten minutes after its start.
pub fn record(started_at: f64, result: RunResult) -> RunRecord {
    let closed = LoadRecord { concurrency: Some(20), ..LoadRecord::default() };
    let open = LoadRecord { requests_per_second: Some(12.5), ..LoadRecord::default() };
    let key = sweep_key();
    RunRecord {
        schema_version: SCHEMA_VERSION,
        id: format!("run-{started_at}"),
        tokenbeat_version: "0.1.0".into(),
        trigger: Trigger::Schedule,
        result,
        reason: None,
        due_at: started_at - 0.5,
        started_at,
        ended_at: started_at + 600.0,
        sweep: key.sweep.as_ref().into(),
        scenario: "throughput_benchmark".into(),
        target: key.target.as_ref().into(),
        origin: "http://127.0.0.1:8000".into(),
        model: key.model.as_ref().into(),
        api: "openai_chat".into(),
        engine: None,
        environment: Environment::default(),
        labels: BTreeMap::new(),
        cost_per_hour: Some(1.5),
        seed: 7,
        sizing: None,
        workloads: BTreeMap::new(),
        calibration: None,
        steps: vec![step(0, closed), step(1, open)],
        findings: Findings {
            max_output_tokens_per_second: Some(1280.0),
            knee_concurrency: Some(20.0),
            knee_requests_per_second: Some(12.5),
            max_goodput_requests_per_second: Some(9.5),
            cost_dollars_per_million_output_tokens: Some(0.325),
            joules_per_output_token: Some(1.25),
            verdicts: BTreeMap::from([("interactive".to_owned(), State::Fail)]),
            ..Findings::default()
        },
    }
}

/// Every number of a step and of the run, held against earlier runs; one is worse.
pub fn regressions() -> Vec<Regression> {
    let of = |metric: Compared| Regression {
        step: match metric {
            Compared::MaxGoodput | Compared::MaxOutputTokens => None,
            _ => Some(1),
        },
        metric,
        active: metric == Compared::TtftP50,
        change_ratio: Some(0.25).filter(|_| metric != Compared::E2eP99),
        p_value: 0.0625,
        baseline_runs: 20,
        last_change_at: Some(500.0),
    };
    Compared::ALL.map(of).into()
}
