//! `probes`: their references, and whether their times make sense together.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{Coverage, Known, maintenance, target::Targets};
use crate::{
    config::{
        model::{Global, MaintenanceWindow, Probe, Target},
        problem::{Problem, Problems},
        sections::Item,
        source::Span,
        spec::{ProbeSpec, ProbeTargetsSpec, SlosSpec},
        tree::Node,
    },
    units::Period,
    verdict::{Metric, Slo},
    workload::Workload,
};

/// Shortest interval: below it a probe would be a load.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// Most beats of one subject that can be in flight at once: timeout ÷ interval.
const MOST_IN_FLIGHT: u32 = 100;

/// What probes refer to.
pub(super) struct Context<'a> {
    pub(super) global: &'a Global,
    pub(super) workloads: &'a Known<Workload>,
    pub(super) slos: &'a Known<Slo>,
    pub(super) targets: &'a Targets,
}

pub(super) fn check(
    items: &[Item<'_, ProbeSpec>],
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<Probe> {
    let mut known = Known::new(Coverage::Complete);
    let mut probes = Vec::new();
    for item in items {
        known.add(item, "probe", None::<Arc<Probe>>, problems);
        if let Some(spec) = &item.spec {
            probes.extend(probe(item, spec, context, problems));
        }
    }
    probes
}

fn probe(
    item: &Item<'_, ProbeSpec>,
    spec: &ProbeSpec,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Probe> {
    let timeout = times(item, spec, context, problems);
    let targets = targets(item, spec, context, problems);
    let slos = slos(item, spec, context, problems);
    let maintenance = maintenance(item, spec, problems);
    let place = item.node.place(&["workload"]);
    let workload = find(item, place, "workload", &spec.workload, context.workloads, problems);
    if let Some(workload) = &workload {
        for slo in &slos {
            enough_tokens(item, spec, slo, workload, problems);
        }
    }
    Some(Probe {
        name: spec.name.as_str().into(),
        targets,
        workload: workload?,
        interval: spec.interval.0,
        timeout,
        slos,
        connection: spec.connection,
        maintenance,
    })
}

/// Looks up what a probe refers to. Absent, too, if it is there but faulty.
fn find<T>(
    item: &Item<'_, ProbeSpec>,
    place: Span,
    what: &str,
    name: &str,
    known: &Known<T>,
    problems: &mut Problems,
) -> Option<Arc<T>> {
    let found = known.get(name);
    if found.is_none() {
        let problem = Problem::at(&item.file.source, place, format!("there is no {what} `{name}`"));
        problems.push(problem.nearest(name, known.names()));
    }
    found.flatten().cloned()
}

/// The places of a list's items, or of the one item.
fn places(item: &Item<'_, ProbeSpec>, key: &str) -> Vec<Span> {
    let Some(entry) = item.node.get(key) else { return Vec::new() };
    match entry.node.items() {
        [] => vec![entry.node.span],
        items => items.iter().map(|node: &Node| node.span).collect(),
    }
}

fn times(
    item: &Item<'_, ProbeSpec>,
    spec: &ProbeSpec,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Duration {
    let interval = spec.interval.0;
    let timeout = spec.timeout.map_or(context.global.timeout, |timeout| timeout.0);
    if interval < SHORTEST_INTERVAL {
        let message = format!("an interval of {} is too short", spec.interval);
        let shortest = format!("at least {}", Period(SHORTEST_INTERVAL));
        problems.push(item.problem(&["interval"], message).expected(shortest));
    } else if timeout > interval.saturating_mul(MOST_IN_FLIGHT) {
        let message = format!(
            "with a timeout of {} and an interval of {}, more than {MOST_IN_FLIGHT} beats could be \
             in flight at once",
            Period(timeout),
            spec.interval
        );
        let key = if spec.timeout.is_some() { "timeout" } else { "interval" };
        problems.push(item.problem(&[key], message));
    }
    if timeout.is_zero() && spec.timeout.is_some() {
        problems.push(item.problem(&["timeout"], "`timeout` must be longer than zero"));
    }
    timeout
}

fn targets(
    item: &Item<'_, ProbeSpec>,
    spec: &ProbeSpec,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<Arc<Target>> {
    let all = &context.targets.in_order;
    match &spec.targets {
        ProbeTargetsSpec::All(_) => {
            let known = &context.targets.known;
            if known.names().next().is_none() && known.is_sound() {
                problems.push(item.problem(&["targets"], "there are no targets"));
            }
            all.clone()
        }
        ProbeTargetsSpec::Names(names) => {
            let mut found = Vec::new();
            let mut seen = BTreeSet::new();
            for (name, place) in names.iter().zip(places(item, "targets")) {
                if !seen.insert(name) {
                    let message = format!("the target `{name}` stands here twice");
                    problems.push(Problem::at(&item.file.source, place, message));
                    continue;
                }
                found.extend(find(item, place, "target", name, &context.targets.known, problems));
            }
            found
        }
        ProbeTargetsSpec::Match(selector) => {
            let fits = |target: &&Arc<Target>| {
                let mut labels = selector.labels.iter();
                labels.all(|(name, value)| target.labels.get(name) == Some(value))
            };
            let found: Vec<_> = all.iter().filter(fits).cloned().collect();
            // A faulty or unread target could have matched.
            if found.is_empty() && context.targets.known.is_sound() {
                let message = "no target has all of these labels";
                problems.push(item.problem(&["targets", "match"], message));
            }
            found
        }
    }
}

fn slos(
    item: &Item<'_, ProbeSpec>,
    spec: &ProbeSpec,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<Arc<Slo>> {
    let names = match &spec.slo {
        SlosSpec::One(name) => std::slice::from_ref(name),
        SlosSpec::Many(names) => names.as_slice(),
    };
    let mut slos: Vec<Arc<Slo>> = Vec::new();
    for (name, place) in names.iter().zip(places(item, "slo")) {
        if slos.iter().any(|slo| &*slo.name == name.as_str()) {
            let message = format!("the SLO `{name}` stands here twice");
            problems.push(Problem::at(&item.file.source, place, message));
            continue;
        }
        slos.extend(find(item, place, "SLO", name, context.slos, problems));
    }
    slos
}

/// A latency between tokens is undefined in an answer of one token, so that no beat would be good.
fn enough_tokens(
    item: &Item<'_, ProbeSpec>,
    spec: &ProbeSpec,
    slo: &Slo,
    workload: &Workload,
    problems: &mut Problems,
) {
    let between = |metric: Metric| match metric {
        Metric::Tpot => Some("tpot"),
        Metric::Ttst => Some("ttst"),
        Metric::Itl => Some("itl"),
        Metric::TpotMlperf => Some("tpot_mlperf"),
        Metric::Ttft | Metric::E2e | Metric::Ttfo => None,
    };
    let metric = slo.thresholds.iter().find_map(|threshold| between(threshold.metric));
    if let Some(metric) = metric.filter(|_| workload.fewest_output_tokens() < 2) {
        let message = format!(
            "the SLO `{}` bounds {metric}, which needs two tokens, but the workload `{}` asks for \
             fewer",
            slo.name, spec.workload
        );
        problems.push(item.problem(&["slo"], message));
    }
}

fn maintenance(
    item: &Item<'_, ProbeSpec>,
    spec: &ProbeSpec,
    problems: &mut Problems,
) -> Vec<MaintenanceWindow> {
    // `UTC` must not depend on the machine's database of time zones.
    let zone = match spec.timezone.as_str() {
        "UTC" => TimeZone::UTC,
        name => TimeZone::get(name).unwrap_or_else(|_| {
            let message = format!("there is no time zone `{name}` in the database of this machine");
            let expected = "an IANA name such as Europe/Berlin";
            problems.push(item.problem(&["timezone"], message).expected(expected));
            TimeZone::UTC
        }),
    };
    let mut windows = Vec::new();
    for (text, place) in spec.maintenance.iter().zip(places(item, "maintenance")) {
        match maintenance::window(text, &zone) {
            Some(window) => windows.push(window),
            None => problems.push(
                Problem::at(&item.file.source, place, "not a maintenance window")
                    .expected(maintenance::FORM),
            ),
        }
    }
    windows
}
