//! When each sweep was last due, also where it was skipped: what a daemon that starts again must
//! know to tell what was missed while it was down.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::folder::{MOST_BYTES, replace};
use crate::event::RunKey;

/// The file.
const FILE: &str = "dues.json";

/// Due times by sweep, target and model, in nanoseconds since the Unix epoch.
#[derive(Debug, Default)]
pub(super) struct Dues(BTreeMap<String, i64>);

impl Dues {
    /// What the folder has; nothing if there is nothing yet.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let path = file(folder);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
            Ok(about) if about.len() > MOST_BYTES => {
                return Err(io::Error::other("it is too large"));
            }
            Ok(_) => {}
        }
        Ok(Self(serde_json::from_str(&fs::read_to_string(path)?)?))
    }

    pub(super) fn get(&self, key: &RunKey) -> Option<i64> {
        self.0.get(&name(key)).copied()
    }

    /// Takes in that `key` was due; whether that is news.
    pub(super) fn set(&mut self, key: &RunKey, unix_nanos: i64) -> bool {
        self.0.insert(name(key), unix_nanos) != Some(unix_nanos)
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        replace(folder, &file(folder), &serde_json::to_vec(&self.0)?)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The names as one JSON string: no name can forge another's.
fn name(key: &RunKey) -> String {
    serde_json::json!([&*key.sweep, &*key.target, &*key.model]).to_string()
}
