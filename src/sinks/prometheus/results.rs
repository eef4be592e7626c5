//! The series of one complete run: its steps, its findings, its verdicts, its regressions.
//!
//! Made once, when the run has ended, and never written to again: a scrape sees the whole of one
//! run or the whole of the next.

use std::sync::Arc;

use super::group::{Builder, Group, Label};
use crate::{
    event::{Latency, Mark, Regression, RunRecord, RunResult, StepRecord},
    measure::catalogue::Id,
    verdict::{Slo, State},
};

/// The latencies of a step that are exposed, and their names in its record.
const LATENCIES: [(Id, &str); 4] =
    [(Id::StepTtft, "ttft"), (Id::StepTpot, "tpot"), (Id::StepItl, "itl"), (Id::StepE2e, "e2e")];

type Percentile = fn(&Latency) -> Option<f64>;

const PERCENTILES: [(&str, Percentile); 4] =
    [("0.5", |of| of.p50), ("0.9", |of| of.p90), ("0.95", |of| of.p95), ("0.99", |of| of.p99)];

#[derive(Debug)]
pub(super) struct Results {
    pub(super) groups: Vec<Group>,
}

impl Results {
    /// The series of `run` under the labels of its sweep, which is held against `slos`; `None` if
    /// the run was not carried out to its end.
    pub(super) fn of(sweep: &[Label], slos: &[Arc<Slo>], run: &RunRecord) -> Option<Self> {
        match run.result {
            RunResult::Success | RunResult::Invalid => {}
            RunResult::Failed | RunResult::Interrupted | RunResult::Cancelled => return None,
        }
        let mut groups = vec![findings(sweep, run)];
        groups.extend(run.steps.iter().map(|record| step(sweep, record)));
        let judged = &run.findings.verdicts;
        // An SLO that no step could be held against is undecided.
        let open = slos.iter().filter(|slo| !judged.contains_key(&*slo.name));
        let open = open.map(|slo| (&*slo.name, State::NotEnoughData));
        let judged = judged.iter().map(|(name, state)| (name.as_str(), *state));
        groups.extend(judged.chain(open).map(|(slo, state)| verdict(sweep, slo, state)));
        Some(Self { groups })
    }
}

/// The series of how `run` stands against the runs before it; `None` if it is not compared.
pub(super) fn regressions(sweep: &[Label], run: &RunRecord) -> Option<Vec<Group>> {
    let all = &run.findings.regressions;
    (run.result == RunResult::Success)
        .then(|| all.iter().map(|one| regression(sweep, one)).collect())
}

fn regression(sweep: &[Label], one: &Regression) -> Group {
    let step = one.step.map_or_else(|| "run".to_owned(), |step| step.to_string());
    let mut series = Builder::new(with(sweep, "step", step.into()), None);
    for (id, value) in [
        (Id::RegressionActive, Some(flag(one.active))),
        (Id::RegressionChange, Some(one.change_ratio.unwrap_or(f64::INFINITY))),
        (Id::RegressionChance, Some(one.p_value)),
        (Id::RegressionLastChange, one.last_change_at),
    ] {
        set(&mut series, id, Some(one.metric.as_str()), value);
    }
    series.build()
}

fn findings(sweep: &[Label], run: &RunRecord) -> Group {
    let mut series = Builder::new(sweep.to_vec(), None);
    let found = &run.findings;
    for (id, value) in [
        (Id::SweepResultTimestamp, Some(run.ended_at)),
        (Id::SweepMaxGoodput, found.max_goodput_requests_per_second),
        (Id::SweepMaxOutputTokens, found.max_output_tokens_per_second),
        (Id::SweepKneeConcurrency, found.knee_concurrency),
        (Id::SweepKneeRate, found.knee_requests_per_second),
        (Id::SweepCost, found.cost_dollars_per_million_output_tokens),
        (Id::SweepJoules, found.joules_per_output_token),
    ] {
        set(&mut series, id, None, value);
    }
    series.build()
}

fn step(sweep: &[Label], step: &StepRecord) -> Group {
    let mut series = Builder::new(with(sweep, "step", step.step.to_string().into()), None);
    let (load, rates) = (&step.load, &step.rates);
    // One quantity names the load: a closed loop has no rate of its own.
    let offered = load.requests_per_second.filter(|_| load.concurrency.is_none());
    for (id, value) in [
        (Id::StepConcurrency, load.concurrency.map(f64::from)),
        (Id::StepOffered, offered),
        (Id::StepRequestRate, rates.requests_per_second),
        (Id::StepOutputTokenRate, rates.output_tokens_per_second),
        (Id::StepGoodputRate, rates.goodput_requests_per_second),
        (Id::StepGoodputRatio, rates.goodput_ratio),
        (Id::StepSuccessRatio, rates.success_ratio),
        (Id::StepSamples, Some(step.n as f64)),
        (Id::StepValid, Some(flag(step.validity.is_valid()))),
    ] {
        set(&mut series, id, None, value);
    }
    for (id, name) in LATENCIES {
        let Some(latency) = step.latencies.get(name) else { continue };
        for (quantile, percentile) in PERCENTILES {
            // Among samples every percentile is defined: one without a number is infinite.
            let infinite = (latency.infinite && latency.n > 0).then_some(f64::INFINITY);
            set(&mut series, id, Some(quantile), percentile(latency).or(infinite));
        }
    }
    for mark in Mark::ALL {
        let marked = flag(step.validity.marks.contains(&mark));
        set(&mut series, Id::StepInvalid, Some(mark.as_str()), Some(marked));
    }
    series.build()
}

fn verdict(sweep: &[Label], slo: &str, state: State) -> Group {
    let mut series = Builder::new(with(sweep, "slo", slo.into()), None);
    for known in State::ALL {
        set(&mut series, Id::SweepVerdict, Some(known.as_str()), Some(flag(known == state)));
    }
    series.build()
}

fn with(sweep: &[Label], name: &'static str, value: Arc<str>) -> Vec<Label> {
    let mut labels = sweep.to_vec();
    labels.push((name.into(), value));
    labels
}

/// Adds a gauge, if it has a value.
pub(super) fn set(
    series: &mut Builder<'_>,
    id: Id,
    extra: Option<&'static str>,
    value: Option<f64>,
) {
    if let Some(value) = value {
        series.gauge(id, extra).set(value);
    }
}

pub(super) fn flag(whether: bool) -> f64 {
    f64::from(u8::from(whether))
}
