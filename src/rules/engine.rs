//! Alerts on what the engine says of itself.

use super::{Alert, Group, Severity};

/// More than five wait all the time, and half as many again as ten minutes ago.
const QUEUE: &str = "\
max without (instance, pod) (min_over_time(tokenbeat_engine_requests_waiting[5m])) > 5
and
  max without (instance, pod) (avg_over_time(tokenbeat_engine_requests_waiting[5m]))
  > 1.5 * max without (instance, pod) (avg_over_time(tokenbeat_engine_requests_waiting[5m] offset 10m))";

/// Alerts on engines.
pub(super) fn group() -> Group {
    let rules = [
        Alert {
            name: "TokenbeatEngineQueueGrowing",
            severity: Severity::Warning,
            expr: QUEUE.to_owned(),
            hold: "5m",
            keep: None,
            labels: Vec::new(),
            summary: "Requests pile up at {{ $labels.model }} of {{ $labels.target }}.".into(),
            description: "At least {{ $value | printf \"%.0f\" }} requests wait in the engine's queue, half \
                          as many again as 10 minutes ago: more comes than is served."
                .into(),
        },
        Alert {
            name: "TokenbeatKVCacheFull",
            severity: Severity::Warning,
            expr: "max without (instance, pod) (avg_over_time(tokenbeat_engine_kv_cache_usage_ratio[5m])) > 0.95".to_owned(),
            hold: "10m",
            keep: None,
            labels: Vec::new(),
            summary: "The KV cache of {{ $labels.model }} of {{ $labels.target }} is full.".into(),
            description: "{{ $value | humanizePercentage }} of it is in use: requests wait or are \
                          preempted."
                .into(),
        },
        Alert {
            name: "TokenbeatEngineMetricsDown",
            severity: Severity::Warning,
            expr: "max without (instance, pod) (tokenbeat_engine_up) == 0".to_owned(),
            hold: "10m",
            keep: None,
            labels: Vec::new(),
            summary: "The engine of {{ $labels.target }} gives no metrics.".into(),
            description: "Its queue and its cache are not seen, and sweeps that are guarded by them are \
                          held back."
                .into(),
        },
    ];
    Group {
        name: "tokenbeat.engine",
        interval: None,
        rules: rules.into_iter().map(Into::into).collect(),
    }
}
