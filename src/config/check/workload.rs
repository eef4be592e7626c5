//! `workloads`: the family checks its own; here mixes find their parts.

use std::{collections::BTreeSet, sync::Arc};

use super::{Coverage, Known};
use crate::{
    config::{
        problem::{Problem, Problems},
        sections::Item,
    },
    workload::{ShareSpec, Workload, WorkloadFault, WorkloadSpec},
};

pub(super) fn check(
    items: &[Item<'_, WorkloadSpec>],
    coverage: Coverage,
    problems: &mut Problems,
) -> Known<Workload> {
    let mut known = Known::new(coverage);
    let mut mixes = Vec::new();
    for item in items {
        let built = match &item.spec {
            Some(WorkloadSpec::Synthetic(spec)) => usable(item, spec.build(), problems),
            Some(WorkloadSpec::Fixed(spec)) => usable(item, spec.build(), problems),
            Some(WorkloadSpec::Http(spec)) => usable(item, spec.build(), problems),
            Some(WorkloadSpec::Dataset(spec)) => {
                let message = format!("the dataset {} is not read yet", spec.file.display());
                problems.push(item.problem(&["dataset", "file"], message));
                None
            }
            Some(WorkloadSpec::Mix(shares)) => {
                mixes.push((item, shares));
                None
            }
            None => None,
        };
        known.add(item, "workload", built.map(Arc::new), problems);
    }
    let names = mixes.iter().filter_map(|(item, _)| item.name).collect();
    for (item, shares) in &mixes {
        let built = mix(item, shares, &known, &names, problems);
        if let (Some(name), Some(built)) = (item.name, built) {
            known.complete(name, Arc::new(built));
        }
    }
    known
}

fn usable(
    item: &Item<'_, WorkloadSpec>,
    built: Result<Workload, Vec<WorkloadFault>>,
    problems: &mut Problems,
) -> Option<Workload> {
    match built {
        Ok(workload) => Some(workload),
        Err(faults) => {
            for (path, error) in faults {
                problems.push(item.problem(&path, error.to_string()));
            }
            None
        }
    }
}

/// Builds a mix. Its parts are no mixes: they could nest without end, and multiply.
fn mix(
    item: &Item<'_, WorkloadSpec>,
    shares: &[ShareSpec],
    known: &Known<Workload>,
    mixes: &BTreeSet<&str>,
    problems: &mut Problems,
) -> Option<Workload> {
    let nodes = item.node.get("mix").map_or(&[][..], |mix| mix.node.items());
    let mut parts = Vec::new();
    for (share, node) in shares.iter().zip(nodes) {
        let name = share.workload.as_str();
        let place = node.place(&["workload"]);
        let problem = |message: String| Problem::at(&item.file.source, place, message);
        let found = known.get(name);
        if found.is_none() {
            let problem = problem(format!("there is no workload `{name}`"));
            problems.push(problem.nearest(name, known.names()));
        } else if mixes.contains(name) {
            problems.push(problem(format!("a mix cannot contain a mix, and `{name}` is one")));
        }
        parts.extend(found.flatten().map(|workload| (share.weight, Arc::clone(workload))));
    }
    // With a part missing, the weights of the others would say something else.
    (parts.len() == shares.len()).then_some(Workload::Mix(parts))
}
