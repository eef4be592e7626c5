//! Things by name: how references find what they mean.

use std::{collections::BTreeMap, sync::Arc};

use crate::config::{
    problem::{Problem, Problems},
    sections::Item,
};

/// Whether every file could be read, so that a name that is not known is not defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Coverage {
    /// All are known.
    Complete,
    /// A file is missing, and what it defines.
    WithGaps,
}

/// Things by name. A faulty one is known by name only, so that what refers to it is not faulted.
pub(super) struct Known<T> {
    by_name: BTreeMap<String, (Option<Arc<T>>, String)>,
    coverage: Coverage,
}

impl<T> Known<T> {
    pub(super) fn new(coverage: Coverage) -> Self {
        Self { by_name: BTreeMap::new(), coverage }
    }

    /// Adds `thing`; reports a name that is taken.
    pub(super) fn add<S>(
        &mut self,
        item: &Item<'_, S>,
        what: &str,
        thing: Option<Arc<T>>,
        problems: &mut Problems,
    ) {
        let Some(name) = item.name else { return };
        if let Some((_, first)) = self.by_name.get(name) {
            let message = format!("a second {what} `{name}`: the first is at {first}");
            problems.push(Problem::at(&item.file.source, item.place, message));
            return;
        }
        self.by_name.insert(name.to_owned(), (thing, item.whereabouts()));
    }

    /// Looks a name up: absent if there is none; the inner is absent if it is faulty.
    pub(super) fn get(&self, name: &str) -> Option<Option<&Arc<T>>> {
        match self.by_name.get(name) {
            Some((thing, _)) => Some(thing.as_ref()),
            None if self.coverage == Coverage::WithGaps => Some(None),
            None => None,
        }
    }

    /// Whether all of them are known and without fault.
    pub(super) fn is_sound(&self) -> bool {
        self.coverage == Coverage::Complete
            && self.by_name.values().all(|(thing, _)| thing.is_some())
    }

    /// Fills in a thing whose name was added without it.
    pub(super) fn complete(&mut self, name: &str, thing: Arc<T>) {
        if let Some((slot @ None, _)) = self.by_name.get_mut(name) {
            *slot = Some(thing);
        }
    }

    /// Those without fault.
    pub(super) fn sound(self) -> BTreeMap<String, Arc<T>> {
        let things = self.by_name.into_iter();
        things.filter_map(|(name, (thing, _))| Some((name, thing?))).collect()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}
