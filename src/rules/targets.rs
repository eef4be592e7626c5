//! Alerts on what beats say of a target without any SLO.

use super::{Alert, Group, Severity};

/// No beat of any probe was ok for three intervals and a timeout of the fastest that beats now. Where
/// none ever was since the daemon started, three beats of one probe are enough. What a probe that
/// rests would be given counts for nothing: a fast one that is not sent must not make one failed beat
/// of a slow one an outage.
const DOWN: &str = "\
(
    time() - max without (instance, pod, probe) (tokenbeat_probe_last_success_timestamp_seconds)
  >
    min without (instance, pod, probe) (
        3 * tokenbeat_probe_interval_seconds + tokenbeat_probe_timeout_seconds
      and
        time() - tokenbeat_probe_last_attempt_timestamp_seconds
        <= 3 * tokenbeat_probe_interval_seconds + tokenbeat_probe_timeout_seconds
    )
)
or
(
    max without (instance, pod, probe) (
        (tokenbeat_probe_attempts_total >= 3) * tokenbeat_probe_interval_seconds
      and
        time() - tokenbeat_probe_last_attempt_timestamp_seconds
        <= 3 * tokenbeat_probe_interval_seconds + tokenbeat_probe_timeout_seconds
    )
  unless
    max without (instance, pod, probe) (tokenbeat_probe_last_success_timestamp_seconds)
)";

/// No beat at all has ended for three intervals and a timeout, and none was left out for
/// maintenance.
const STALE: &str = "\
(
    time() - max without (instance, pod) (tokenbeat_probe_last_attempt_timestamp_seconds)
  >
    max without (instance, pod) (3 * tokenbeat_probe_interval_seconds + tokenbeat_probe_timeout_seconds)
)
unless
  sum without (instance, pod, reason) (increase(tokenbeat_probe_skipped_total{reason=\"maintenance\"}[1h])) > 0";

/// The groups of alerts on targets.
pub(super) fn group() -> Group {
    let rules = [
        Alert {
            name: "TokenbeatTargetDown",
            severity: Severity::Critical,
            expr: DOWN.to_owned(),
            hold: "1m",
            keep: None,
            labels: Vec::new(),
            summary: "No beat at {{ $labels.model }} of {{ $labels.target }} is ok.".into(),
            description: "Beats are sent to {{ $labels.model }} of {{ $labels.target }}, and none \
                          was ok for {{ $value | humanizeDuration }}."
                .into(),
        },
        recently("10m"),
        recently("40m"),
        Alert {
            name: "TokenbeatProbeStale",
            severity: Severity::Warning,
            expr: STALE.to_owned(),
            hold: "2m",
            keep: None,
            labels: Vec::new(),
            summary: "Probe {{ $labels.probe }} of {{ $labels.target }} does not beat.".into(),
            description: "The last beat of {{ $labels.probe }} at {{ $labels.model }} of \
                          {{ $labels.target }} was due {{ $value | humanizeDuration }} ago: nothing \
                          is known of the target since."
                .into(),
        },
        error_ratio(Severity::Critical, "0.5", "5m"),
        error_ratio(Severity::Warning, "0.1", "5m"),
        mismatch(
            "TokenbeatContentMismatch",
            "content_mismatch|garbage|model_mismatch|usage_mismatch",
            "Answers of {{ $labels.model }} of {{ $labels.target }} are not what they must be.",
        ),
        mismatch(
            "TokenbeatLengthMismatch",
            "length_mismatch|empty|stream_truncated",
            "Answers of {{ $labels.model }} of {{ $labels.target }} have the wrong length.",
        ),
    ];
    Group {
        name: "tokenbeat.targets",
        interval: None,
        rules: rules.into_iter().map(Into::into).collect(),
    }
}

/// It is down, or was `within` this time. Windows that alerts look back on hold the outage when it is
/// over: with the reason gone that kept them quiet, they would tell of it a second time. Ten minutes
/// are more than what the windows of minutes need, forty what half an hour and its hold do.
fn recently(within: &'static str) -> Alert {
    Alert {
        name: "TokenbeatTargetDownRecently",
        severity: Severity::Info,
        expr: format!(
            "max without (alertname, alertstate, severity) (\n  \
             max_over_time(ALERTS{{alertname=\"TokenbeatTargetDown\",alertstate=\"firing\"}}[{within}])\n)"
        ),
        hold: "0s",
        keep: None,
        labels: vec![("within", within.into())],
        summary: "{{ $labels.model }} of {{ $labels.target }} is or was down.".into(),
        description: format!(
            "{{{{ $labels.model }}}} of {{{{ $labels.target }}}} was down within the last {within}: \
             alerts that look back on it still see that. Nobody need be told: it keeps them quiet."
        )
        .into(),
    }
}

/// A share of failed beats above `most`, and at least five of them.
fn error_ratio(severity: Severity, most: &str, hold: &'static str) -> Alert {
    let failed =
        "sum without (instance, pod, reason) (increase(tokenbeat_probe_failures_total[30m]))";
    let sent = "sum without (instance, pod) (increase(tokenbeat_probe_attempts_total[30m]))";
    Alert {
        name: "TokenbeatErrorRatioHigh",
        severity,
        expr: format!("{failed}\n  / {sent}\n  > {most}\nand\n  {failed} >= 5"),
        hold,
        keep: None,
        labels: Vec::new(),
        summary:
            "Beats of {{ $labels.probe }} at {{ $labels.model }} of {{ $labels.target }} fail."
                .into(),
        description:
            "{{ $value | humanizePercentage }} of the beats of the last 30 minutes failed.".into(),
    }
}

/// At least three beats in an hour with one of these outcomes.
fn mismatch(name: &'static str, reasons: &str, summary: &'static str) -> Alert {
    Alert {
        name,
        severity: Severity::Warning,
        expr: format!(
            "sum without (instance, pod) (increase(tokenbeat_probe_failures_total{{reason=~\"{reasons}\"}}[1h])) >= 3"
        ),
        hold: "1m",
        keep: None,
        labels: Vec::new(),
        summary: summary.into(),
        description: "{{ $value | printf \"%.0f\" }} beats of {{ $labels.probe }} ended as \
                      {{ $labels.reason }} within an hour."
            .into(),
    }
}
