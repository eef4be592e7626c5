//! `scenarios`: their workloads, their load, and whether a step of them has an end.

use std::{path::Path, sync::Arc, time::Duration};

use super::{Coverage, Known, reference};
use crate::{
    arrival::{Arrival, Load, Open, Pattern},
    config::{
        data::DataFiles,
        model::{Bound, Requests, Scenario, StopWhen, Warmup},
        problem::Problems,
        sections::Item,
        spec::{RequestsSpec, ScenarioSpec, percentiles},
    },
    units::Period,
    workload::Workload,
};

pub(super) fn check(
    items: &[Item<'_, ScenarioSpec>],
    workloads: &Known<Workload>,
    coverage: Coverage,
    data: &mut DataFiles,
    problems: &mut Problems,
) -> Known<Scenario> {
    let mut known = Known::new(coverage);
    for item in items {
        let built =
            item.spec.as_ref().and_then(|spec| scenario(item, spec, workloads, data, problems));
        known.add(item, "scenario", built.map(Arc::new), problems);
    }
    known
}

fn scenario(
    item: &Item<'_, ScenarioSpec>,
    spec: &ScenarioSpec,
    known: &Known<Workload>,
    data: &mut DataFiles,
    problems: &mut Problems,
) -> Option<Scenario> {
    let names = spec.workload.names();
    let found = reference::named(item, "workload", "workload", names, known, problems);
    if names.is_empty() {
        let problem = item.problem(&["workload"], "there is no workload");
        problems.push(problem.expected("the name of one, or a list of names"));
    }
    let load = load(item, spec, data, problems);
    let requests_per_step = requests(item, spec, load.as_ref(), problems);
    if let Some(load) = &load {
        steps(item, names.len(), load, problems);
        end(item, spec, load, problems);
    }
    times(item, spec, problems);
    let stop_when = stop_when(item, spec, problems);
    // With a workload missing, the steps would say something else.
    (found.len() == names.len() && !names.is_empty()).then_some(())?;
    Some(Scenario {
        name: item.name?.into(),
        workloads: names.iter().map(|name| name.as_str().into()).zip(found).collect(),
        load: load?,
        requests_per_step,
        duration: spec.duration.map(|duration| duration.0),
        warmup: Warmup { requests: spec.warmup_requests, duration: spec.warmup_duration.0 },
        settle: spec.settle.0,
        stop_when,
        connection: spec.connection,
        timeout: spec.timeout.map(|timeout| timeout.0),
        seed: spec.seed,
    })
}

fn load(
    item: &Item<'_, ScenarioSpec>,
    spec: &ScenarioSpec,
    data: &mut DataFiles,
    problems: &mut Problems,
) -> Option<Load> {
    let written = item.node.get("load").map_or(0, |load| load.node.entries().len());
    if written != spec.load.keys() {
        return None;
    }
    let read = |file: &Path| data.trace(item, &["load", "trace", "file"], file, problems);
    let faults = match spec.load.build(read) {
        Ok(load) => return Some(load),
        Err(faults) => faults,
    };
    for (path, error) in faults {
        let path = [&["load"], path.as_slice()].concat();
        problems.push(item.problem(&path, error.to_string()));
    }
    None
}

/// A run has a bounded number of steps, and a search looks for one answer.
fn steps(item: &Item<'_, ScenarioSpec>, workloads: usize, load: &Load, problems: &mut Problems) {
    match load {
        Load::Levels(levels) if levels.len() * workloads > Load::MOST_STEPS => {
            let message = format!(
                "{} levels with {workloads} workloads are {} steps",
                levels.len(),
                levels.len() * workloads
            );
            let expected = format!("at most {}: make two scenarios of it", Load::MOST_STEPS);
            problems.push(item.problem(&["load"], message).expected(expected));
        }
        Load::Search(_) if workloads > 1 => {
            let message = "a search looks for the answer of one workload, and here are several";
            let expected = "one workload; a `mix` is one";
            problems.push(item.problem(&["workload"], message).expected(expected));
        }
        Load::Levels(_) | Load::Search(_) => {}
    }
}

/// Every step has an end: a count or a time, but for a trace and a search.
fn end(item: &Item<'_, ScenarioSpec>, spec: &ScenarioSpec, load: &Load, problems: &mut Problems) {
    let Load::Levels(levels) = load else { return };
    let first = levels.first();
    let ends_itself =
        matches!(first, Some(Arrival::Open(Open { pattern: Pattern::Trace { .. }, .. })));
    let counted = item.node.get("requests_per_step").is_some();
    if !ends_itself && !counted && spec.duration.is_none() {
        let problem = item.problem(&[], "a step of this scenario has no end");
        problems.push(problem.expected("`requests_per_step`, `duration` or both"));
    }
    let over = first.and_then(|level| match level {
        Arrival::Open(Open { pattern: Pattern::Ramp { over, .. }, .. }) => Some(*over),
        Arrival::Closed(closed) => closed.ramp.map(|ramp| ramp.over),
        Arrival::Open(_) => None,
    });
    if let Some((over, duration)) = over.zip(spec.duration)
        && over > duration.0
    {
        let over = Period(over);
        let message = format!("a ramp over {over} does not get to its end in a step of {duration}");
        problems.push(item.problem(&["duration"], message));
    }
}

fn requests(
    item: &Item<'_, ScenarioSpec>,
    spec: &ScenarioSpec,
    load: Option<&Load>,
    problems: &mut Problems,
) -> Option<Requests> {
    match spec.requests_per_step.as_ref()? {
        RequestsSpec::Count(count) => Some(Requests::Count(*count)),
        RequestsSpec::PerUser(times) => {
            if !load.is_none_or(Load::has_users) {
                let message = format!("`{times}` counts for each user, and this load has none");
                let expected = "a number of requests, or a load of `concurrency`";
                problems.push(item.problem(&["requests_per_step"], message).expected(expected));
            }
            // The walk has checked the form.
            times.trim_end_matches('x').parse().ok().map(Requests::PerUser)
        }
    }
}

fn times(item: &Item<'_, ScenarioSpec>, spec: &ScenarioSpec, problems: &mut Problems) {
    for (key, time) in [("duration", spec.duration), ("timeout", spec.timeout)] {
        if time.is_some_and(|time| time.0.is_zero()) {
            problems.push(item.problem(&[key], format!("`{key}` must be longer than zero")));
        }
    }
}

fn stop_when(
    item: &Item<'_, ScenarioSpec>,
    spec: &ScenarioSpec,
    problems: &mut Problems,
) -> StopWhen {
    let mut bounds = Vec::new();
    for (key, metric, quantile) in percentiles() {
        let Some(max) = spec.stop_when.bounds.get(&key) else { continue };
        if max.0 == Duration::ZERO {
            let message = "a bound of zero is above no latency: the first step would end at once";
            problems.push(item.problem(&["stop_when", &key], message));
        }
        bounds.push(Bound { metric, quantile, max: max.0 });
    }
    StopWhen { error_ratio: spec.stop_when.error_ratio.map(|ratio| ratio.0), bounds }
}
