//! The sections of all files together, typed item by item.
//!
//! An item with a structural problem keeps its name, so that a reference to it is not reported as
//! dangling too. Knows the top-level keys and nothing below them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{
    include::File,
    problem::{Problem, Problems},
    source::Span,
    spec::{GlobalSpec, ProbeSpec, ScenarioSpec, SweepSpec, TargetSpec, TelemetrySpec},
    tree::{Entry, Node, Value},
    walk::Walk,
};
use crate::{verdict::SloSpec, workload::WorkloadSpec};

/// One item of a section.
pub(super) struct Item<'a, T> {
    pub(super) file: &'a File,
    pub(super) node: &'a Node,
    /// Its name, if it has one.
    pub(super) name: Option<&'a str>,
    /// Where the name stands, or the item begins.
    pub(super) place: Span,
    /// Its typed form; absent if its structure is faulty, which has been reported.
    pub(super) spec: Option<T>,
}

/// The sections.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) global: Option<Item<'a, GlobalSpec>>,
    pub(super) targets: Vec<Item<'a, TargetSpec>>,
    pub(super) workloads: Vec<Item<'a, WorkloadSpec>>,
    pub(super) slos: Vec<Item<'a, SloSpec>>,
    pub(super) probes: Vec<Item<'a, ProbeSpec>>,
    pub(super) scenarios: Vec<Item<'a, ScenarioSpec>>,
    pub(super) sweeps: Vec<Item<'a, SweepSpec>>,
    pub(super) telemetry: Option<Item<'a, TelemetrySpec>>,
}

impl<T> Item<'_, T> {
    /// A problem at what stands below the keys of `path`.
    pub(super) fn problem(&self, path: &[&str], message: impl AsRef<str>) -> Problem {
        Problem::at(&self.file.source, self.node.place(path), message)
    }

    /// The folder of its file, to which paths in it are relative.
    pub(super) fn folder(&self) -> &Path {
        self.file.source.path.parent().unwrap_or(Path::new(""))
    }

    /// `file:line` of the item.
    pub(super) fn whereabouts(&self) -> String {
        let source = &self.file.source;
        format!("{}:{}", source.path.display(), source.position(self.place).line)
    }
}

impl<'a> Sections<'a> {
    /// Reads all files; the first is the main one.
    pub(super) fn read(files: &'a [File], schema: &Json, problems: &mut Problems) -> Self {
        let mut sections = Self::default();
        for (index, file) in files.iter().enumerate() {
            let mut walk = Walk::new(schema, &file.source, problems);
            if !matches!(file.root.value, Value::Map(_)) {
                walk.wrong_type(&[schema], &file.root, file.root.span);
                continue;
            }
            for (entry, below) in walk.entries(schema, file.root.entries()) {
                sections.section(&mut walk, file, index == 0, entry, below);
            }
        }
        sections
    }

    fn section<'s>(
        &mut self,
        walk: &mut Walk<'s>,
        file: &'a File,
        main: bool,
        entry: &'a Entry,
        schema: &'s Json,
    ) {
        match entry.key.as_str() {
            "targets" => self.targets.extend(list(walk, file, entry, schema)),
            "probes" => self.probes.extend(list(walk, file, entry, schema)),
            "sweeps" => self.sweeps.extend(list(walk, file, entry, schema)),
            "scenarios" => self.scenarios.extend(map(walk, file, entry, schema)),
            "workloads" => self.workloads.extend(map(walk, file, entry, schema)),
            "slos" => self.slos.extend(map(walk, file, entry, schema)),
            "global" if main => {
                self.global = Some(item(walk, file, &entry.node, None, entry.span, schema));
            }
            "telemetry" if main => {
                self.telemetry = Some(item(walk, file, &entry.node, None, entry.span, schema));
            }
            key @ ("global" | "telemetry") => {
                let message =
                    format!("`{key}` belongs into the main file, not into an included one");
                walk.problems.push(Problem::at(&file.source, entry.span, message));
            }
            // `include`: what it names has been read; here its form is checked.
            _ => {
                walk.value(schema, &entry.node, entry.span);
            }
        }
    }
}

/// Reads a list of items that carry their names.
fn list<'a, 's, T: DeserializeOwned>(
    walk: &mut Walk<'s>,
    file: &'a File,
    entry: &'a Entry,
    schema: &'s Json,
) -> Vec<Item<'a, T>> {
    let Value::List(items) = &entry.node.value else {
        walk.wrong_type(&[schema], &entry.node, entry.span);
        return Vec::new();
    };
    let mut list = Vec::new();
    for node in items {
        let name = node.get("name");
        let place = name.map_or(node.span, |name| name.node.span);
        let name = name.and_then(|name| name.node.text());
        list.push(item(walk, file, node, name, place, &schema["items"]));
    }
    list
}

/// Reads a mapping from names to items.
fn map<'a, 's, T: DeserializeOwned>(
    walk: &mut Walk<'s>,
    file: &'a File,
    entry: &'a Entry,
    schema: &'s Json,
) -> Vec<Item<'a, T>> {
    let Value::Map(entries) = &entry.node.value else {
        walk.wrong_type(&[schema], &entry.node, entry.span);
        return Vec::new();
    };
    let mut list = Vec::new();
    for (entry, below) in walk.entries(schema, entries) {
        let name = Some(entry.key.as_str());
        list.push(item(walk, file, &entry.node, name, entry.span, below));
    }
    list
}

fn item<'a, 's, T: DeserializeOwned>(
    walk: &mut Walk<'s>,
    file: &'a File,
    node: &'a Node,
    name: Option<&'a str>,
    place: Span,
    schema: &'s Json,
) -> Item<'a, T> {
    // A missing key is reported at the beginning of the item, which is its name in a mapping.
    let start = if matches!(node.value, Value::Null) { place } else { node.span };
    let spec = walk.value(schema, node, start).and_then(|json| match T::deserialize(json) {
        Ok(spec) => Some(spec),
        Err(_) => {
            // The walk and the types come from one description, so this says that they differ.
            let message = "this fits the schema but cannot be used: please report it";
            walk.problems.push(Problem::at(walk.source, start, message));
            None
        }
    });
    Item { file, node, name, place, spec }
}
