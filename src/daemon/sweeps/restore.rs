//! What a daemon that starts knows from the one before it.

use std::sync::Arc;

use crate::{
    clock,
    config::Sweep,
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

/// By what a sweep is due, in words that change with it.
pub(super) fn schedule(sweep: &Sweep) -> String {
    sweep.cron.as_ref().map_or_else(String::new, |cron| {
        format!("{} {}", cron.text(), cron.zone().iana_name().unwrap_or_default())
    })
}

/// Up to when nothing of the subject was missed by its `schedule`, as far as that is known, in
/// nanoseconds since the Unix epoch. What was due by another one tells nothing.
pub(super) fn seen(latest: &Latest, schedule: &str) -> Option<i64> {
    if latest.schedule.as_deref().is_some_and(|known| known != schedule) {
        return None;
    }
    let of_record = latest.newest.as_ref().map(|record| clock::unix_nanos(record.due_at));
    latest.seen.max(of_record)
}

/// The level that the last search ended with: where the next one begins. One that was cut short
/// before any level missed had not come to an answer, nor had one whose server went away.
pub(super) fn answer(record: &RunRecord) -> Option<f64> {
    let findings = &record.findings;
    let complete = matches!(record.result, RunResult::Success | RunResult::Invalid);
    let answer = findings.bracket_estimate.or(findings.bracket_low);
    let failed = record.result == RunResult::Failed;
    answer.filter(|_| complete || !failed && findings.bracket_high.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Findings, report::sample};

    #[test]
    fn what_was_due_by_another_schedule_tells_nothing() {
        let record = RunRecord { due_at: 300.0, ..sample::sweep() };
        let newest = Some(Arc::new(record));
        let of = |schedule: Option<&str>| Latest {
            newest: newest.clone(),
            seen: Some(400_000_000_000),
            schedule: schedule.map(str::to_owned),
            ..Latest::default()
        };
        for (known, found) in [
            (Some("0 2 * * * UTC"), Some(400_000_000_000)),
            (Some("0 3 * * * UTC"), None),
            // An older version did not say.
            (None, Some(400_000_000_000)),
        ] {
            assert_eq!(seen(&of(known), "0 2 * * * UTC"), found, "{known:?}");
        }
        let unseen = Latest { seen: None, ..of(None) };
        assert_eq!(seen(&unseen, "0 2 * * * UTC"), Some(300_000_000_000));
    }

    #[test]
    fn a_search_that_was_cut_short_on_its_way_up_has_no_answer() {
        use RunResult::{Cancelled, Failed, Interrupted, Invalid, Success};
        for (result, estimate, high, wanted) in [
            (Success, Some(36.5), Some(40.0), Some(36.5)),
            (Success, None, Some(40.0), Some(32.0)),
            (Invalid, Some(100.0), None, Some(100.0)),
            (Interrupted, Some(36.5), Some(40.0), Some(36.5)),
            (Interrupted, Some(4.0), None, None),
            (Cancelled, None, None, None),
            // The server went away.
            (Failed, Some(4.1), Some(5.0), None),
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
