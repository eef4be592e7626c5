//! What a daemon that starts knows from the one before it.

use std::sync::Arc;

use crate::{
    event::{RunKey, RunRecord},
    store::{Latest, Store},
};

/// The newest runs of each of `keys`. Closes before that what was cut off. Waits for the disk.
pub(super) fn restored(store: &Store, keys: Vec<Arc<RunKey>>) -> Vec<(Arc<RunKey>, Latest)> {
    store.recover();
    let of = |key: Arc<RunKey>| {
        let latest = store.latest(&key);
        (key, latest)
    };
    keys.into_iter().map(of).collect()
}

/// When the subject was last due, as far as that is known, in nanoseconds since the Unix epoch.
pub(super) fn last_due(latest: &Latest) -> Option<i64> {
    let of_record = latest.newest.as_ref().map(|record| (record.due_at * 1e9) as i64);
    latest.last_due.max(of_record)
}

/// The level that the last search ended with.
pub(super) fn answer(record: &RunRecord) -> Option<f64> {
    record.findings.bracket_low
}
