//! A memory with probes and beats as they could have been.

#![expect(clippy::expect_used, reason = "a helper of tests: what fails here fails the test")]

use std::{sync::Arc, time::Duration};

use tokenbeat::{
    clock::Stamp,
    config::{
        Authorization, Budget, Connection, HeaderValue, Models, Probe, SecretSource, Target,
        TlsFiles,
    },
    event::{Beat, BeatKey, TraceContext},
    measure::{CountSource, Measurement, Phase, Spoiled},
    protocol::Api,
    sinks::recent::{ProbeView, Recent},
    timeline::{Exchange, Outcome, StampSource, Timeline, TokenEvent, TokenKind},
    verdict::{Cause, Judge, Judgement, Metric, Slo, Threshold},
    workload::Workload,
};

pub const INTERVAL: Duration = Duration::from_secs(15);

pub fn key(target: &str, model: &str, probe: &str) -> Arc<BeatKey> {
    Arc::new(BeatKey { target: target.into(), model: model.into(), probe: probe.into() })
}

pub fn slo(name: &str, ttft_ms: u64, tpot_ms: u64) -> Arc<Slo> {
    let threshold =
        |metric, max| Threshold { metric, max: Duration::from_millis(max), objective: 0.95 };
    Arc::new(Slo {
        name: name.into(),
        thresholds: vec![threshold(Metric::Ttft, ttft_ms), threshold(Metric::Tpot, tpot_ms)],
        objective: 0.95,
        window: Duration::from_secs(86_400),
        judge: Judge::Each,
        pack: None,
    })
}

pub fn view(slos: Vec<Arc<Slo>>) -> ProbeView {
    ProbeView {
        interval: INTERVAL,
        timeout: Duration::from_secs(30),
        slos,
        origin: "https://llm.example.org".into(),
        api: Api::OpenaiChat,
        connection: Connection::Fresh,
        cost_per_hour: None,
    }
}

/// An `ok` beat of the given latencies, judged by `slos`.
pub fn ok(key: &Arc<BeatKey>, due: i64, ttft: Duration, tpot: Duration, slos: &[Arc<Slo>]) -> Beat {
    let start = Stamp::from_nanos(1_000_000_000);
    let mut timeline = Timeline::new(start, 16);
    timeline.sent_start = Some(start.after(Duration::from_micros(40)));
    timeline.attempt_start = timeline.sent_start;
    timeline.sent = Some(start.after(Duration::from_millis(2)));
    timeline.headers = Some(start.after(ttft / 2));
    timeline.source = Some(StampSource::Kernel);
    timeline.status = Some(200);
    for index in 0..16 {
        timeline.tokens.push(TokenEvent {
            at: start.after(ttft + tpot * index),
            read_delay: Some(Duration::from_micros(30)),
            kind: TokenKind::Text,
            read: index,
        });
    }
    timeline.end = Some(start.after(ttft + tpot * 16));
    let miss = |slo: &Arc<Slo>| {
        let met: Vec<_> = slo
            .thresholds
            .iter()
            .map(|threshold| match threshold.metric {
                Metric::Ttft => ttft <= threshold.max,
                _ => tpot <= threshold.max,
            })
            .collect();
        let missed = met.iter().position(|met| !met);
        let bad = missed.map(|index| Cause::Missed(slo.thresholds[index].metric));
        Judgement { met, bad }
    };
    Beat {
        key: Arc::clone(key),
        trace: TraceContext::of_bits(due.unsigned_abs().into(), 2),
        due_unix_nanos: due,
        measurement: Measurement {
            ttft: Some(ttft),
            ttfo: Some(ttft),
            ttst: Some(tpot),
            e2e: Some(ttft + tpot * 16),
            tpot: Some(tpot),
            phases: vec![(Phase::Wait, ttft / 2), (Phase::Decode, tpot * 15)],
            output_tokens: Some(16),
            count_source: Some(CountSource::Usage),
            input_tokens: Some(128),
            ..Measurement::default()
        },
        exchange: Exchange { timeline, outcome: Outcome::Ok, detail: None, text: None },
        slos: slos.into(),
        judgements: slos.iter().map(miss).collect(),
        verdicts: Vec::new(),
        spoiled: None,
        own_sweep: false,
    }
}

/// A beat that failed, judged bad by `slos`.
pub fn failed(
    key: &Arc<BeatKey>,
    due: i64,
    outcome: Outcome,
    detail: &str,
    slos: &[Arc<Slo>],
) -> Beat {
    let mut timeline = Timeline::new(Stamp::from_nanos(1_000_000_000), 0);
    timeline.status = matches!(outcome, Outcome::Http5xx).then_some(503);
    let bad = |slo: &Arc<Slo>| Judgement {
        met: vec![false; slo.thresholds.len()],
        bad: Some(Cause::Failed),
    };
    Beat {
        key: Arc::clone(key),
        trace: TraceContext::of_bits(due.unsigned_abs().into(), 2),
        due_unix_nanos: due,
        exchange: Exchange { timeline, outcome, detail: Some(detail.into()), text: None },
        measurement: Measurement::default(),
        slos: slos.into(),
        judgements: slos.iter().map(bad).collect(),
        verdicts: Vec::new(),
        spoiled: None,
        own_sweep: false,
    }
}

pub fn spoiled(mut beat: Beat) -> Beat {
    beat.spoiled = Some(Spoiled::SendLag);
    beat.judgements.clear();
    beat
}

pub fn recent() -> Arc<Recent> {
    Arc::new(Recent::new())
}

/// Due times of the last `n` beats, the latest first.
pub fn dues(recent: &Recent, n: i64) -> impl Iterator<Item = i64> + use<> {
    let now = recent.now_unix_nanos();
    (0..n).map(move |index| now - 3_000_000_000 - index * 15_000_000_000)
}

/// A target with a secret in every place that can hold one.
pub fn target(url: &str) -> Arc<Target> {
    let secret = "planted-secret";
    Arc::new(Target {
        name: "t".into(),
        url: url.parse().expect("a URL"),
        api: Api::OpenaiChat,
        models: Models::List(vec!["m".into()]),
        authorization: Some(Authorization {
            scheme: "Bearer".into(),
            credentials: SecretSource::Env(secret.into()),
        }),
        http_headers: vec![(
            "x-api-key".parse().expect("a header name"),
            vec![HeaderValue::Plain(secret.parse().expect("a header value"))],
        )],
        tls: TlsFiles::default(),
        proxy_url: Some(format!("http://proxy/{secret}").parse().expect("a URL")),
        retry: None,
        labels: std::iter::once(("team".into(), secret.into())).collect(),
        cost_per_hour: None,
        budget: Budget::default(),
        exclusive_group: None,
        engine_metrics: None,
        gpu: None,
        tokenizer: None,
    })
}

pub fn probe(target: &Arc<Target>) -> Probe {
    Probe {
        name: "p".into(),
        targets: vec![Arc::clone(target)],
        workload: Arc::new(Workload::fixed("planted-secret", 16)),
        interval: INTERVAL,
        timeout: Duration::from_secs(30),
        slos: Vec::new(),
        connection: Connection::Fresh,
        maintenance: Vec::new(),
    }
}
