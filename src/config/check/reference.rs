//! What probes, scenarios and sweeps say of other items: that they exist, and fit.

use std::{collections::BTreeSet, sync::Arc};

use super::{Known, target::Targets};
use crate::{
    config::{
        model::Target,
        problem::{Problem, Problems},
        sections::Item,
        source::Span,
        spec::SelectionSpec,
    },
    verdict::{Metric, Slo},
    workload::Workload,
};

/// Looks up what an item refers to. Absent, too, if it is there but faulty.
pub(super) fn find<S, T>(
    item: &Item<'_, S>,
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

/// Looks up the names that stand at `key`, each once.
pub(super) fn named<S, T>(
    item: &Item<'_, S>,
    key: &str,
    what: &str,
    names: &[String],
    known: &Known<T>,
    problems: &mut Problems,
) -> Vec<Arc<T>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, place) in names.iter().zip(places(item, key)) {
        if seen.insert(name) {
            found.extend(find(item, place, what, name, known, problems));
        } else {
            let message = format!("the {what} `{name}` stands here twice");
            problems.push(Problem::at(&item.file.source, place, message));
        }
    }
    found
}

/// The places of a list's items, or of the one item.
pub(super) fn places<S>(item: &Item<'_, S>, key: &str) -> Vec<Span> {
    let Some(entry) = item.node.get(key) else { return Vec::new() };
    match entry.node.items() {
        [] => vec![entry.node.span],
        items => items.iter().map(|node| node.span).collect(),
    }
}

/// The targets that are meant at the key `targets`.
pub(super) fn targets<S>(
    item: &Item<'_, S>,
    selection: &SelectionSpec,
    targets: &Targets,
    problems: &mut Problems,
) -> Vec<Arc<Target>> {
    let known = &targets.known;
    let all = &targets.in_order;
    match selection {
        SelectionSpec::All(_) => {
            if known.names().next().is_none() && known.is_sound() {
                problems.push(item.problem(&["targets"], "there are no targets"));
            }
            all.clone()
        }
        SelectionSpec::Names(names) => named(item, "targets", "target", names, known, problems),
        SelectionSpec::Match(selector) => {
            let fits = |target: &&Arc<Target>| {
                let mut labels = selector.labels.iter();
                labels.all(|(name, value)| target.labels.get(name) == Some(value))
            };
            let found: Vec<_> = all.iter().filter(fits).cloned().collect();
            // A faulty or unread target could have matched.
            if found.is_empty() && known.is_sound() {
                let message = "no target has all of these labels";
                problems.push(item.problem(&["targets", "match"], message));
            }
            found
        }
    }
}

/// Holds an SLO against what a workload asks for: a latency that no answer defines would make no
/// exchange good.
pub(super) fn enough_tokens<S>(
    item: &Item<'_, S>,
    slo: &Slo,
    name: &str,
    workload: &Workload,
    problems: &mut Problems,
) {
    if let Some((metric, needed)) = unmeetable(slo, workload) {
        let message = format!(
            "the SLO `{}` bounds {}, which needs {needed}, but the workload `{name}` asks for fewer",
            slo.name,
            metric.as_str()
        );
        problems.push(item.problem(&["slo"], message));
    }
}

/// A latency that `slo` bounds and that the shortest answer of `workload` does not define, with what
/// it needs, in words.
pub(crate) fn unmeetable(slo: &Slo, workload: &Workload) -> Option<(Metric, &'static str)> {
    let tokens = workload.fewest_output_tokens();
    slo.thresholds.iter().find_map(|threshold| {
        let (least, needed) = match threshold.metric {
            Metric::Tpot | Metric::Ttst | Metric::Itl | Metric::TpotMlperf => (2, "two tokens"),
            Metric::Ttft | Metric::Ttfo => (1, "a token"),
            Metric::E2e => (0, "nothing"),
        };
        (tokens < least).then_some((threshold.metric, needed))
    })
}
