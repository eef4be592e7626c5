//! `workloads`: the families check their own; here mixes find their parts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
            Some(WorkloadSpec::Mix(shares)) => {
                mixes.push((item, shares));
                None
            }
            None => None,
        };
        known.add(item, "workload", built.map(Arc::new), problems);
    }
    resolve(&mixes, &mut known, problems);
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

type MixItem<'i, 'a> = (&'i Item<'a, WorkloadSpec>, &'i Vec<ShareSpec>);

/// Reports parts that are not there or lead back to the mix, and builds the mixes, those first
/// whose parts are built. In each round at least one mix is built, or none can be.
fn resolve(mixes: &[MixItem<'_, '_>], known: &mut Known<Workload>, problems: &mut Problems) {
    let names: BTreeMap<&str, &Vec<ShareSpec>> =
        mixes.iter().filter_map(|(item, shares)| Some((item.name?, *shares))).collect();
    for (item, shares) in mixes {
        for (index, share) in shares.iter().enumerate() {
            let name = share.workload.as_str();
            let place = item.node.get("mix").and_then(|mix| mix.node.items().get(index));
            let place = place.map_or(item.place, |share| share.place(&["workload"]));
            let problem = |message: String| Problem::at(&item.file.source, place, message);
            if known.get(name).is_none() {
                let problem = problem(format!("there is no workload `{name}`"));
                problems.push(problem.nearest(name, known.names()));
            } else if item.name.is_some_and(|own| leads_to(&names, name, own)) {
                problems.push(problem(format!("the mix contains itself through `{name}`")));
            }
        }
    }
    for _ in mixes {
        for (item, shares) in mixes {
            let parts: Option<Vec<_>> = shares
                .iter()
                .map(|share| Some((share.weight, Arc::clone(known.get(&share.workload)??))))
                .collect();
            if let (Some(name), Some(parts)) = (item.name, parts)
                && let Some((slot @ None, _)) = known.by_name.get_mut(name)
            {
                *slot = Some(Arc::new(Workload::Mix(parts)));
            }
        }
    }
}

/// Whether the mix `from` is, or contains, `to`.
fn leads_to(mixes: &BTreeMap<&str, &Vec<ShareSpec>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![from];
    while let Some(name) = ahead.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            let shares = mixes.get(name).into_iter().flat_map(|shares| shares.iter());
            ahead.extend(shares.map(|share| share.workload.as_str()));
        }
    }
    false
}
