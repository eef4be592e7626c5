//! The instruments of one SLO of one probe.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;

use super::group::{Builder, Gauge, Group, Label};
use crate::{
    measure::catalogue::Id,
    verdict::{Cause, Judgement, Metric, Slo, State},
};

/// Why a beat is not held against an SLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excluded {
    /// One of our own sweeps ran on the endpoint.
    OwnSweep,
    /// We were late, or short of something, ourselves.
    Client,
    /// We gave it up.
    Aborted,
}

const EXCLUDED: [(Excluded, &str); 3] = [
    (Excluded::OwnSweep, "own_sweep"),
    (Excluded::Client, "client"),
    (Excluded::Aborted, "aborted"),
];

/// Whether the beats of a probe weigh in its verdicts as they did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beats {
    /// At the same interval.
    Same,
    /// At another one.
    Others,
}

#[derive(Debug)]
pub(super) struct SloSeries {
    pub(super) slo: Arc<Slo>,
    pub(super) group: Group,
    requests: Counter,
    good: Counter,
    bad: Vec<(Cause, Counter)>,
    /// In the order of the SLO's thresholds.
    met: Vec<Counter>,
    excluded: [Counter; EXCLUDED.len()],
    verdict: [Gauge; State::ALL.len()],
}

impl SloSeries {
    /// The series of `slo` under the labels of a probe, with what `old` has counted. The verdict of
    /// `old` stands if that is on the same beats.
    pub(super) fn new(probe: &[Label], slo: &Arc<Slo>, old: Option<&Self>, beats: Beats) -> Self {
        let mut labels = probe.to_vec();
        labels.push(("slo".into(), Arc::clone(&slo.name)));
        let mut series = Builder::new(labels, old.map(|old| &old.group));
        series.gauge(Id::SloObjective, None).set(slo.objective);
        let metrics: Vec<Metric> = slo.thresholds.iter().map(|one| one.metric).collect();
        for threshold in &slo.thresholds {
            let gauge = series.gauge(Id::SloThreshold, Some(threshold.metric.as_str()));
            gauge.set(threshold.max.as_secs_f64());
            let objective = Id::SloThresholdObjective;
            series.gauge(objective, Some(threshold.metric.as_str())).set(threshold.objective);
        }
        // A beat cannot miss what the SLO does not ask for.
        let possible = |cause: &Cause| match cause {
            Cause::Failed | Cause::Undefined => true,
            Cause::Missed(metric) => metrics.contains(metric),
        };
        let mut counted = |cause| (cause, series.counter(Id::SloBad, Some(Cause::as_str(cause))));
        let bad = Cause::ALL.into_iter().filter(possible).map(&mut counted).collect();
        let mut met = |metric: &Metric| series.counter(Id::SloThresholdMet, Some(metric.as_str()));
        let met = metrics.iter().map(&mut met).collect();
        let verdict = State::ALL.map(|state| series.gauge(Id::SloVerdict, Some(state.as_str())));
        let new = Self {
            slo: Arc::clone(slo),
            requests: series.counter(Id::SloRequests, None),
            good: series.counter(Id::SloGood, None),
            bad,
            met,
            excluded: EXCLUDED.map(|(_, name)| series.counter(Id::SloExcluded, Some(name))),
            verdict,
            group: series.build(),
        };
        if beats == Beats::Others || old.is_none_or(|old| old.slo != *slo) {
            new.verdict(State::NotEnoughData);
        }
        new
    }

    /// Counts a beat that was held against the SLO.
    pub(super) fn judged(&self, judgement: &Judgement) {
        self.requests.inc();
        for (met, counter) in judgement.met.iter().zip(&self.met) {
            if *met {
                counter.inc();
            }
        }
        match judgement.bad {
            None => {
                self.good.inc();
            }
            Some(cause) => {
                for (_, counter) in self.bad.iter().filter(|(known, _)| *known == cause) {
                    counter.inc();
                }
            }
        }
    }

    /// Counts a beat that was not.
    pub(super) fn excluded(&self, reason: Excluded) {
        for ((known, _), counter) in EXCLUDED.iter().zip(&self.excluded) {
            if *known == reason {
                counter.inc();
            }
        }
    }

    pub(super) fn verdict(&self, state: State) {
        for (known, gauge) in State::ALL.iter().zip(&self.verdict) {
            gauge.set(f64::from(u8::from(*known == state)));
        }
    }
}
