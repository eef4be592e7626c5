//! What the page shows, in words: everything that a template needs and nothing that it must
//! compute.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    failures::TargetFailures,
    filter::Filter,
    format::{ago, clock_time, day_time, duration, percent, ratio, setting, span},
    sparkline::Sparkline,
    state::{DaemonStatus, Readiness},
    summary::{Percentiles, Rank, State, Tally},
    sweeps_view::SweepRow,
    telemetry::{CauseNote, SourcesRow},
};
use crate::{
    event::{BeatKey, ProbeWindow, TelemetrySource, Trace},
    measure::CountSource,
    sinks::{
        recent::{BeatSummary, ProbeSnapshot},
        sweeps::SweepSnapshot,
    },
    timeline::Outcome,
    verdict::Metric,
};

/// Rows shown at most; a page of more helps nobody, and it is fetched every two seconds.
const ROWS: usize = 200;

/// The part of the page that changes.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) uptime: String,
    pub(super) targets: usize,
    pub(super) probes: usize,
    pub(super) overall: Overall,
    pub(super) counts: Vec<StateCount>,
    pub(super) reload_error: Option<String>,
    pub(super) readiness: Readiness,
    pub(super) rows: Vec<Row>,
    pub(super) matching: usize,
    pub(super) failures: Vec<TargetFailures>,
    pub(super) sweeps: Vec<SweepRow>,
    pub(super) telemetry: Vec<SourcesRow>,
    pub(super) time: String,
    pub(super) time_words: String,
}

/// The state of all probes together.
#[derive(Debug)]
pub(super) struct Overall {
    pub(super) state: State,
    pub(super) words: String,
}

/// How many probes are in a state, and the link that shows only them, or all again.
#[derive(Debug)]
pub(super) struct StateCount {
    pub(super) state: State,
    pub(super) count: usize,
    pub(super) chosen: bool,
    pub(super) link: String,
}

/// One probe.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) state: State,
    pub(super) key: Arc<BeatKey>,
    pub(super) interval: String,
    pub(super) timeout: String,
    pub(super) origin: String,
    pub(super) latencies: [Latency; 2],
    pub(super) slos: Vec<SloCell>,
    pub(super) last: Option<LastBeat>,
    pub(super) spoiled: usize,
    /// Beats beside our own sweeps.
    pub(super) swept: usize,
    pub(super) failure: Option<Failure>,
    /// Why it cannot be measured.
    pub(super) unmeasured: Option<String>,
    /// Why its last minutes missed an SLO.
    pub(super) cause: Option<CauseNote>,
}

/// What there is to show at one moment.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) probes: &'a [ProbeSnapshot],
    /// Their last minutes.
    pub(super) windows: &'a BTreeMap<Arc<BeatKey>, ProbeWindow>,
    pub(super) sweeps: &'a [SweepSnapshot],
    /// Traces of failures, by target.
    pub(super) failed: &'a BTreeMap<Arc<str>, Vec<Arc<Trace>>>,
    /// Sources of telemetry, by target.
    pub(super) sources: &'a BTreeMap<Arc<str>, Vec<TelemetrySource>>,
}

/// The beat with the latest due time.
#[derive(Debug)]
pub(super) struct LastBeat {
    pub(super) ago: String,
    pub(super) time: String,
    pub(super) outcome: Outcome,
    pub(super) e2e: Option<String>,
    pub(super) tokens: Option<String>,
    pub(super) spoiled: Option<&'static str>,
    pub(super) own_sweep: bool,
}

/// One latency of a probe.
#[derive(Debug)]
pub(super) struct Latency {
    pub(super) name: &'static str,
    pub(super) last: Option<String>,
    pub(super) thresholds: Vec<ThresholdCell>,
    pub(super) percentiles: Option<(String, String)>,
    pub(super) n: usize,
    pub(super) spark: Sparkline,
}

/// One threshold beside the last value.
#[derive(Debug)]
pub(super) struct ThresholdCell {
    pub(super) max: String,
    pub(super) slo: Arc<str>,
    pub(super) met: Option<bool>,
}

/// One SLO over the remembered beats.
#[derive(Debug)]
pub(super) struct SloCell {
    pub(super) name: Arc<str>,
    pub(super) ratio: Option<String>,
    pub(super) good: usize,
    pub(super) judged: usize,
    pub(super) objective: String,
    pub(super) reaches: Option<bool>,
}

/// The last failure of a probe.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) ago: String,
    pub(super) time: String,
    pub(super) outcome: &'static str,
    pub(super) detail: String,
}

impl Live {
    /// The page of what is `seen` at `now`.
    pub(super) fn of(
        seen: &Seen<'_>,
        status: &DaemonStatus,
        started_unix_nanos: i64,
        now: i64,
        filter: &Filter,
    ) -> Self {
        let Seen { probes, windows, sweeps, failed, sources } = *seen;
        let mut stand: Vec<_> = probes.iter().map(|probe| (State::of(probe, now), probe)).collect();
        stand.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.key.cmp(&other.key)));
        let counts: Vec<_> = State::ALL
            .into_iter()
            .map(|state| StateCount {
                state,
                count: stand.iter().filter(|(other, _)| *other == state).count(),
                chosen: filter.state == Some(state),
                link: filter.link(state),
            })
            .filter(|count| count.count > 0 || count.chosen)
            .collect();
        let mut targets: Vec<_> = probes.iter().map(|probe| &probe.key.target).collect();
        targets.dedup();
        let wanted: Vec<_> =
            stand.iter().filter(|(state, probe)| filter.takes(*state, &probe.key)).collect();
        let shown: BTreeSet<&BeatKey> = wanted.iter().map(|(_, probe)| &*probe.key).collect();
        let failures = TargetFailures::of_all(failed, now, |key| shown.contains(key));
        let sweeps = SweepRow::of_all(sweeps, now, |sweep| filter.takes_sweep(&sweep.key));
        let row = |(state, probe): &&(State, &ProbeSnapshot)| {
            Row::of(*state, probe, windows.get(&probe.key), now)
        };
        Self {
            uptime: span(now.saturating_sub(started_unix_nanos)),
            targets: targets.len(),
            probes: probes.len(),
            overall: Overall::of(&counts, probes.len()),
            rows: wanted.iter().take(ROWS).map(row).collect(),
            matching: wanted.len(),
            counts,
            reload_error: status
                .reload_error
                .as_deref()
                .map(|error| error.lines().next().unwrap_or_default().to_owned()),
            readiness: status.readiness,
            failures,
            sweeps,
            telemetry: SourcesRow::of_all(sources, now, filter),
            time: clock_time(now),
            time_words: day_time(now),
        }
    }
}

impl Overall {
    fn of(counts: &[StateCount], probes: usize) -> Self {
        let present = counts.iter().filter(|count| count.count > 0);
        let state = present.clone().map(|count| count.state).min().unwrap_or(State::Waiting);
        let words = match state {
            State::Waiting if probes == 0 => "no probes are configured".to_owned(),
            State::Ok => match probes {
                1 => "the probe is ok".to_owned(),
                _ => format!("all {probes} probes are ok"),
            },
            _ => present
                .map(|count| format!("{} {}", count.count, count.state.as_str()))
                .collect::<Vec<_>>()
                .join(", "),
        };
        Self { state, words }
    }
}

impl Row {
    fn of(state: State, probe: &ProbeSnapshot, window: Option<&ProbeWindow>, now: i64) -> Self {
        let view = &probe.view;
        Self {
            state,
            key: Arc::clone(&probe.key),
            interval: setting(view.interval),
            timeout: setting(view.timeout),
            origin: view.origin.clone(),
            latencies: [
                Latency::of("TTFT", Metric::Ttft, probe, |beat| beat.ttft),
                Latency::of("TPOT", Metric::Tpot, probe, |beat| beat.tpot),
            ],
            slos: Tally::of(probe).iter().map(SloCell::of).collect(),
            last: probe.beats.last().map(|beat| LastBeat::of(beat, now)),
            spoiled: probe.beats.iter().filter(|beat| beat.spoiled.is_some()).count(),
            swept: probe.beats.iter().filter(|beat| beat.own_sweep).count(),
            failure: probe.failures.last().map(|beat| Failure::of(beat, now)),
            unmeasured: state.reason(probe).map(str::to_owned),
            cause: window.and_then(|window| window.degraded.as_ref()).map(CauseNote::of),
        }
    }
}

impl LastBeat {
    fn of(beat: &BeatSummary, now: i64) -> Self {
        let counted = |tokens| match beat.count_source {
            Some(CountSource::Events) => format!("{tokens} tokens, counted from events"),
            Some(CountSource::Tokenizer) => format!("{tokens} tokens, counted by the tokenizer"),
            Some(CountSource::Usage) | None => format!("{tokens} tokens"),
        };
        Self {
            ago: ago(now, beat.due_unix_nanos),
            time: clock_time(beat.due_unix_nanos),
            outcome: beat.outcome,
            e2e: beat.e2e.map(duration),
            tokens: beat.output_tokens.map(counted),
            spoiled: beat.spoiled.map(|why| why.as_str()),
            own_sweep: beat.own_sweep,
        }
    }
}

impl Latency {
    fn of(
        name: &'static str,
        metric: Metric,
        probe: &ProbeSnapshot,
        value: impl Fn(&BeatSummary) -> Option<Duration>,
    ) -> Self {
        let last = probe.beats.last().and_then(|beat| value(beat));
        let mut thresholds: Vec<_> = probe
            .view
            .slos
            .iter()
            .flat_map(|slo| slo.thresholds.iter().map(move |threshold| (slo, threshold)))
            .filter(|(_, threshold)| threshold.metric == metric)
            .map(|(slo, threshold)| (threshold.max, slo))
            .collect();
        thresholds.sort_by_key(|(max, _)| *max);
        let percentiles = Percentiles::of(&probe.beats, &value);
        let tightest = thresholds.first().map(|(max, _)| *max);
        Self {
            name,
            last: last.map(duration),
            percentiles: percentiles
                .p50
                .zip(percentiles.p95)
                .map(|(p50, p95)| (written(p50), written(p95))),
            n: percentiles.n,
            spark: Sparkline::of(&probe.beats, tightest, &value),
            thresholds: thresholds
                .into_iter()
                .map(|(max, slo)| ThresholdCell {
                    max: setting(max),
                    slo: Arc::clone(&slo.name),
                    met: last.map(|last| last <= max),
                })
                .collect(),
        }
    }
}

impl SloCell {
    fn of(tally: &Tally) -> Self {
        Self {
            name: Arc::clone(&tally.slo.name),
            ratio: percent(tally.good, tally.judged),
            good: tally.good,
            judged: tally.judged,
            objective: ratio(tally.slo.objective),
            reaches: tally.reaches(),
        }
    }
}

impl Failure {
    fn of(beat: &BeatSummary, now: i64) -> Self {
        Self {
            ago: ago(now, beat.due_unix_nanos),
            time: clock_time(beat.due_unix_nanos),
            outcome: beat.outcome.as_str(),
            detail: beat.detail.as_deref().unwrap_or_default().to_owned(),
        }
    }
}

fn written(rank: Rank) -> String {
    match rank {
        Rank::Finite(value) => duration(value),
        Rank::Infinite => "∞".to_owned(),
    }
}
