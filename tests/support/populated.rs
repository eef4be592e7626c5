//! A sink with every family in it, from known values.

#[path = "runs.rs"]
mod runs;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokenbeat::{
    clock::Stamp,
    event::{Beat, BeatKey, RunResult, Skipped, SweepSkipped, TraceContext},
    measure::{
        Lateness, Measurement, Phase, Spoiled,
        catalogue::{CATALOGUE, Family, Id, Reading},
    },
    protocol::Api,
    sinks::prometheus::{BuildInfo, ProbeSeries, Prometheus},
    telemetry::LogCounter,
    timeline::{Exchange, Outcome, Retries, Timeline, TokenEvent, TokenKind},
    verdict::{Cause, Judge, Judgement, Metric, Slo, State, Threshold},
};

/// The key of the one probe, the very same at every call.
pub fn key() -> Arc<BeatKey> {
    static KEY: LazyLock<Arc<BeatKey>> = LazyLock::new(|| {
        Arc::new(BeatKey {
            target: "llama \"prod\"".into(),
            model: "meta\\llama".into(),
            probe: "canary".into(),
        })
    });
    Arc::clone(&KEY)
}

/// An SLO of these thresholds, in milliseconds.
pub fn slo(name: &str, thresholds: &[(Metric, u64)]) -> Arc<Slo> {
    let threshold = |(metric, millis): &(Metric, u64)| Threshold {
        metric: *metric,
        max: Duration::from_millis(*millis),
        objective: 0.95,
    };
    Arc::new(Slo {
        name: name.into(),
        thresholds: thresholds.iter().map(threshold).collect(),
        objective: 0.95,
        window: Duration::from_secs(86_400),
        judge: Judge::Each,
        pack: None,
    })
}

/// The SLO `interactive`.
pub fn interactive() -> Arc<Slo> {
    slo("interactive", &[(Metric::Ttft, 500), (Metric::Tpot, 30)])
}

/// The probe with these SLOs.
pub fn series(slos: Vec<Arc<Slo>>) -> ProbeSeries {
    let (interval, timeout) = (Duration::from_secs(15), Duration::from_secs(30));
    ProbeSeries { key: key(), interval, timeout, slos }
}

/// A beat that ended thus, due at a second of the calendar.
pub fn beat(due_seconds: i64, outcome: Outcome) -> Beat {
    let mut timeline = Timeline::new(Stamp::from_nanos(1), 2);
    timeline.retries = Retries { stale_connection: 1, refused_field: 0, configured: 2 };
    let event = |read, delay| TokenEvent {
        at: Stamp::from_nanos(2),
        read_delay: Some(Duration::from_micros(delay)),
        kind: TokenKind::Text,
        read,
    };
    timeline.tokens = vec![event(0, 20), event(1, 40), event(1, 40)];
    let millis = |millis| Some(Duration::from_millis(millis));
    let measurement = Measurement {
        ttft: millis(200),
        ttfo: millis(600),
        ttst: millis(40),
        e2e: millis(700),
        tpot: Some(Duration::from_nanos(43_636_364)),
        itl: vec![Duration::from_millis(40), Duration::from_millis(48)],
        phases: vec![
            (Phase::Dns, Duration::from_micros(300)),
            (Phase::Wait, Duration::from_millis(150)),
            (Phase::Decode, Duration::from_millis(480)),
        ],
        lateness: Lateness { send_lag: Some(Duration::from_micros(30)), first_token: None },
        output_tokens: Some(12),
        input_tokens: Some(200),
        cached_input_tokens: Some(64),
        reasoning_tokens: Some(4),
        ..Measurement::default()
    };
    Beat {
        key: key(),
        trace: TraceContext::of_bits(due_seconds.unsigned_abs().into(), 2),
        due_unix_nanos: due_seconds * 1_000_000_000,
        exchange: Exchange { timeline, outcome, detail: None, text: None },
        measurement,
        slos: [interactive()].into(),
        judgements: Vec::new(),
        verdicts: Vec::new(),
        spoiled: None,
        own_sweep: false,
    }
}

/// An ok beat held against `interactive`: its ttft is good, its tpot is not.
pub fn judged(due_seconds: i64) -> Beat {
    let mut beat = beat(due_seconds, Outcome::Ok);
    let missed = Cause::Missed(Metric::Tpot);
    beat.judgements = vec![Judgement { met: vec![true, false], bad: Some(missed) }];
    beat
}

/// A sink in which every family of the catalogue has a series.
pub fn sink() -> Prometheus {
    let sink = without_export();
    sink.add_source(|| {
        let reading = |id, label: &str, value| Reading { id, labels: vec![label.into()], value };
        vec![
            reading(Id::OtlpExports, "ok", 3.0),
            reading(Id::OtlpExports, "partial", 0.0),
            reading(Id::OtlpExports, "rejected", 0.0),
            reading(Id::OtlpExports, "failed", 1.0),
            reading(Id::SinkEvents, "traces", 7.0),
            reading(Id::SinkDropped, "traces", 2.0),
        ]
    });
    sink
}

/// The same, but for what an export counts of itself.
pub fn without_export() -> Prometheus {
    let sink = Prometheus::new(BuildInfo::current());
    sink.add_source(|| {
        let reading = Reading::plain;
        vec![
            reading(Id::CpuThrottled, 0.25),
            reading(Id::CpuPressure, 1.5),
            reading(Id::ProcessCpu, 12.5),
            reading(Id::ProcessResidentMemory, 8_388_608.0),
            reading(Id::ProcessVirtualMemory, 16_777_216.0),
            reading(Id::ProcessOpenFds, 12.0),
            reading(Id::ProcessMaxFds, 1024.0),
            reading(Id::ProcessStartTime, 1_763_800_000.5),
            reading(Id::ProcessThreads, 4.0),
        ]
    });
    let logs = LogCounter::default();
    sink.add_source(move || logs.readings());
    sink.add_source(telemetry);
    sink.config_applied(1_763_800_001.25, 0xfeed_face_cafe);
    sink.discovered(3, 1);
    sink.runtime_stall(Duration::from_millis(2));
    let key = key();
    let user = BTreeMap::from([("accelerator".into(), "A10G".into()), ("job".into(), "x".into())]);
    sink.set_target(&key.target, &key.model, Api::OpenaiChat, &user);
    sink.add_probe(&series(vec![interactive()]));
    for (due, outcome) in [(100, Outcome::Ok), (115, Outcome::Http5xx), (130, Outcome::Aborted)] {
        sink.started(&key);
        let ended = if outcome == Outcome::Ok {
            Beat { verdicts: vec![Some(State::Fail)], ..judged(due) }
        } else {
            beat(due, outcome)
        };
        sink.beat(&ended);
    }
    let late = Beat { spoiled: Some(Spoiled::SendLag), ..beat(145, Outcome::Ok) };
    sink.beat(&late);
    sink.skipped(&key, Skipped::Budget);
    sink.store_error();
    add_sweep(&sink);
    sink
}

/// A reading of every series that telemetry has of one target with one GPU.
pub fn telemetry() -> Vec<Reading> {
    let mut readings = Vec::new();
    for row in CATALOGUE.iter().filter(|row| row.family == Family::Telemetry) {
        let own = usize::from(!row.values.is_empty());
        let value = |label: &&'static str| match *label {
            "target" => key().target.clone(),
            "model" => key().model.clone(),
            other => other.into(),
        };
        let labels: Vec<Arc<str>> =
            row.labels[..row.labels.len() - own].iter().map(value).collect();
        let reading = |labels| Reading { id: row.id, labels, value: 0.5 };
        if own == 0 {
            readings.push(reading(labels));
            continue;
        }
        for last in row.values {
            readings.push(reading([labels.as_slice(), &[Arc::from(*last)]].concat()));
        }
    }
    readings
}

/// Adds a sweep of which one run has ended and another is on.
pub fn add_sweep(sink: &Prometheus) {
    let key = runs::sweep_key();
    sink.add_sweep(&runs::sweep(vec![interactive()]));
    sink.sweep_due(&key, 1000.0);
    sink.sweep_exchange(&key, Outcome::Ok);
    sink.sweep_ended(&Arc::new(runs::record(1000.5, RunResult::Success)));
    sink.sweep_skipped(&key, SweepSkipped::Guard);
    sink.sweep_next_run(&key, Some(3000.0));
    sink.sweep_started(&runs::started(2000));
    sink.sweep_progress(&runs::progress(0.375));
}
