//! What a configuration was read from, to see cheaply whether it has changed.
//!
//! Its own files are small: a look reads them again. Files of data can be large: a look asks for
//! their length, their place and the time of their last change. Knows nothing of what follows.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{include::Files, problem::Problems};

/// What a configuration was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Hash of the configuration's own files.
    own: u64,
    data: Vec<(PathBuf, Mark)>,
}

/// By what a changed file is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    length: u64,
    changed: Option<SystemTime>,
    /// A file that was moved here may be older than the one before.
    place: (u64, u64),
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            changed: metadata.modified().ok(),
            place: (metadata.dev(), metadata.ino()),
        }
    }

    /// The mark of the file at `path`; absent if it cannot be had.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of)
    }
}

impl Seen {
    pub(super) fn new(own: u64, data: Vec<(PathBuf, Mark)>) -> Self {
        Self { own, data }
    }

    /// Whether the configuration at `path` is, as far as a look can tell, the one that was read.
    pub fn is_current(&self, path: &Path) -> bool {
        let (mut files, mut problems) = (Files::default(), Problems::default());
        files.read(path, &mut problems);
        problems.is_empty()
            && files.hash.folded() == self.own
            && self.data.iter().all(|(path, mark)| Mark::at(path) == Some(*mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    const WORKLOAD: &str = "workloads: {w: {dataset: {file: data.jsonl}}}\n";

    #[test]
    fn a_look_sees_a_change_of_any_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("written");
        };
        write("main.yml", "include: [parts/*.yml]\n");
        fs::create_dir(folder.path().join("parts")).expect("made");
        write("parts/a.yml", "workloads: {w: {dataset: {file: ../data.jsonl}}}\n");
        write("data.jsonl", "{\"prompt\": \"one\"}\n");
        let main = folder.path().join("main.yml");
        let seen = || load(&main).expect("sound").seen;
        let first = seen();
        assert!(first.is_current(&main));
        write("data.jsonl", "{\"prompt\": \"another\"}\n");
        assert!(!first.is_current(&main), "another length");
        let second = seen();
        write("moved.jsonl", "{\"prompt\": \"quite a n\"}\n");
        let moved = fs::rename(folder.path().join("moved.jsonl"), folder.path().join("data.jsonl"));
        moved.expect("moved");
        assert!(!second.is_current(&main), "another file");
        let third = seen();
        write("parts/b.yml", "slos: {s: {thresholds: {ttft: 1s}}}\n");
        assert!(!third.is_current(&main), "a new file that the glob matches");
        let fourth = seen();
        assert!(fourth.is_current(&main));
        fs::remove_file(folder.path().join("data.jsonl")).expect("removed");
        assert!(!fourth.is_current(&main), "a file that is gone");
        write("main.yml", "include: [none/*.yml]\n");
        assert!(!fourth.is_current(&main), "a problem");
    }

    #[test]
    fn a_look_does_not_read_the_data() {
        let folder = tempfile::tempdir().expect("a folder");
        let (main, data) = (folder.path().join("main.yml"), folder.path().join("data.jsonl"));
        fs::write(&main, WORKLOAD).expect("written");
        fs::write(&data, "{\"prompt\": \"one\"}\n").expect("written");
        let seen = load(&main).expect("sound").seen;
        let time = fs::metadata(&data).and_then(|found| found.modified()).expect("a time");
        // As long, in the same place, and of the same time: only whoever reads it can tell.
        fs::write(&data, "{\"prompt\": \"two\"}\n").expect("written");
        let file = fs::File::options().write(true).open(&data).expect("opened");
        file.set_modified(time).expect("set");
        assert!(seen.is_current(&main));
    }
}
