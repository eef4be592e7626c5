//! `probes`: their references, and whether their times make sense together.

use std::{sync::Arc, time::Duration};

use super::{Coverage, Known, maintenance, reference, target::Targets};
use crate::{
    config::{
        model::{Global, Probe},
        problem::Problems,
        sections::Item,
        spec::ProbeSpec,
    },
    units::Period,
    verdict::Slo,
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
    let targets = reference::targets(item, &spec.targets, context.targets, problems);
    let slos = reference::named(item, "slo", "SLO", spec.slo.names(), context.slos, problems);
    let (_, maintenance) = maintenance::calendar(item, &spec.timezone, &spec.maintenance, problems);
    let place = item.node.place(&["workload"]);
    let workload =
        reference::find(item, place, "workload", &spec.workload, context.workloads, problems);
    if let Some(workload) = &workload {
        for slo in &slos {
            reference::enough_tokens(item, slo, &spec.workload, workload, problems);
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
