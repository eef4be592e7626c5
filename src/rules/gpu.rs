//! Alerts on the GPUs behind a target.

use super::{Alert, Group, Severity};

/// The share of time for which a clock was held down. A power limit is reached at full load on a
/// healthy card, so it takes half of the time; heat and the board's own protection do not.
const THROTTLED: &str = "\
max without (instance, pod) (rate(tokenbeat_gpu_throttle_seconds_total{reason=~\"thermal|board_limit|reliability\"}[10m])) > 0.1
or
max without (instance, pod) (rate(tokenbeat_gpu_throttle_seconds_total{reason=\"power\"}[10m])) > 0.5";

/// Errors of the driver after which a card, or what ran on it, is lost.
const LOST: &str = "48|62|64|74|79|95|119|120";

/// Alerts on GPUs.
pub(super) fn group() -> Group {
    let rules = [
        Alert {
            name: "TokenbeatGPUThrottled",
            severity: Severity::Warning,
            expr: THROTTLED.to_owned(),
            hold: "10m",
            keep: None,
            labels: Vec::new(),
            summary: "GPU {{ $labels.gpu }} of {{ $labels.target }} is held down by {{ $labels.reason }}.".into(),
            description: "{{ $value | humanizePercentage }} of the last 10 minutes its clocks were below \
                          what they could be ({{ $labels.uuid }})."
                .into(),
        },
        xid(Severity::Critical, &seen("=~")),
        xid(Severity::Warning, &format!("{}\nor\n{}", seen("!~"), first_seen("!~"))),
        Alert {
            name: "TokenbeatGPUECCErrors",
            severity: Severity::Critical,
            expr: ecc("uncorrected|remapped_uncorrected", "> 0"),
            ..ecc_texts()
        },
        Alert {
            name: "TokenbeatGPUECCErrors",
            severity: Severity::Warning,
            expr: format!(
                "{}\nor\n{}",
                ecc("corrected", "> 100"),
                ecc("remapped_corrected", "> 0")
            ),
            ..ecc_texts()
        },
        Alert {
            name: "TokenbeatGPUCollectorDown",
            severity: Severity::Warning,
            expr: "min without (instance, pod) (tokenbeat_gpu_collector_up) == 0".to_owned(),
            hold: "5m",
            keep: None,
            labels: Vec::new(),
            summary: "GPU telemetry by {{ $labels.source }} fails{{ with $labels.target }} for {{ . }}{{ end }}.".into(),
            description: "No values of GPUs come from {{ $labels.source }}: throttling, errors and \
                          energy are not seen, and runs lack them."
                .into(),
        },
    ];
    Group {
        name: "tokenbeat.gpu",
        interval: None,
        rules: rules.into_iter().map(Into::into).collect(),
    }
}

/// Errors within a quarter of an hour, by how their code is held against [`LOST`].
fn seen(operator: &str) -> String {
    format!(
        "max without (instance, pod) (increase(tokenbeat_gpu_xid_errors_total{{xid{operator}\"{LOST}\"}}[15m])) > 0"
    )
}

/// The first error of a code that does not exist at 0: a series that begins above it has no increase.
fn first_seen(operator: &str) -> String {
    let series = format!("tokenbeat_gpu_xid_errors_total{{xid{operator}\"{LOST}\"}}");
    format!(
        "max without (instance, pod) (\n  {series}\n  unless last_over_time({series}[1d] offset 15m)\n) > 0"
    )
}

fn xid(severity: Severity, expr: &str) -> Alert {
    Alert {
        name: "TokenbeatGPUXIDErrors",
        severity,
        expr: expr.to_owned(),
        hold: "0s",
        keep: None,
        labels: Vec::new(),
        summary: "GPU {{ $labels.gpu }} of {{ $labels.target }} reports XID {{ $labels.xid }}."
            .into(),
        description:
            "The driver reported XID {{ $labels.xid }} {{ $value | printf \"%.0f\" }} times in \
                      15 minutes ({{ $labels.uuid }})."
                .into(),
    }
}

fn ecc(kinds: &str, bound: &str) -> String {
    format!(
        "max without (instance, pod) (increase(tokenbeat_gpu_ecc_errors_total{{kind=~\"{kinds}\"}}[1h])) {bound}"
    )
}

/// What the alerts on ECC errors have in common.
fn ecc_texts() -> Alert {
    Alert {
        name: "TokenbeatGPUECCErrors",
        severity: Severity::Warning,
        expr: String::new(),
        hold: "0s",
        keep: None,
        labels: Vec::new(),
        summary: "Memory of GPU {{ $labels.gpu }} of {{ $labels.target }} has errors.".into(),
        description: "{{ $value | printf \"%.0f\" }} {{ $labels.kind }} errors within an hour \
                      ({{ $labels.uuid }})."
            .into(),
    }
}
