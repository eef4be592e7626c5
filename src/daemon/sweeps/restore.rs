//! What a daemon that starts knows from the one before it.

use std::sync::Arc;

use super::draft::completed;
use crate::{
    event::{RunKey, RunRecord},
    store::{Latest, Store},
};

/// The newest runs of each of `keys`. Closes before that what was cut off. Waits for the disk.
pub(super) fn restored(store: &Store, keys: Vec<Arc<RunKey>>) -> Vec<(Arc<RunKey>, Latest)> {
    for record in store.recover() {
        store.save(Arc::new(completed(record)));
    }
    let of = |key: Arc<RunKey>| {
        let latest = store.latest(&key);
        (key, latest)
    };
    keys.into_iter().map(of).collect()
}

/// Up to when nothing of the subject was missed, as far as that is known, in nanoseconds since the
/// Unix epoch.
pub(super) fn seen(latest: &Latest) -> Option<i64> {
    let of_record = latest.newest.as_ref().map(|record| (record.due_at * 1e9) as i64);
    latest.seen.max(of_record)
}

/// The level that the last search ended with.
pub(super) fn answer(record: &RunRecord) -> Option<f64> {
    record.findings.bracket_low
}
