//! `sweeps`: their references, their schedule, and whether their guards can tell.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{Coverage, Known, maintenance, reference, target::Targets};
use crate::{
    arrival::{Load, Search},
    calendar::Cron,
    config::{
        model::{Guard, Probe, Scenario, Sweep, Target},
        problem::Problems,
        sections::Item,
        spec::SweepSpec,
    },
    units::Period,
    verdict::Slo,
};

/// The longest run where nothing asks for more.
const USUAL: Duration = Duration::from_secs(3_600);

/// What sweeps refer to.
pub(super) struct Context<'a> {
    pub(super) targets: &'a Targets,
    pub(super) scenarios: &'a Known<Scenario>,
    pub(super) slos: &'a Known<Slo>,
    /// The probes; absent if not all of them are known.
    pub(super) probes: Option<&'a Vec<Probe>>,
}

pub(super) fn check(
    items: &[Item<'_, SweepSpec>],
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<Arc<Sweep>> {
    let mut known = Known::new(Coverage::Complete);
    let mut sweeps = Vec::new();
    for item in items {
        known.add(item, "sweep", None::<Arc<Sweep>>, problems);
        if let Some(spec) = &item.spec {
            sweeps.extend(sweep(item, spec, context, problems).map(Arc::new));
        }
    }
    sweeps
}

fn sweep(
    item: &Item<'_, SweepSpec>,
    spec: &SweepSpec,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Sweep> {
    let targets = reference::targets(item, &spec.targets, context.targets, problems);
    let slos = reference::named(item, "slo", "SLO", spec.slo.names(), context.slos, problems);
    let (zone, maintenance) =
        maintenance::calendar(item, &spec.timezone, &spec.maintenance, problems);
    let cron = cron(item, spec, zone, problems);
    let place = item.node.place(&["scenario"]);
    let scenario =
        reference::find(item, place, "scenario", &spec.scenario, context.scenarios, problems);
    if let Some(scenario) = &scenario {
        for (name, workload) in &scenario.workloads {
            for slo in &slos {
                reference::enough_tokens(item, slo, name, workload, problems);
            }
        }
        if matches!(scenario.load, Load::Search(_)) && spec.slo.names().is_empty() {
            let message = format!(
                "the scenario `{}` searches for the highest load that meets an SLO, and there is \
                 none here",
                scenario.name
            );
            problems.push(item.problem(&[], message).expected("the key `slo`"));
        }
    }
    let max_duration = max_duration(item, spec, scenario.as_deref(), problems);
    let guard = guard(item, spec, max_duration, &targets, context, problems);
    Some(Sweep {
        name: spec.name.as_str().into(),
        cron,
        targets,
        scenario: scenario?,
        slos,
        guard,
        maintenance,
        overlap: spec.overlap,
        missed: spec.missed,
    })
}

fn cron(
    item: &Item<'_, SweepSpec>,
    spec: &SweepSpec,
    zone: TimeZone,
    problems: &mut Problems,
) -> Option<Cron> {
    let Some(text) = &spec.cron else {
        if item.node.get("missed").is_some() {
            let message = "`missed` means something with `cron` only: on demand nothing is missed";
            problems.push(item.problem(&["missed"], message));
        }
        return None;
    };
    let cron = Cron::new(text, zone);
    cron.map_err(|error| problems.push(item.problem(&["cron"], error.to_string()))).ok()
}

fn guard(
    item: &Item<'_, SweepSpec>,
    spec: &SweepSpec,
    max_duration: Duration,
    targets: &[Arc<Target>],
    context: &Context<'_>,
    problems: &mut Problems,
) -> Guard {
    let guard = Guard {
        engine_requests_waiting: spec.guard.engine_requests_waiting,
        probe_failure_ratio: spec.guard.probe_failure_ratio.map(|ratio| ratio.0),
        max_duration,
    };
    // A guard that can never tell would hold nothing back.
    let deaf = targets.iter().find(|target| target.engine_metrics.is_none());
    if let Some(target) = deaf.filter(|_| guard.engine_requests_waiting.is_some()) {
        let message = format!(
            "the queue of the target `{}` is not known: it has no `engine_metrics`",
            target.name
        );
        let expected = "`engine_metrics: {url: …}` at every target of the sweep";
        let path = ["guard", "engine_requests_waiting"];
        problems.push(item.problem(&path, message).expected(expected));
    }
    let beaten = |target: &&Arc<Target>| {
        let beats = |probe: &Probe| probe.targets.iter().any(|beaten| beaten.name == target.name);
        context.probes.is_none_or(|probes| probes.iter().any(beats))
    };
    let silent = targets.iter().find(|target| !beaten(target));
    if let Some(target) = silent.filter(|_| guard.probe_failure_ratio.is_some()) {
        let message = format!("no probe beats at the target `{}`", target.name);
        let expected = "a probe at every target of the sweep";
        let path = ["guard", "probe_failure_ratio"];
        problems.push(item.problem(&path, message).expected(expected));
    }
    guard
}

/// The longest run: as given, which must do for steps that end by time alone; else what all steps by
/// time take at most.
fn max_duration(
    item: &Item<'_, SweepSpec>,
    spec: &SweepSpec,
    scenario: Option<&Scenario>,
    problems: &mut Problems,
) -> Duration {
    let needed = scenario.map_or(Duration::ZERO, by_time);
    let Some(Period(given)) = spec.guard.max_duration else { return needed.max(USUAL) };
    let path = ["guard", "max_duration"];
    if given.is_zero() {
        problems.push(item.problem(&path, "`max_duration` must be longer than zero"));
        return given;
    }
    // A search may well end sooner, and one that is drained goes on the next time.
    let fixed = scenario.filter(|scenario| {
        matches!(scenario.load, Load::Levels(_)) && scenario.requests_per_step.is_none()
    });
    if let Some(scenario) = fixed.filter(|_| needed > given) {
        let (needed, given) = (Period(needed), Period(given));
        let name = &scenario.name;
        let message =
            format!("a run of `{name}` takes {needed} and would be drained after {given}");
        let expected = "a longer `guard.max_duration`, or a shorter scenario";
        problems.push(item.problem(&path, message).expected(expected));
    }
    given
}

/// What the steps that end by time take, all in all; of a search the most steps, at their longest.
fn by_time(scenario: &Scenario) -> Duration {
    let (steps, step) = match (&scenario.load, scenario.duration) {
        (Load::Levels(levels), Some(duration)) => {
            let steps = levels.len() * scenario.workloads.len();
            (u32::try_from(steps).unwrap_or(u32::MAX), duration)
        }
        (Load::Levels(_), None) => return Duration::ZERO,
        (Load::Search(search), duration) => {
            let step = duration.unwrap_or(Search::LONG).saturating_add(Search::BUILDS);
            (search.max_steps, step)
        }
    };
    let step = step.saturating_add(scenario.warmup.duration);
    let pauses = scenario.settle.saturating_mul(steps.saturating_sub(1));
    step.saturating_mul(steps).saturating_add(pauses)
}
