//! What of a run is compared, and under which conditions it may be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::event::{
    Compared, Engine, EngineFacts, Latency, Regression, RunRecord, RunResult, StepRecord,
    WorkloadRecord,
};

/// Least samples of a p99: with fewer, all of them are below the true one in more than 5 of 100
/// runs (0.99²⁹⁹ = 0.0495).
const LEAST_OF_P99: u64 = 299;

/// By what factor the mean length of prompts or answers may differ in what is asked alike. Lengths
/// that are drawn differ a little from run to run; another workload of the same name, by more.
const LIKE: f64 = 1.25;

/// The latencies of a step that are compared, in its record and by their percentiles.
const LATENCIES: [(&str, Compared, Compared); 3] = [
    ("ttft", Compared::TtftP50, Compared::TtftP99),
    ("tpot", Compared::TpotP50, Compared::TpotP99),
    ("e2e", Compared::E2eP50, Compared::E2eP99),
];

/// One complete, valid run, as far as it is compared.
#[derive(Clone, Debug)]
pub struct Point {
    /// When it ended, in seconds since the Unix epoch.
    pub(super) ended_at: f64,
    pub(super) setting: Setting,
    pub(super) values: Vec<Value>,
    told: Vec<Regression>,
}

/// What the whole of a run depends on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setting {
    scenario: String,
    workloads: BTreeMap<String, WorkloadRecord>,
    api: String,
    engine: Option<Engine>,
    tokenbeat_version: String,
    /// Where we measured from.
    fingerprint: String,
}

/// What is compared: a number of a step, or of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Case {
    pub(super) step: Option<u32>,
    pub(super) metric: Compared,
}

/// What was asked for, of which a number is the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// Workloads, loads and, for goodput, SLOs, in words.
    what: String,
    /// Mean lengths of prompts and answers that were wanted, where known.
    lengths: Vec<Option<f64>>,
}

/// A number of a run.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) case: Case,
    pub(super) asked: Arc<Asked>,
    /// Its logarithm: infinite where too many failed, or nothing came.
    pub(super) log: f64,
}

impl Point {
    /// What is compared of `run`; absent if it is not complete and valid.
    pub fn of(run: &RunRecord) -> Option<Self> {
        let values = match run.result {
            RunResult::Success if is_search(run) => goodput(run).into_iter().collect(),
            RunResult::Success => {
                let mut values: Vec<Value> = whole(run).chain(goodput(run)).collect();
                values.extend(run.steps.iter().flat_map(step));
                values
            }
            RunResult::Failed
            | RunResult::Invalid
            | RunResult::Interrupted
            | RunResult::Cancelled => return None,
        };
        Some(Self {
            ended_at: run.ended_at,
            setting: Setting {
                scenario: run.scenario.clone(),
                workloads: run.workloads.clone(),
                api: run.api.clone(),
                // What it has loaded differs from start to start (the blocks of a cache are what
                // memory was left), and is no condition.
                engine: run.engine.clone().map(|of| Engine { facts: EngineFacts::default(), ..of }),
                tokenbeat_version: run.tokenbeat_version.clone(),
                fingerprint: run.environment.fingerprint.clone(),
            },
            values,
            told: run.findings.regressions.clone(),
        })
    }

    /// When the run ended, in seconds since the Unix epoch.
    pub const fn ended_at(&self) -> f64 {
        self.ended_at
    }

    /// What was told of a number when the run ended, if it is a run of the past.
    pub(super) fn told(&self, case: Case) -> Option<&Regression> {
        self.told.iter().find(|told| (told.step, told.metric) == (case.step, case.metric))
    }
}

#[cfg(test)]
impl Point {
    /// A run of these logarithms of steps' numbers, which are all answers to the same.
    pub(super) fn simulated(
        ended_at: f64,
        values: Vec<(u32, Compared, f64)>,
        asked: &Arc<Asked>,
    ) -> Self {
        let value = |(step, metric, log)| Value {
            case: Case { step: Some(step), metric },
            asked: Arc::clone(asked),
            log,
        };
        let setting = Setting {
            scenario: String::new(),
            workloads: BTreeMap::new(),
            api: String::new(),
            engine: None,
            tokenbeat_version: String::new(),
            fingerprint: String::new(),
        };
        let values = values.into_iter().map(value).collect();
        Self { ended_at, setting, values, told: Vec::new() }
    }
}

impl Setting {
    /// This setting, with what is not known of the engine as it was before: one that does not
    /// answer in time is not another one.
    pub(super) fn filled_from(&self, before: &Self) -> Self {
        let engine = match (&self.engine, &before.engine) {
            (None, before) => before.clone(),
            (Some(now), Some(before)) if now.version.is_none() && now.name == before.name => {
                Some(before.clone())
            }
            (now, _) => now.clone(),
        };
        Self { engine, ..self.clone() }
    }
}

impl Asked {
    /// Whether answers to both can be compared.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let alike = |(one, other): (&Option<f64>, &Option<f64>)| match (one, other) {
            (Some(one), Some(other)) => one.max(*other) <= LIKE * one.min(*other),
            _ => true,
        };
        self.what == other.what
            && self.lengths.len() == other.lengths.len()
            && self.lengths.iter().zip(&other.lengths).all(alike)
    }

    pub(super) fn of<'a>(steps: impl Iterator<Item = &'a StepRecord>) -> Self {
        let mut asked = Self { what: String::new(), lengths: Vec::new() };
        for StepRecord { workload, load, tokens, .. } in steps {
            let gate = load.max_in_flight;
            asked.what += &format!("{workload}: {} {} {gate:?}\n", load.arrival, load.text);
            asked.lengths.extend([tokens.input_wanted_mean, tokens.output_wanted_mean]);
        }
        asked
    }
}

/// Whether the levels of the run were chosen as it went: then no step of it has its like in another
/// run, and neither has the peak of what was tried.
const fn is_search(run: &RunRecord) -> bool {
    let found = &run.findings;
    found.bracket_low.is_some() || found.bracket_high.is_some() || found.bracket_estimate.is_some()
}

fn whole(run: &RunRecord) -> impl Iterator<Item = Value> {
    let case = Case { step: None, metric: Compared::MaxOutputTokens };
    let asked = Asked::of(run.steps.iter());
    value(case, &Arc::new(asked), run.findings.max_output_tokens_per_second).into_iter()
}

/// The goodput of a run, which depends on its SLOs besides.
fn goodput(run: &RunRecord) -> Option<Value> {
    let case = Case { step: None, metric: Compared::MaxGoodput };
    let mut asked = if is_search(run) {
        let first = run.steps.first()?;
        let workloads: BTreeSet<&str> = run.steps.iter().map(|step| &*step.workload).collect();
        let what = format!("search: {workloads:?} {}\n", first.load.arrival);
        Asked { what, lengths: Asked::of([first].into_iter()).lengths }
    } else {
        Asked::of(run.steps.iter())
    };
    let standings = run.steps.iter().flat_map(|step| &step.standings);
    let slos: BTreeSet<String> = standings
        .map(|one| format!("{} {:?} {:?} {}", one.slo, one.metric, one.threshold, one.objective))
        .collect();
    asked.what += &format!("{slos:?}");
    value(case, &Arc::new(asked), run.findings.max_goodput_requests_per_second)
}

fn step(step: &StepRecord) -> impl Iterator<Item = Value> {
    let asked = Arc::new(Asked::of([step].into_iter()));
    let case = |metric| Case { step: Some(step.step), metric };
    let tokens = step.rates.output_tokens_per_second;
    let mut values = vec![value(case(Compared::OutputTokens), &asked, tokens)];
    for (name, median, tail) in LATENCIES {
        let Some(latency) = step.latencies.get(name) else { continue };
        values.push(value(case(median), &asked, percentile(latency, latency.p50)));
        if latency.n >= LEAST_OF_P99 {
            values.push(value(case(tail), &asked, percentile(latency, latency.p99)));
        }
    }
    values.into_iter().flatten()
}

/// Among samples every percentile is defined: one without a number is infinite.
fn percentile(latency: &Latency, value: Option<f64>) -> Option<f64> {
    value.or((latency.infinite && latency.n > 0).then_some(f64::INFINITY))
}

fn value(case: Case, asked: &Arc<Asked>, value: Option<f64>) -> Option<Value> {
    // Nothing of ours is negative or not a number; such a record was not written by us.
    let log = value.filter(|value| *value >= 0.0)?.ln();
    Some(Value { case, asked: Arc::clone(asked), log })
}
