//! The instruments of one probe of one subject, and what one beat does to them.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

use super::{
    buckets,
    exemplars::{Exemplars, Origin},
    group::{Builder, Gauge, Group, Label, count},
    slo::{self, Excluded, SloSeries},
};
use crate::{
    clock::unix_seconds,
    event::{Beat, BeatKey, Kept, Skipped},
    measure::{
        Measurement, Phase, Spoiled,
        catalogue::{Buckets, Id, Kind},
    },
    timeline::{Outcome, Retries},
    verdict::{Metric, Slo},
};

/// A probe of one subject, as the sink needs to know it.
#[derive(Clone, Debug)]
pub struct ProbeSeries {
    /// Whose series they are.
    pub key: Arc<BeatKey>,
    /// Time between beats.
    pub interval: Duration,
    /// Longest beat.
    pub timeout: Duration,
    /// What it is held against.
    pub slos: Vec<Arc<Slo>>,
}

const UNMEASURED: [Outcome; 2] = [Outcome::Aborted, Outcome::Local];

type Values = fn(&Measurement) -> &[Duration];
type Count = fn(&Measurement) -> Option<u64>;

/// The six latencies with a histogram: the metric, where its thresholds become boundaries, and
/// where its values come from.
const LATENCIES: [(Id, Metric, Values); 6] = [
    (Id::ProbeTtft, Metric::Ttft, |of| of.ttft.as_slice()),
    (Id::ProbeTtfo, Metric::Ttfo, |of| of.ttfo.as_slice()),
    (Id::ProbeTtst, Metric::Ttst, |of| of.ttst.as_slice()),
    (Id::ProbeTpot, Metric::Tpot, |of| of.tpot.as_slice()),
    (Id::ProbeItl, Metric::Itl, |of| &of.itl),
    (Id::ProbeE2e, Metric::E2e, |of| of.e2e.as_slice()),
];

/// The token counters and where their counts come from.
const TOKENS: [(Id, Count); 4] = [
    (Id::ProbeInputTokens, |of| of.input_tokens),
    (Id::ProbeCachedInputTokens, |of| of.cached_input_tokens),
    (Id::ProbeOutputTokens, |of| of.output_tokens),
    (Id::ProbeReasoningTokens, |of| of.reasoning_tokens),
];

#[derive(Debug)]
pub(super) struct Probe {
    pub(super) group: Group,
    /// In the order of the probe.
    pub(super) slos: Vec<SloSeries>,
    /// The keys of the subjects that count here: of the one that beats, and of those before it
    /// whose beats may still be in flight.
    keys: Vec<Weak<BeatKey>>,
    interval: Duration,
    attempts: Counter,
    failures: Vec<(Outcome, Counter, Arc<Exemplars>)>,
    unmeasured: [Counter; UNMEASURED.len()],
    spoiled: [Counter; Spoiled::ALL.len()],
    skipped: [Counter; Skipped::ALL.len()],
    retries: [Counter; Retries::REASONS.len()],
    success: Gauge,
    last_attempt: Gauge,
    last_success: Gauge,
    inflight: Gauge,
    latencies: [(Histogram, Arc<Exemplars>); LATENCIES.len()],
    phases: [Histogram; Phase::ALL.len()],
    tokens: [Counter; TOKENS.len()],
    progress: Arc<Mutex<Progress>>,
}

/// What the last-value gauges follow from; outlives a reload with its gauges.
#[derive(Debug, Default)]
struct Progress {
    inflight: u32,
    last_due: Option<i64>,
    last_success_due: Option<i64>,
}

impl Probe {
    /// The series of a probe, with what `old`, which they replace, has counted.
    pub(super) fn new(probe: &ProbeSeries, old: Option<&Self>) -> Self {
        let labels: Vec<Label> = vec![
            ("target".into(), Arc::clone(&probe.key.target)),
            ("model".into(), Arc::clone(&probe.key.model)),
            ("probe".into(), Arc::clone(&probe.key.probe)),
        ];
        let old_slo = |name: &str| old?.slos.iter().find(|series| &*series.slo.name == name);
        let beats = match old {
            Some(old) if old.interval == probe.interval => slo::Beats::Same,
            _ => slo::Beats::Others,
        };
        let slo = |slo| SloSeries::new(&labels, slo, old_slo(&slo.name), beats);
        let slos = probe.slos.iter().map(slo).collect();
        let before = old.map_or(&[][..], |old| &old.keys);
        let mut keys: Vec<_> =
            before.iter().filter(|key| key.strong_count() > 0).cloned().collect();
        keys.push(Arc::downgrade(&probe.key));
        let mut series = Builder::new(labels, old.map(|old| &old.group));
        series.gauge(Id::ProbeInterval, None).set(probe.interval.as_secs_f64());
        series.gauge(Id::ProbeTimeout, None).set(probe.timeout.as_secs_f64());
        let inflight = series.gauge(Id::ProbeInflight, None);
        if old.is_none() {
            inflight.set(0.0);
        }
        let mut failures = Vec::new();
        for outcome in Outcome::ALL.into_iter().filter(|outcome| outcome.is_failure()) {
            let reason = Some(outcome.as_str());
            let (counter, exemplars) = series.traced_counter(Id::ProbeFailures, reason);
            failures.push((outcome, counter, exemplars));
        }
        Self {
            slos,
            keys,
            interval: probe.interval,
            attempts: series.counter(Id::ProbeAttempts, None),
            failures,
            unmeasured: UNMEASURED
                .map(|one| series.counter(Id::ProbeUnmeasured, Some(one.as_str()))),
            spoiled: Spoiled::ALL.map(|one| series.counter(Id::ProbeSpoiled, Some(one.as_str()))),
            skipped: Skipped::ALL.map(|one| series.counter(Id::ProbeSkipped, Some(one.as_str()))),
            retries: Retries::REASONS.map(|one| series.counter(Id::ProbeRetries, Some(one))),
            success: series.gauge(Id::ProbeSuccess, None),
            last_attempt: series.gauge(Id::ProbeLastAttempt, None),
            last_success: series.gauge(Id::ProbeLastSuccess, None),
            inflight,
            latencies: LATENCIES.map(|(id, metric, _)| {
                let bounds = buckets::with_thresholds(standing(id), metric, &probe.slos);
                series.traced_histogram(id, bounds)
            }),
            phases: Phase::ALL.map(|phase| {
                let bounds = standing(Id::ProbePhase).bounds().to_vec();
                series.histogram(Id::ProbePhase, Some(phase.as_str()), bounds)
            }),
            tokens: TOKENS.map(|(id, _)| series.counter(id, None)),
            progress: old.map_or_else(Arc::default, |old| Arc::clone(&old.progress)),
            group: series.build(),
        }
    }

    /// Whether the subject of `key` counts here. One of that name that was removed before does not:
    /// its late beats are no part of the series that came after.
    pub(super) fn counts(&self, key: &BeatKey) -> bool {
        self.keys.iter().any(|known| std::ptr::eq(known.as_ptr(), key))
    }

    /// A beat was sent.
    pub(super) fn started(&self) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.inflight = progress.inflight.saturating_add(1);
        self.inflight.set(f64::from(progress.inflight));
    }

    /// A beat was due and not sent.
    pub(super) fn skipped(&self, reason: Skipped) {
        count(&Skipped::ALL, &self.skipped, reason);
    }

    /// A beat has ended: everything that follows, once. Its trace is an exemplar if it was kept.
    pub(super) fn ended(&self, beat: &Beat, kept: Option<Kept>) {
        let outcome = beat.exchange.outcome;
        self.last_values(beat);
        let retries = beat.exchange.timeline.retries;
        for (counter, count) in self.retries.iter().zip(retries.by_reason()) {
            counter.inc_by(count.into());
        }
        // Tokens are spent whatever became of the beat.
        for ((_, tokens), counter) in TOKENS.iter().zip(&self.tokens) {
            counter.inc_by(tokens(&beat.measurement).unwrap_or(0));
        }
        if !outcome.is_measured() {
            count(&UNMEASURED, &self.unmeasured, outcome);
            let aborted = outcome == Outcome::Aborted;
            self.exclude(beat, if aborted { Excluded::Aborted } else { Excluded::Client });
            return;
        }
        self.attempts.inc();
        let origin = kept.map(|_| Origin::of(beat));
        for (_, counter, exemplars) in self.failures.iter().filter(|one| one.0 == outcome) {
            counter.inc();
            if let Some(origin) = origin {
                exemplars.counted(origin);
            }
        }
        if let Some(reason) = beat.spoiled {
            count(&Spoiled::ALL, &self.spoiled, reason);
            if !beat.own_sweep {
                self.exclude(beat, Excluded::Client);
            }
        }
        if beat.own_sweep {
            self.exclude(beat, Excluded::OwnSweep);
        }
        if beat.own_sweep || beat.spoiled.is_some() {
            return;
        }
        if outcome == Outcome::Ok {
            self.observe(&beat.measurement, origin);
        }
        for (slo, judgement) in beat.slos.iter().zip(&beat.judgements) {
            self.under(slo).for_each(|series| series.judged(judgement));
        }
        for (slo, verdict) in beat.slos.iter().zip(&beat.verdicts) {
            if let Some(state) = verdict {
                self.under(slo).for_each(|series| series.verdict(*state));
            }
        }
    }

    /// The series of the very SLO that a beat was held against; none if a reload has changed it or
    /// taken it away.
    fn under(&self, slo: &Arc<Slo>) -> impl Iterator<Item = &SloSeries> {
        self.slos.iter().filter(move |series| series.slo == *slo)
    }

    fn observe(&self, measurement: &Measurement, origin: Option<Origin>) {
        for ((_, _, values), (histogram, exemplars)) in LATENCIES.iter().zip(&self.latencies) {
            for value in values(measurement) {
                let value = value.as_secs_f64();
                histogram.observe(value);
                if let Some(origin) = origin {
                    exemplars.observe(value, origin);
                }
            }
        }
        for (phase, took) in &measurement.phases {
            for (known, histogram) in Phase::ALL.iter().zip(&self.phases) {
                if known == phase {
                    histogram.observe(took.as_secs_f64());
                }
            }
        }
    }

    fn exclude(&self, beat: &Beat, reason: Excluded) {
        for slo in &*beat.slos {
            self.under(slo).for_each(|series| series.excluded(reason));
        }
    }

    /// The gauges that speak of the latest beat. Beats overlap, so an older one may end later: it
    /// must not overwrite what a younger one said.
    fn last_values(&self, beat: &Beat) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.inflight = progress.inflight.saturating_sub(1);
        self.inflight.set(f64::from(progress.inflight));
        let outcome = beat.exchange.outcome;
        if !outcome.is_measured() {
            return;
        }
        let due = beat.due_unix_nanos;
        let ok = outcome == Outcome::Ok;
        if progress.last_due.is_none_or(|last| due >= last) {
            progress.last_due = Some(due);
            self.success.set(f64::from(u8::from(ok)));
            self.last_attempt.set(unix_seconds(due));
        }
        if ok && progress.last_success_due.is_none_or(|last| due >= last) {
            progress.last_success_due = Some(due);
            self.last_success.set(unix_seconds(due));
        }
    }
}

/// The standing boundaries of a histogram of the catalogue.
const fn standing(id: Id) -> Buckets {
    match id.row().kind {
        Kind::Histogram(buckets) => buckets,
        // Only rows of histograms are asked for.
        Kind::Counter | Kind::Gauge => Buckets::Phase,
    }
}
