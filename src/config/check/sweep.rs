//! `sweeps`: their references, their schedule, and whether their guards can tell.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{Coverage, Known, maintenance, reference, target::Targets};
use crate::{
    arrival::{Arrival, Load, Search},
    calendar::Cron,
    config::{
        model::{Global, Guard, Probe, Scenario, Sweep, Target},
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
    pub(super) global: &'a Global,
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
    let max_duration = max_duration(item, spec, scenario.as_deref(), context, problems);
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
/// time take at most, what is in flight at their ends included.
fn max_duration(
    item: &Item<'_, SweepSpec>,
    spec: &SweepSpec,
    scenario: Option<&Scenario>,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Duration {
    let needed = scenario.map_or(Duration::ZERO, by_time);
    let Some(Period(given)) = spec.guard.max_duration else {
        let drains = scenario.map_or(Duration::ZERO, |scenario| drains(scenario, context.global));
        return needed.saturating_add(drains).max(USUAL);
    };
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

/// What the answers that are in flight at the ends of the steps may take. A search need not come to
/// its last step, and one that is drained goes on the next time.
fn drains(scenario: &Scenario, global: &Global) -> Duration {
    let Load::Levels(levels) = &scenario.load else { return Duration::ZERO };
    let steps = u32::try_from(levels.len() * scenario.workloads.len()).unwrap_or(u32::MAX);
    // What is asked before the first step is as if it were one more.
    scenario.timeout.unwrap_or(global.timeout).saturating_mul(steps.saturating_add(1))
}

/// What the steps that end by time take, all in all, without what is in flight at the end of each; of
/// a search the most steps, at their longest.
fn by_time(scenario: &Scenario) -> Duration {
    let pauses = |steps: u32| scenario.settle.saturating_mul(steps.saturating_sub(1));
    match &scenario.load {
        Load::Levels(levels) => {
            let each = levels.iter().filter_map(|level| step_by_time(scenario, level));
            let once = each.fold(Duration::ZERO, Duration::saturating_add);
            let workloads = scenario.workloads.len();
            let steps = u32::try_from(levels.len() * workloads).unwrap_or(u32::MAX);
            let all = once.saturating_mul(u32::try_from(workloads).unwrap_or(u32::MAX));
            if once.is_zero() { once } else { all.saturating_add(pauses(steps)) }
        }
        Load::Search(search) => {
            let window = scenario.duration.unwrap_or(Search::LONG);
            let step = window.saturating_add(Search::BUILDS);
            let step = step.saturating_add(scenario.warmup.duration);
            step.saturating_mul(search.max_steps).saturating_add(pauses(search.max_steps))
        }
    }
}

/// What a step of `level` takes that ends by time; absent if it ends by number alone. Its window
/// opens when its users are in and its warm-up is over.
fn step_by_time(scenario: &Scenario, level: &Arrival) -> Option<Duration> {
    let (own, enters) = match level {
        Arrival::Open(open) => (open.pattern.ends(), Duration::ZERO),
        Arrival::Closed(users) => (None, users.building()),
    };
    let given = scenario.duration;
    let window = given.into_iter().chain(own).min()?;
    Some(window.saturating_add(scenario.warmup.duration.max(enters)))
}
