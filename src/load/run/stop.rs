//! When a step is ended before its time: the rules of `stop_when`, and hopelessness.
//!
//! Pure: looks at what there is, on the schedule of whoever asks.

use std::time::Duration;

use super::drive::Counts;
use crate::{config::StopWhen, tally::Looked, verdict::Metric};

/// No rule holds for fewer exchanges than this.
const ENOUGH: u64 = 20;

/// The rule that holds, in words, if one does.
///
/// Each rule has a number of exchanges below which it cannot hold, so that no single exchange
/// decides: a share of 1 % needs a hundred, and so does a 99th percentile.
pub(super) fn stops(
    rules: &StopWhen,
    looked: &Looked,
    quantile: impl Fn(Metric, f64) -> Option<Duration>,
) -> Option<String> {
    let failed = rules.error_ratio.filter(|ratio| looked.n >= enough(*ratio)).and_then(|ratio| {
        let found = looked.failed as f64 / looked.n as f64;
        (found > ratio).then(|| {
            let (failed, n) = (looked.failed, looked.n);
            let (found, ratio) = (percent(found), percent(ratio));
            format!("error_ratio: {failed} of {n} failed, {found}, more than {ratio}")
        })
    });
    failed.or_else(|| {
        rules.bounds.iter().filter(|bound| looked.n >= enough(1.0 - bound.quantile)).find_map(
            |bound| {
                let found = quantile(bound.metric, bound.quantile)?;
                (found > bound.max).then(|| {
                    let percent = (bound.quantile * 1e4).round() / 1e2;
                    let name = format!("{}_p{percent}", bound.metric.as_str());
                    let max = bound.max;
                    if found == Duration::MAX {
                        format!("{name}: infinite, because so many failed; the limit is {max:?}")
                    } else {
                        format!("{name}: {found:.1?}, more than {max:?}")
                    }
                })
            },
        )
    })
}

/// Whether it makes no sense to go on: of many exchanges, and at least one of each user, none was
/// ok.
pub(super) fn is_hopeless(counts: Counts, users: Option<u32>) -> bool {
    counts.ok == 0 && counts.ended >= ENOUGH.max(users.unwrap_or(0).into())
}

/// How many exchanges it takes for one to be no more than `share` of them.
fn enough(share: f64) -> u64 {
    // `as` saturates: a share of nothing needs more than there will ever be, but a rule of
    // `error_ratio: 0` means any failure.
    if share <= 0.0 { ENOUGH } else { ENOUGH.max((1.0 / share).ceil() as u64) }
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Bound;

    fn looked(n: u64, failed: u64) -> Looked {
        Looked { n, failed, ..Looked::default() }
    }

    fn never(_: Metric, _: f64) -> Option<Duration> {
        None
    }

    #[test]
    fn an_error_ratio_needs_enough_exchanges() {
        for (ratio, n, failed, stops_so) in [
            (0.05, 1, 1, false),
            (0.05, 19, 19, false),
            (0.05, 20, 1, false),
            (0.05, 20, 2, true),
            (0.05, 1_000, 50, false),
            (0.05, 1_000, 51, true),
            (0.01, 99, 50, false),
            (0.01, 100, 1, false),
            (0.01, 100, 2, true),
            (0.0, 20, 1, true),
            (0.0, 20, 0, false),
        ] {
            let rules = StopWhen { error_ratio: Some(ratio), bounds: Vec::new() };
            let found = stops(&rules, &looked(n, failed), never);
            assert_eq!(found.is_some(), stops_so, "{failed}/{n} at {ratio}: {found:?}");
        }
    }

    #[test]
    fn a_bound_needs_enough_exchanges_for_its_percentile() {
        const SECOND: Duration = Duration::from_secs(1);
        for (quantile, n, value, text) in [
            (0.95, 19, 11 * SECOND, None),
            (0.95, 20, 10 * SECOND, None),
            (0.95, 20, 11 * SECOND, Some("e2e_p95: 11.0s, more than 10s")),
            (0.99, 99, 11 * SECOND, None),
            (0.99, 100, 11 * SECOND, Some("e2e_p99: 11.0s, more than 10s")),
            (
                0.5,
                20,
                Duration::MAX,
                Some("e2e_p50: infinite, because so many failed; the limit is 10s"),
            ),
        ] {
            let bound = Bound { metric: Metric::E2e, quantile, max: 10 * SECOND };
            let rules = StopWhen { error_ratio: None, bounds: vec![bound] };
            let found = stops(&rules, &looked(n, 0), |metric, asked| {
                (metric == Metric::E2e && asked == quantile).then_some(value)
            });
            assert_eq!(found.as_deref(), text, "p{quantile} of {n}");
        }
    }

    #[test]
    fn without_rules_nothing_stops() {
        assert_eq!(stops(&StopWhen::default(), &looked(1_000, 1_000), never), None);
    }

    #[test]
    fn hopeless_is_when_everybody_has_failed() {
        let counts = |ended, ok| Counts { ended, ok, failed: ended - ok, ..Counts::default() };
        for (ended, ok, users, hopeless) in [
            (19, 0, None, false),
            (20, 0, None, true),
            (1_000, 1, None, false),
            (99, 0, Some(100), false),
            (100, 0, Some(100), true),
        ] {
            assert_eq!(is_hopeless(counts(ended, ok), users), hopeless, "{ok} of {ended}");
        }
    }
}
