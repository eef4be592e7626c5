//! The files of a configuration: the main one and what it includes.
//!
//! Owns reading, the globs of `include`, and cycles. Knows nothing of the other keys.

use std::path::{Path, PathBuf};

use super::{
    disk, mask,
    problem::{Problem, Problems},
    source::{Source, Span},
    tree::{self, Node, Value},
};
use crate::fnv::Fnv;

/// Largest file.
const MOST_BYTES: u64 = 4 << 20;
/// Most files of a configuration.
const MOST_FILES: usize = 1_000;

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) source: Source,
    pub(super) root: Node,
}

/// The files, in the order in which they count: each before those that it includes.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) list: Vec<File>,
    /// Bytes of every file, in the same order.
    pub(super) hash: Fnv,
    /// Files on the way from the main one to the one being read, made absolute.
    open: Vec<PathBuf>,
    /// Files read before, made absolute.
    read: Vec<PathBuf>,
}

impl Files {
    /// Reads a file and what it includes.
    pub(super) fn read(&mut self, path: &Path, problems: &mut Problems) {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(problem) => return problems.push(*problem),
        };
        // Files that are the same under two names must be known as the same.
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.read.push(absolute.clone());
        self.open.push(absolute);
        self.add(path, text, problems);
        self.open.pop();
    }

    /// Adds the text of a file, and reads what it includes.
    pub(super) fn add(&mut self, path: &Path, text: String, problems: &mut Problems) {
        self.hash.write(text.as_bytes());
        let mut source = Source::new(path.to_owned(), text);
        let root = match tree::parse(&source) {
            Ok(root) => root,
            Err(problem) => return problems.push(*problem),
        };
        source.mask(&mask::secrets(&root));
        if matches!(root.value, Value::Null) {
            return problems.push(Problem::of_file(path, "the file is empty"));
        }
        let mut found = Vec::new();
        if let Some(entry) = root.get("include") {
            for item in entry.node.items() {
                // What is no text is reported by the walk.
                let Some(pattern) = item.text() else { continue };
                match self.matches(path, pattern) {
                    Ok(paths) => found.extend(paths.into_iter().map(|path| (path, item.span))),
                    Err(message) => problems.push(Problem::at(&source, item.span, message)),
                }
            }
        }
        let index = self.list.len();
        self.list.push(File { source, root });
        for (path, span) in found {
            self.include(index, span, &path, problems);
        }
    }

    /// Reads an included file, unless that would not end.
    fn include(&mut self, from: usize, span: Span, path: &Path, problems: &mut Problems) {
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let source = &self.list[from].source;
        if self.open.contains(&absolute) {
            let message = format!("includes go round in a circle: {}", path.display());
            problems.push(Problem::at(source, span, message));
        } else if self.list.len() >= MOST_FILES {
            let message = format!("more than {MOST_FILES} files");
            problems.push(Problem::at(source, span, message));
        } else if !self.read.contains(&absolute) {
            self.read(path, problems);
        }
    }

    /// The files that a glob in the file at `path` matches, sorted.
    fn matches(&self, path: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
        let folder = path.parent().unwrap_or(Path::new(""));
        // Only the pattern is a glob: the folder may have brackets in its name.
        let full = if Path::new(pattern).is_absolute() || folder.as_os_str().is_empty() {
            pattern.to_owned()
        } else {
            let folder = glob::Pattern::escape(&folder.to_string_lossy());
            format!("{folder}/{pattern}")
        };
        let found = glob::glob(&full).map_err(|error| format!("not a glob: {}", error.msg))?;
        let files: Vec<PathBuf> = found.flatten().filter(|found| !found.is_dir()).collect();
        if files.is_empty() {
            return Err("no file matches".to_owned());
        }
        Ok(files)
    }
}

fn read_text(path: &Path) -> Result<String, Box<Problem>> {
    let bytes = disk::bytes(path, MOST_BYTES)
        .map_err(|message| Box::new(Problem::of_file(path, message)))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let source = Source::new(path.to_owned(), text);
        Box::new(Problem::at(&source, Span { offset, len: 1 }, "not UTF-8 from here on"))
    })
}
