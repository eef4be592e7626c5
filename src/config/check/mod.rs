//! What the parts of a configuration say of each other: references, names, sanity.
//!
//! Turns the sections, as they are written, into the checked [`Config`](super::Config). One file a
//! section; every problem is reported, none ends the check.

mod global;
mod headers;
mod maintenance;
mod probe;
mod slo;
mod target;
mod url;
mod workload;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    model::Config,
    problem::Problems,
    sections::{Item, Sections},
};

/// Whether every file could be read, so that a name that is not known is not defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    /// All are known.
    Complete,
    /// A file is missing, and what it defines.
    WithGaps,
}

/// Things by name. A faulty one is known by name only, so that what refers to it is not faulted.
struct Known<T> {
    by_name: BTreeMap<String, (Option<Arc<T>>, String)>,
    coverage: Coverage,
}

impl<T> Known<T> {
    fn new(coverage: Coverage) -> Self {
        Self { by_name: BTreeMap::new(), coverage }
    }

    /// Adds `thing`; reports a name that is taken.
    fn add<S>(
        &mut self,
        item: &Item<'_, S>,
        what: &str,
        thing: Option<Arc<T>>,
        problems: &mut Problems,
    ) {
        let Some(name) = item.name else { return };
        if let Some((_, first)) = self.by_name.get(name) {
            let message = format!("a second {what} `{name}`: the first is at {first}");
            problems.push(super::Problem::at(&item.file.source, item.place, message));
            return;
        }
        self.by_name.insert(name.to_owned(), (thing, item.whereabouts()));
    }

    /// Looks a name up: absent if there is none; the inner is absent if it is faulty.
    fn get(&self, name: &str) -> Option<Option<&Arc<T>>> {
        match self.by_name.get(name) {
            Some((thing, _)) => Some(thing.as_ref()),
            None if self.coverage == Coverage::WithGaps => Some(None),
            None => None,
        }
    }

    /// Whether all of them are known and without fault.
    fn is_sound(&self) -> bool {
        self.coverage == Coverage::Complete
            && self.by_name.values().all(|(thing, _)| thing.is_some())
    }

    /// Those without fault.
    fn sound(self) -> BTreeMap<String, Arc<T>> {
        let things = self.by_name.into_iter();
        things.filter_map(|(name, (thing, _))| Some((name, thing?))).collect()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// Checks everything. The result is of use only if no problem has been reported.
pub(super) fn check(
    sections: &Sections<'_>,
    coverage: Coverage,
    problems: &mut Problems,
) -> Config {
    let global = global::check(sections.global.as_ref(), problems);
    let workloads = workload::check(&sections.workloads, coverage, problems);
    let slos = slo::check(&sections.slos, coverage, problems);
    let targets = target::check(&sections.targets, coverage, problems);
    let context =
        probe::Context { global: &global, workloads: &workloads, slos: &slos, targets: &targets };
    let probes = probe::check(&sections.probes, &context, problems);
    Config {
        global,
        targets: targets.in_order,
        workloads: workloads.sound(),
        slos: slos.sound(),
        probes,
        files: Vec::new(),
        hash: 0,
    }
}
