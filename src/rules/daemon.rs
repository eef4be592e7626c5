//! Alerts on the daemon itself: whether it can be trusted, and whether it is there.

use super::{Alert, Group, Severity};

/// More than a tenth of at least ten beats spoiled by our own lateness, or held by the CPU quota for
/// a twentieth of the time.
const SATURATED: &str = "\
(
    sum without (instance, pod, target, model, probe, reason) (increase(tokenbeat_probe_spoiled_total[15m]))
    / sum without (instance, pod, target, model, probe) (increase(tokenbeat_probe_attempts_total[15m]))
    > 0.1
  and
    sum without (instance, pod, target, model, probe) (increase(tokenbeat_probe_attempts_total[15m])) >= 10
)
or
  max without (instance, pod) (rate(tokenbeat_cpu_throttled_seconds_total[15m])) > 0.05";

/// Instances that were there within an hour and cannot be scraped now.
const INSTANCE_DOWN: &str = "\
count without (instance, pod) (
    up == 0
  and on (job, instance)
    last_over_time(tokenbeat_build_info[1h])
)";

/// Beats are ok, and no histogram of them is stored, in either form.
const HISTOGRAMS_LOST: &str = "\
max without (instance, pod) (tokenbeat_probe_success) == 1
unless
  max without (instance, pod, le) (tokenbeat_probe_e2e_seconds_bucket)
unless
  sum without (instance, pod) (tokenbeat_probe_e2e_seconds)";

/// Alerts on the daemon.
pub(super) fn group() -> Group {
    let alert =
        |name, severity, expr: &str, hold, summary: &'static str, description: &'static str| {
            Alert {
                name,
                severity,
                expr: expr.to_owned(),
                hold,
                keep: None,
                labels: Vec::new(),
                summary: summary.into(),
                description: description.into(),
            }
        };
    let warning = Severity::Warning;
    let rules = [
        alert(
            "TokenbeatAbsent",
            Severity::Critical,
            "absent(tokenbeat_build_info)",
            "5m",
            "No tokenbeat is scraped.",
            "Prometheus has no series of tokenbeat: nothing is measured, or nobody sees it. Every other \
             alert of these rules is blind.",
        ),
        alert(
            "TokenbeatInstanceDown",
            warning,
            INSTANCE_DOWN,
            "5m",
            "An instance of tokenbeat in {{ $labels.job }} cannot be scraped.",
            "{{ $value | printf \"%.0f\" }} of the instances that were there within the last hour are down.",
        ),
        alert(
            "TokenbeatProberSaturated",
            warning,
            SATURATED,
            "5m",
            "tokenbeat itself is late: its latencies are not to be trusted.",
            "{{ $value | humanizePercentage }} of its beats were spoiled by its own lateness, or of its \
             time it was held by its CPU quota.",
        ),
        alert(
            "TokenbeatConfigReloadFailed",
            warning,
            "min without (instance, pod) (tokenbeat_config_last_reload_successful) == 0",
            "5m",
            "The configuration of tokenbeat could not be reloaded.",
            "The last one that could be applied stays in force. Its successor has a mistake: \
             `tokenbeat check config` names it.",
        ),
        alert(
            "TokenbeatConfigDiffers",
            warning,
            "max without (instance, pod) (tokenbeat_config_hash) != min without (instance, pod) (tokenbeat_config_hash)",
            "15m",
            "Instances of tokenbeat run different configurations.",
            "Replicas of {{ $labels.job }} have not agreed on a configuration for 15 minutes.",
        ),
        alert(
            "TokenbeatDiscoveryFailing",
            warning,
            "sum without (instance, pod) (increase(tokenbeat_discovery_failures_total[15m])) > 2",
            "5m",
            "tokenbeat cannot discover models or targets.",
            "{{ $value | printf \"%.0f\" }} discoveries failed in 15 minutes; what was found before stays in force.",
        ),
        alert(
            "TokenbeatHistogramsLost",
            warning,
            HISTOGRAMS_LOST,
            "15m",
            "Histograms of tokenbeat are not stored.",
            "Beats of {{ $labels.probe }} at {{ $labels.target }} are ok, and Prometheus has neither \
             classic nor native histograms of them: it scrapes protobuf without native histograms.",
        ),
        alert(
            "TokenbeatOTLPExportsFailing",
            warning,
            "sum without (instance, pod) (increase(tokenbeat_otlp_exports_total{outcome!=\"ok\"}[15m])) > 0",
            "10m",
            "tokenbeat cannot export by OTLP.",
            "{{ $value | printf \"%.0f\" }} exports ended as {{ $labels.outcome }} in 15 minutes.",
        ),
        alert(
            "TokenbeatSinkDropping",
            warning,
            "sum without (instance, pod) (increase(tokenbeat_sink_dropped_total[15m])) > 0",
            "5m",
            "tokenbeat drops what it should keep.",
            "The {{ $labels.sink }} sink dropped {{ $value | printf \"%.0f\" }} events in 15 minutes.",
        ),
        alert(
            "TokenbeatStoreErrors",
            warning,
            "sum without (instance, pod) (increase(tokenbeat_store_errors_total[15m])) > 0",
            "0s",
            "tokenbeat cannot keep its runs.",
            "{{ $value | printf \"%.0f\" }} reads or writes of the store failed in 15 minutes.",
        ),
    ];
    Group {
        name: "tokenbeat.daemon",
        interval: None,
        rules: rules.into_iter().map(Into::into).collect(),
    }
}
