//! When each sweep was last due, also where it was skipped: what a daemon that starts again must
//! know to tell what was missed while it was down.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::folder::{replace, text};
use crate::event::RunKey;

/// The file.
const FILE: &str = "dues.json";

/// What is known of a sweep of a subject, in nanoseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Since when there is a daemon that would have seen it come due by its schedule.
    since: Option<i64>,
    /// When it was last due, whether it ran or not.
    pub(super) due: Option<i64>,
    /// Its schedule; unknown to older versions.
    #[serde(default)]
    pub(super) schedule: Option<String>,
}

/// What is known by sweep, target and model.
#[derive(Debug, Default)]
pub(super) struct Dues(BTreeMap<String, Known>);

impl Known {
    /// Nothing that was due by the schedule up to then was missed.
    pub(super) fn seen(&self) -> Option<i64> {
        self.due.max(self.since)
    }
}

impl Dues {
    /// What the folder has; nothing if there is nothing yet.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        match text(&file(folder)) {
            Ok(text) => Ok(Self(serde_json::from_str(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn get(&self, key: &RunKey) -> Known {
        self.0.get(&name(key)).cloned().unwrap_or_default()
    }

    /// Takes in that `key` was due; whether that is news.
    pub(super) fn was_due(&mut self, key: &RunKey, unix_nanos: i64) -> bool {
        let known = self.0.entry(name(key)).or_default();
        known.due.replace(unix_nanos) != Some(unix_nanos)
    }

    /// Takes in that `key` is watched by `schedule` from now on, unless it was before; whether that
    /// is news.
    pub(super) fn watched(&mut self, key: &RunKey, unix_nanos: i64, schedule: String) -> bool {
        let known = self.0.entry(name(key)).or_default();
        let news = known.schedule.as_ref() != Some(&schedule);
        let other = news && known.schedule.is_some();
        if other || known.seen().is_none() {
            known.since = Some(unix_nanos);
        }
        known.schedule = Some(schedule);
        news
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
