//! The folder: which files there are, how one is read, and how one is put there whole.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::id::RunId;
use crate::event::{RunRecord, SCHEMA_VERSION};

/// Largest file that is read: a record of 32 steps has some hundred kilobytes.
const MOST_BYTES: u64 = 16 << 20;

/// Endings of the files.
const RECORD: &str = ".json";
const DRAFT: &str = ".running";
const TEMPORARY: &str = ".tmp";

/// The lock that tells two daemons on one folder apart.
const LOCK: &str = "lock";

/// The names in the folder.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Of records, in ascending order: the newest last.
    pub(super) records: Vec<RunId>,
    /// Of drafts.
    pub(super) drafts: Vec<RunId>,
}

/// Makes the folder, and takes it for this process as long as the file is held.
pub(super) fn take(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    // Whatever is there under that name is locked and left as it is.
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::other(
            "another process uses it: give each daemon a `--storage.path` of its own",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The names in `folder`; none if it is not there.
pub(super) fn names(folder: &Path) -> io::Result<Names> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Names::default()),
        entries => entries?,
    };
    let mut names = Names::default();
    for entry in entries {
        let file = entry?.file_name();
        let Some(name) = file.to_str() else { continue };
        let id = |ending: &str| name.strip_suffix(ending).and_then(RunId::parse);
        if let Some(id) = id(RECORD) {
            names.records.push(id);
        } else if let Some(id) = id(DRAFT) {
            names.drafts.push(id);
        }
    }
    names.records.sort_unstable();
    Ok(names)
}

pub(super) fn record(folder: &Path, id: &RunId) -> PathBuf {
    folder.join(format!("{id}{RECORD}"))
}

pub(super) fn draft(folder: &Path, id: &RunId) -> PathBuf {
    folder.join(format!("{id}{DRAFT}"))
}

/// The text of a file of ours.
///
/// # Errors
/// If there is none, or it is no file (a pipe would be waited for), too large, or no text.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    // It may grow while it is read, and what a file system says of a size need not be so.
    File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|read| read <= MOST_BYTES) {
        Ok(text)
    } else {
        Err(io::Error::other(format!(
            "it has more than {MOST_BYTES} bytes, which no file of ours has"
        )))
    }
}

/// Reads a record.
///
/// # Errors
/// If there is none, or it is torn, too large, or of a newer version.
pub(super) fn read(path: &Path) -> io::Result<RunRecord> {
    parse(&text(path)?)
}

/// The record that `text` is.
///
/// # Errors
/// If it is none, or one of a newer version.
pub(super) fn parse(text: &str) -> io::Result<RunRecord> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema_version: u32,
    }
    // A newer form may not be readable as ours at all: its version tells why.
    let Version { schema_version } = serde_json::from_str(text)?;
    if schema_version > SCHEMA_VERSION {
        return Err(io::Error::other(format!(
            "its schema_version is {schema_version}, and this version of tokenbeat reads up to {SCHEMA_VERSION}"
        )));
    }
    Ok(serde_json::from_str(text)?)
}

/// Puts a file in its place whole or not at all, whatever happens to the machine meanwhile.
pub(super) fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let written = write_and_rename(Path::new(&temporary), path, bytes);
    if written.is_err() {
        // A half-written file helps nobody; where it cannot be removed, it is overwritten later.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The name is on the disk only when the folder is.
    File::open(folder)?.sync_all()
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

/// Removes a file; one that is not there is removed.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
