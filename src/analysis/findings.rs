//! The findings of a run.
//!
//! Owns which steps are compared: the valid ones. Where none is, the numbers that remain are given
//! with a warning, and no verdict.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    advice::Advice,
    curve::{Curve, Level, level, median, throughput},
};
use crate::{
    event::{Findings, Mark, StepRecord},
    verdict::{Ran, Slo, State},
};

/// What the steps do not say themselves.
#[derive(Clone, Debug, Default)]
pub struct FindingsContext {
    /// What the run was held against.
    pub slos: Vec<Arc<Slo>>,
    /// The search's outcome, if there was one.
    pub search: Option<super::SearchOutcome>,
}

/// What follows from `steps`.
pub fn findings(steps: &[StepRecord], context: &FindingsContext) -> Findings {
    let valid: Vec<&StepRecord> = steps.iter().filter(|step| step.validity.is_valid()).collect();
    let all: Vec<&StepRecord> = steps.iter().collect();
    let compared = if valid.is_empty() { &all } else { &valid };
    let mut findings = Findings {
        best_latency_step: best_latency(compared).map(|step| step.step),
        verdicts: verdicts(&valid, context),
        unmet_rules: unmet_rules(steps, &context.slos),
        prefix_cache_speedup: prefix_cache_speedup(compared),
        max_goodput_requests_per_second: max_goodput(&valid, &context.slos),
        ..Findings::default()
    };
    if let Some(search) = &context.search {
        findings.max_goodput_requests_per_second = search.goodput;
        findings.bracket_low = search.low;
        findings.bracket_high = search.high;
        findings.bracket_estimate = search.estimate;
        findings.bracket_confidence = search.low.or(search.high).map(|_| search.confidence);
    }
    let mut rising = None;
    if let Some(peak) = peak(compared) {
        let tokens = peak.rates.output_tokens_per_second.filter(|rate| *rate > 0.0);
        findings.peak_throughput_step = Some(peak.step);
        findings.max_output_tokens_per_second = tokens;
        findings.cost_dollars_per_million_output_tokens =
            peak.rates.cost_dollars_per_million_output_tokens;
        findings.joules_per_output_token =
            peak.gpu.as_ref().and_then(|gpu| gpu.joules_per_output_token);
        let curve = Curve::beside(peak, compared);
        findings.saturation_step = curve.saturation().map(|point| point.step);
        if let Some(knee) = curve.knee() {
            findings.knee_step = Some(knee.step);
            match knee.level {
                Level::Concurrency(users) => findings.knee_concurrency = Some(users),
                Level::Rate(rate) => findings.knee_requests_per_second = Some(rate),
            }
        }
        rising = (curve.len() > 1 && findings.saturation_step.is_none())
            .then_some(Advice::StillRising { step: peak.step });
    }
    findings.warnings = warnings(steps, context)
        .into_iter()
        .chain(rising.filter(|_| context.search.is_none()))
        .map(|advice| advice.warning())
        .collect();
    findings
}

/// The step of the least median end to end.
fn best_latency<'a>(steps: &[&'a StepRecord]) -> Option<&'a StepRecord> {
    let timed = steps.iter().filter_map(|step| Some((*step, median(step, "e2e")?)));
    timed.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(step, _)| step)
}

/// The step of the most throughput; of equals the first.
fn peak<'a>(steps: &[&'a StepRecord]) -> Option<&'a StepRecord> {
    let rated = steps.iter().filter_map(|step| Some((*step, throughput(step)?)));
    rated
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .filter(|(_, rate)| *rate > 0.0)
        .map(|(step, _)| step)
}

/// The most goodput of a step at which every SLO is certified to be met.
fn max_goodput(valid: &[&StepRecord], slos: &[Arc<Slo>]) -> Option<f64> {
    let passed = |step: &&&StepRecord| {
        let mut whole = step.standings.iter().filter(|standing| standing.metric.is_none());
        !slos.is_empty() && whole.all(|standing| standing.state == State::Pass)
    };
    valid
        .iter()
        .filter(passed)
        .filter_map(|step| step.rates.goodput_requests_per_second)
        .max_by(f64::total_cmp)
}

/// The worst verdict of each SLO over the valid steps. A search goes on purpose to where its SLOs
/// are missed: there the verdict is whether any level was certified.
fn verdicts(valid: &[&StepRecord], context: &FindingsContext) -> BTreeMap<String, State> {
    let of = |slo: &Arc<Slo>| {
        let state = match &context.search {
            Some(search) => match (search.low, search.high) {
                (Some(_), _) => State::Pass,
                (None, Some(_)) => State::Fail,
                (None, None) => State::NotEnoughData,
            },
            None => valid
                .iter()
                .flat_map(|step| &step.standings)
                .filter(|standing| standing.metric.is_none() && *standing.slo == *slo.name)
                .map(|standing| standing.state)
                .reduce(State::worse)
                .unwrap_or_default(),
        };
        (slo.name.to_string(), state)
    };
    context.slos.iter().map(of).collect()
}

/// The rules of benchmark packs that a step did not meet, each with the SLO and the step.
fn unmet_rules(steps: &[StepRecord], slos: &[Arc<Slo>]) -> Vec<String> {
    let mut unmet = Vec::new();
    for slo in slos {
        let Some(pack) = &slo.pack else { continue };
        let objectives = slo.thresholds.iter().map(|threshold| threshold.objective);
        let objective = objectives.min_by(f64::total_cmp).unwrap_or(slo.objective);
        for step in steps {
            let ran = Ran {
                arrival: &step.load.arrival,
                seconds: step.window.seconds,
                n: step.outcomes.values().sum(),
                objective,
            };
            let named = |rule: &String| Findings::unmet_rule(&slo.name, step.step, rule);
            unmet.extend(pack.unmet_rules(ran).iter().map(named));
        }
    }
    unmet
}

/// Cold median time to first token ÷ warm: of two workloads whose names say `cold` and `warm`, at
/// the least load that both had.
fn prefix_cache_speedup(steps: &[&StepRecord]) -> Option<f64> {
    let named = |word: &str| {
        let word = word.to_owned();
        steps.iter().filter(move |step| step.workload.contains(&word))
    };
    let pairs = named("cold").flat_map(|cold| named("warm").map(move |warm| (cold, warm)));
    let same_load = pairs.filter(|(cold, warm)| cold.load == warm.load);
    let (cold, warm) = same_load.min_by(|(one, _), (other, _)| {
        let load = |step: &StepRecord| level(step).map_or(f64::INFINITY, Level::value);
        load(one).total_cmp(&load(other))
    })?;
    let warm = median(warm, "ttft").filter(|ttft| *ttft > 0.0)?;
    Some(median(cold, "ttft")? / warm)
}

/// What a reader of the run must know.
fn warnings(steps: &[StepRecord], context: &FindingsContext) -> Vec<Advice> {
    let mut advice: Vec<Advice> = Mark::ALL
        .into_iter()
        .filter_map(|mark| {
            let marked = steps.iter().filter(|step| step.validity.marks.contains(&mark));
            let marked: Vec<u32> = marked.map(|step| step.step).collect();
            (!marked.is_empty()).then_some(Advice::Marked(mark, marked))
        })
        .collect();
    if !steps.is_empty() && steps.iter().all(|step| !step.validity.is_valid()) {
        advice.push(Advice::NoValidStep);
    }
    if let Some(search) = &context.search {
        advice.extend(search.low.is_none().then_some(Advice::NothingCertified));
        advice.extend(search.high.is_none().then_some(Advice::NoUpperEnd));
    }
    advice
}

#[cfg(test)]
mod tests;
