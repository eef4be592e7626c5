//! `/api/v1/…`: what the page shows, as JSON. Times are RFC 3339 in UTC, spans are seconds, and
//! what is undefined is left out.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::{Query, State as Extract},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    WebState,
    format::clock_time,
    summary::{Percentiles, Rank, State, Tally},
    telemetry::SourceJson,
};
use crate::{
    event::ProbeWindow,
    sinks::recent::{BeatSummary, ProbeSnapshot},
    timeline::EngineTold,
};

/// Which probes are wanted; an empty name matches all.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ApiQuery {
    target: String,
    model: String,
    probe: String,
}

impl ApiQuery {
    fn takes(&self, probe: &ProbeSnapshot) -> bool {
        let is = |wanted: &str, name: &str| wanted.is_empty() || wanted == name;
        is(&self.target, &probe.key.target)
            && is(&self.model, &probe.key.model)
            && is(&self.probe, &probe.key.probe)
    }
}

#[derive(Serialize)]
struct StatusJson {
    version: &'static str,
    state: &'static str,
    started_at: String,
    uptime_seconds: f64,
    targets: usize,
    probes: usize,
    probes_by_state: BTreeMap<&'static str, usize>,
    config: ConfigJson,
}

#[derive(Serialize)]
struct ConfigJson {
    hash: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reload_error: Option<String>,
}

pub(super) async fn status(Extract(state): Extract<WebState>) -> Response {
    let now = state.recent.now_unix_nanos();
    let probes = state.recent.snapshot();
    let status = state.status.borrow().clone();
    let mut probes_by_state: BTreeMap<_, _> =
        State::ALL.into_iter().map(|state| (state.as_str(), 0)).collect();
    for probe in &probes {
        *probes_by_state.entry(State::of(probe, now).as_str()).or_default() += 1;
    }
    let uptime = now.saturating_sub(state.started_unix_nanos) as f64;
    Json(StatusJson {
        version: env!("CARGO_PKG_VERSION"),
        state: status.readiness.as_str(),
        started_at: clock_time(state.started_unix_nanos),
        uptime_seconds: uptime / 1e9,
        targets: by_target(&probes).len(),
        probes: probes.len(),
        probes_by_state,
        config: ConfigJson {
            hash: status.config_hash,
            applied_at: status.config_applied_unix_nanos.map(clock_time),
            reload_error: status.reload_error,
        },
    })
    .into_response()
}

#[derive(Serialize)]
struct TargetJson<'a> {
    target: &'a str,
    origin: &'a str,
    api: &'static str,
    state: &'static str,
    subjects: Vec<SubjectJson<'a>>,
    /// Where its engine and its GPUs are read from; empty if from nowhere.
    telemetry: Vec<SourceJson<'a>>,
}

#[derive(Serialize)]
struct SubjectJson<'a> {
    model: &'a str,
    probe: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Why its last minutes missed an SLO.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
}

impl<'a> SubjectJson<'a> {
    fn of(probe: &'a ProbeSnapshot, window: Option<&ProbeWindow>, now: i64) -> Self {
        let degraded = window.and_then(|window| window.degraded.as_ref());
        let state = State::of(probe, now);
        Self {
            model: &probe.key.model,
            probe: &probe.key.probe,
            state: state.as_str(),
            reason: state.reason(probe),
            cause: degraded.map(|degraded| degraded.cause.cause.as_str()),
        }
    }
}

pub(super) async fn targets(
    Extract(state): Extract<WebState>,
    Query(query): Query<ApiQuery>,
) -> Response {
    let now = state.recent.now_unix_nanos();
    let mut probes = state.recent.snapshot();
    let (windows, sources) = (state.beside.windows(&probes), state.beside.sources());
    probes.retain(|probe| query.takes(probe));
    let targets: Vec<_> = by_target(&probes)
        .into_iter()
        .filter_map(|(target, probes)| {
            let view = &probes.first()?.view;
            Some(TargetJson {
                target,
                origin: &view.origin,
                api: view.api.as_str(),
                state: probes.iter().map(|probe| State::of(probe, now)).min()?.as_str(),
                subjects: probes
                    .iter()
                    .map(|probe| SubjectJson::of(probe, windows.get(&probe.key), now))
                    .collect(),
                telemetry: sources
                    .get(target)
                    .map(|sources| sources.iter().map(SourceJson::of).collect())
                    .unwrap_or_default(),
            })
        })
        .collect();
    Json(targets).into_response()
}

fn by_target(probes: &[ProbeSnapshot]) -> BTreeMap<&str, Vec<&ProbeSnapshot>> {
    let mut targets: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for probe in probes {
        targets.entry(&probe.key.target).or_default().push(probe);
    }
    targets
}

#[derive(Serialize)]
struct ProbeJson<'a> {
    target: &'a str,
    model: &'a str,
    probe: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    interval_seconds: f64,
    timeout_seconds: f64,
    slos: Vec<SloJson>,
    ttft: PercentilesJson,
    tpot: PercentilesJson,
    e2e: PercentilesJson,
    /// Its last five minutes beside what its engine and GPUs told; these have the form that they
    /// have in a run's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<&'a ProbeWindow>,
    beats: Vec<BeatJson<'a>>,
    failures: Vec<BeatJson<'a>>,
}

#[derive(Serialize)]
struct SloJson {
    slo: String,
    objective_ratio: f64,
    thresholds_seconds: BTreeMap<&'static str, f64>,
    judged: usize,
    good: usize,
}

#[derive(Serialize)]
struct PercentilesJson {
    n: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50: Option<RankJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p95: Option<RankJson>,
}

/// JSON has no infinity: `seconds` is null then.
#[derive(Serialize)]
struct RankJson {
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    infinite: bool,
}

#[derive(Serialize)]
struct BeatJson<'a> {
    due: String,
    trace_id: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpot_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e2e_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count_source: Option<&'static str>,
    /// For each SLO why the beat is bad; null where it is good.
    bad: Vec<Option<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spoiled: Option<&'static str>,
    /// Whether one of our own sweeps ran beside it, so that it enters no number.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    own_sweep: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stamp_source: Option<&'static str>,
    retries: u32,
    phases_seconds: BTreeMap<&'static str, f64>,
    /// What the engine told in the answer of its own time.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    engine_seconds: BTreeMap<&'static str, f64>,
}

pub(super) async fn probes(
    Extract(state): Extract<WebState>,
    Query(query): Query<ApiQuery>,
) -> Response {
    let now = state.recent.now_unix_nanos();
    let mut probes = state.recent.snapshot();
    let windows = state.beside.windows(&probes);
    probes.retain(|probe| query.takes(probe));
    let probes: Vec<_> =
        probes.iter().map(|probe| ProbeJson::of(probe, windows.get(&probe.key), now)).collect();
    Json(probes).into_response()
}

impl<'a> ProbeJson<'a> {
    fn of(probe: &'a ProbeSnapshot, window: Option<&'a ProbeWindow>, now: i64) -> Self {
        let state = State::of(probe, now);
        Self {
            target: &probe.key.target,
            model: &probe.key.model,
            probe: &probe.key.probe,
            state: state.as_str(),
            reason: state.reason(probe),
            interval_seconds: probe.view.interval.as_secs_f64(),
            timeout_seconds: probe.view.timeout.as_secs_f64(),
            slos: Tally::of(probe).iter().map(SloJson::of).collect(),
            ttft: Percentiles::of(&probe.beats, |beat| beat.ttft).into(),
            tpot: Percentiles::of(&probe.beats, |beat| beat.tpot).into(),
            e2e: Percentiles::of(&probe.beats, |beat| beat.e2e).into(),
            window,
            beats: probe.beats.iter().map(|beat| BeatJson::of(beat)).collect(),
            failures: probe.failures.iter().map(|beat| BeatJson::of(beat)).collect(),
        }
    }
}

impl SloJson {
    fn of(tally: &Tally) -> Self {
        let thresholds = tally.slo.thresholds.iter();
        Self {
            slo: tally.slo.name.to_string(),
            objective_ratio: tally.slo.objective,
            thresholds_seconds: thresholds
                .map(|threshold| (threshold.metric.as_str(), threshold.max.as_secs_f64()))
                .collect(),
            judged: tally.judged,
            good: tally.good,
        }
    }
}

impl From<Percentiles> for PercentilesJson {
    fn from(percentiles: Percentiles) -> Self {
        let rank = |rank| match rank {
            Rank::Finite(value) => RankJson { seconds: Some(value.as_secs_f64()), infinite: false },
            Rank::Infinite => RankJson { seconds: None, infinite: true },
        };
        Self { n: percentiles.n, p50: percentiles.p50.map(rank), p95: percentiles.p95.map(rank) }
    }
}

impl<'a> BeatJson<'a> {
    fn of(beat: &'a BeatSummary) -> Self {
        let seconds = |value: Option<Duration>| value.map(|value| value.as_secs_f64());
        Self {
            due: clock_time(beat.due_unix_nanos),
            trace_id: beat.trace.to_string(),
            outcome: beat.outcome.as_str(),
            detail: beat.detail.as_deref(),
            status: beat.status,
            ttft_seconds: seconds(beat.ttft),
            tpot_seconds: seconds(beat.tpot),
            e2e_seconds: seconds(beat.e2e),
            output_tokens: beat.output_tokens,
            count_source: beat.count_source.map(|source| source.as_str()),
            bad: beat.judged.iter().map(|bad| bad.map(|why| why.as_str())).collect(),
            spoiled: beat.spoiled.map(|why| why.as_str()),
            own_sweep: beat.own_sweep,
            stamp_source: beat.source.map(|source| source.as_str()),
            retries: beat.retries.total(),
            phases_seconds: beat
                .phases
                .iter()
                .map(|(phase, took)| (phase.as_str(), took.as_secs_f64()))
                .collect(),
            engine_seconds: beat
                .told
                .iter()
                .flat_map(EngineTold::times)
                .map(|(of, took)| (of.as_str(), took.as_secs_f64()))
                .collect(),
        }
    }
}
