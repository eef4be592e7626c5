//! Alerts on sweeps: those that did not end well, those that did not run, and what they found.

use super::{Alert, Group, Severity};

/// The latest run that ended was no success, and it is not that its steps are invalid.
const FAILED: &str = "\
(
    max without (instance, pod) (tokenbeat_sweep_last_end_timestamp_seconds)
  >
    max without (instance, pod) (tokenbeat_sweep_last_success_timestamp_seconds)
  or
    max without (instance, pod) (tokenbeat_sweep_last_end_timestamp_seconds)
  unless
    max without (instance, pod) (tokenbeat_sweep_last_success_timestamp_seconds)
)
unless
  (
      max without (instance, pod) (tokenbeat_sweep_result_timestamp_seconds)
    ==
      max without (instance, pod) (tokenbeat_sweep_last_end_timestamp_seconds)
  )";

/// No success for two periods of the schedule and the longest run, or a run that never had one and
/// was due twice in vain, or a schedule that does not move on.
const OVERDUE: &str = "\
(
    (
        time() - max without (instance, pod) (tokenbeat_sweep_last_success_timestamp_seconds)
      >
        2 * (
            max without (instance, pod) (tokenbeat_sweep_next_run_timestamp_seconds)
          - max without (instance, pod) (tokenbeat_sweep_last_due_timestamp_seconds)
        )
        + max without (instance, pod) (tokenbeat_sweep_max_duration_seconds)
    )
  or
    (
        time() - max without (instance, pod) (tokenbeat_sweep_last_due_timestamp_seconds) > 0
      and
        sum without (instance, pod, reason) (tokenbeat_sweep_skipped_total{reason!=\"not_leader\"}) >= 2
      unless
        max without (instance, pod) (tokenbeat_sweep_last_success_timestamp_seconds)
    )
  or
    time() - max without (instance, pod) (tokenbeat_sweep_next_run_timestamp_seconds) > 600
)
unless
  max without (instance, pod) (tokenbeat_sweep_running) == 1";

/// What speaks against steps of the latest run, in how many of them.
const INVALID: &str = "\
sum without (instance, pod, step) (tokenbeat_sweep_step_invalid) > 0
and ignoring (reason)
  (
      max without (instance, pod) (tokenbeat_sweep_result_timestamp_seconds)
    ==
      max without (instance, pod) (tokenbeat_sweep_last_end_timestamp_seconds)
  )";

/// The change of what is worse than it was.
const REGRESSION: &str = "\
max without (instance, pod) (tokenbeat_regression_change_ratio)
and
  max without (instance, pod) (tokenbeat_regression_active) == 1";

/// Fallen against the median of two weeks. The gauge stands between runs, so the median is over time.
const GOODPUT_DROPPED: &str = "\
max without (instance, pod) (tokenbeat_sweep_max_goodput_requests_per_second)
  / max without (instance, pod) (quantile_over_time(0.5, tokenbeat_sweep_max_goodput_requests_per_second[14d]))
  < 0.8";

/// Alerts on runs.
pub(super) fn group() -> Group {
    let rules = [
        Alert {
            name: "TokenbeatSweepFailed",
            severity: Severity::Warning,
            expr: FAILED.to_owned(),
            hold: "1m",
            keep: None,
            labels: Vec::new(),
            summary: "The last run of sweep {{ $labels.sweep }} at {{ $labels.target }} has no result.".into(),
            description: "The run of {{ $labels.sweep }} at {{ $labels.model }} of {{ $labels.target }} \
                          that ended at {{ $value | humanizeTimestamp }} failed, was interrupted or \
                          was cancelled."
                .into(),
        },
        Alert {
            name: "TokenbeatSweepInvalid",
            severity: Severity::Warning,
            expr: INVALID.to_owned(),
            hold: "1m",
            keep: None,
            labels: Vec::new(),
            summary: "The last run of sweep {{ $labels.sweep }} at {{ $labels.target }} is not valid.".into(),
            description: "{{ $value | printf \"%.0f\" }} steps of the last run of {{ $labels.sweep }} at \
                          {{ $labels.model }} of {{ $labels.target }} are marked {{ $labels.reason }}: \
                          their numbers enter no verdict and no baseline."
                .into(),
        },
        Alert {
            name: "TokenbeatSweepOverdue",
            severity: Severity::Warning,
            expr: OVERDUE.to_owned(),
            hold: "10m",
            keep: None,
            labels: Vec::new(),
            summary: "Sweep {{ $labels.sweep }} at {{ $labels.target }} is overdue.".into(),
            description: "{{ $labels.sweep }} at {{ $labels.model }} of {{ $labels.target }} waits \
                          for a run that ends well, for {{ $value | humanizeDuration }} by now."
                .into(),
        },
        Alert {
            name: "TokenbeatRegressionActive",
            severity: Severity::Warning,
            expr: REGRESSION.to_owned(),
            hold: "1m",
            keep: None,
            labels: Vec::new(),
            summary: "{{ $labels.metric }} of {{ $labels.target }} is worse than it was in sweep \
                      {{ $labels.sweep }}."
                .into(),
            description: "{{ $labels.metric }} of {{ $labels.model }} at {{ $labels.target }} has changed \
                          by {{ $value | humanizePercentage }} against its baseline in step \
                          {{ $labels.step }} of {{ $labels.sweep }}."
                .into(),
        },
    ];
    Group {
        name: "tokenbeat.sweeps",
        interval: None,
        rules: rules.into_iter().map(Into::into).collect(),
    }
}

/// Alerts that look weeks back: evaluated seldom, because they read much.
pub(super) fn capacity() -> Group {
    let dropped = Alert {
        name: "TokenbeatMaxGoodputDropped",
        severity: Severity::Warning,
        expr: GOODPUT_DROPPED.to_owned(),
        hold: "10m",
        keep: None,
        labels: Vec::new(),
        summary: "{{ $labels.target }} bears less load within its SLO than it did.".into(),
        description: "The highest goodput of {{ $labels.model }} at {{ $labels.target }} in sweep \
                      {{ $labels.sweep }} is {{ $value | humanizePercentage }} of its median of two \
                      weeks."
            .into(),
    };
    Group { name: "tokenbeat.capacity", interval: Some("5m"), rules: vec![dropped.into()] }
}
