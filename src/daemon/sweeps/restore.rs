//! What a daemon that starts knows from the one before it.

use std::sync::Arc;

use crate::{
    clock,
    event::{RunKey, RunRecord, RunResult},
    store::{Latest, Store},
};

/// The newest runs of each of `keys`. Closes before that what was cut off. Waits for the disk.
pub(super) fn restored(store: &Store, keys: Vec<Arc<RunKey>>) -> Vec<(Arc<RunKey>, Latest)> {
    for record in store.recover() {
        store.save(Arc::new(record));
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
    let of_record = latest.newest.as_ref().map(|record| clock::unix_nanos(record.due_at));
    latest.seen.max(of_record)
}

/// The level that the last search ended with: where the next one begins. One that was cut short
/// before any level missed had not come to an answer.
pub(super) fn answer(record: &RunRecord) -> Option<f64> {
    let findings = &record.findings;
    let complete = matches!(record.result, RunResult::Success | RunResult::Invalid);
    let answer = findings.bracket_estimate.or(findings.bracket_low);
    answer.filter(|_| complete || findings.bracket_high.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Findings, report::sample};

    #[test]
    fn a_search_that_was_cut_short_on_its_way_up_has_no_answer() {
        use RunResult::{Cancelled, Interrupted, Invalid, Success};
        for (result, estimate, high, wanted) in [
            (Success, Some(36.5), Some(40.0), Some(36.5)),
            (Success, None, Some(40.0), Some(32.0)),
            (Invalid, Some(100.0), None, Some(100.0)),
            (Interrupted, Some(36.5), Some(40.0), Some(36.5)),
            (Interrupted, Some(4.0), None, None),
            (Cancelled, None, None, None),
        ] {
            let findings = Findings {
                bracket_low: Some(32.0),
                bracket_high: high,
                bracket_estimate: estimate,
                ..Findings::default()
            };
            let record = RunRecord { result, findings, ..sample::sweep() };
            assert_eq!(answer(&record), wanted, "{result:?} {estimate:?} {high:?}");
        }
    }
}
