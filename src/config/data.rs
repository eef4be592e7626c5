//! Files that a configuration names for their data: traces and datasets.
//!
//! They are part of the configuration: read with it, held with it, and in its hash, so that a
//! changed one is a changed configuration.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    disk,
    problem::{Problem, Problems},
    sections::Item,
    seen::Mark,
};
use crate::{
    arrival::{Demand, parse_trace},
    fnv::Fnv,
    workload::Dataset,
};

/// Largest trace.
const MOST_TRACE_BYTES: u64 = 256 << 20;

/// The files of data that were read.
#[derive(Debug)]
pub(super) struct DataFiles {
    /// Of the bytes of the configuration and of these files.
    pub(super) hash: Fnv,
    /// Where they are, in the order in which they were read, and how each was found.
    pub(super) found: Vec<(PathBuf, Mark)>,
}

impl DataFiles {
    /// None yet; `hash` is that of the configuration itself.
    pub(super) fn new(hash: Fnv) -> Self {
        Self { hash, found: Vec::new() }
    }

    /// The trace in `file`, which `item` names at the keys `path`. Absent if it cannot be used,
    /// which is reported.
    pub(super) fn trace<S>(
        &mut self,
        item: &Item<'_, S>,
        path: &[&str],
        file: &Path,
        problems: &mut Problems,
    ) -> Option<Arc<[Demand]>> {
        let text = self.text(item.folder(), file, MOST_TRACE_BYTES);
        let trace = text.and_then(|text| parse_trace(&text).map_err(|error| error.to_string()));
        trace.map_err(|why| problems.push(fault(item, path, file, &why))).ok()
    }

    /// The dataset in `file`, likewise.
    pub(super) fn dataset<S>(
        &mut self,
        item: &Item<'_, S>,
        path: &[&str],
        file: &Path,
        problems: &mut Problems,
    ) -> Option<Arc<Dataset>> {
        let text = self.text(item.folder(), file, Dataset::MOST_BYTES as u64);
        let dataset =
            text.and_then(|text| Dataset::parse(&text).map_err(|error| error.to_string()));
        dataset.map(Arc::new).map_err(|why| problems.push(fault(item, path, file, &why))).ok()
    }

    /// The text of a file, which may be named relative to `folder`.
    fn text(&mut self, folder: &Path, file: &Path, most: u64) -> Result<String, String> {
        let path = folder.join(file);
        // Before it is read: what changes it meanwhile is then seen by the next look.
        let mark = Mark::at(&path);
        let bytes = disk::bytes(&path, most)?;
        self.hash.write(&bytes);
        // Two workloads may share a file.
        if self.found.iter().all(|(found, _)| *found != path) {
            self.found.extend(mark.map(|mark| (path, mark)));
        }
        String::from_utf8(bytes).map_err(|error| {
            let text = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = text.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line} is not UTF-8")
        })
    }
}

fn fault<S>(item: &Item<'_, S>, path: &[&str], file: &Path, why: &str) -> Problem {
    item.problem(path, format!("{}: {why}", file.display()))
}
