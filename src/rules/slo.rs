//! Error budgets: what is recorded of them, and the alerts on how fast they go.
//!
//! Every SLO is held against its own objective, jointly and each threshold alone. Only counters are
//! read, so it makes no difference whether histograms are stored classic or native.

use std::borrow::Cow;

use super::{
    Alert, Group, Record, Rule, Severity,
    objective::{Subject, Theme},
    promql,
    windows::{BURNS, Burn, FEWEST_BAD, LONG, SHORT},
};

/// Beats held against an SLO within a window.
const REQUESTS: &str = "target_model_probe_slo:tokenbeat_slo_requests:increase";
/// The share of them that was not good.
const BAD: &str = "target_model_probe_slo:tokenbeat_slo_bad_requests:ratio_increase";
/// The share of them that missed a threshold, each alone.
const MISSED: &str = "target_model_probe_slo_metric:tokenbeat_slo_threshold_missed:ratio_increase";

/// The recorded windows. The long ones are evaluated less often: they read much and change slowly.
pub(super) fn recordings() -> Vec<Group> {
    vec![
        Group { name: "tokenbeat.slo.windows", interval: None, rules: recorded(&SHORT) },
        Group { name: "tokenbeat.slo.long_windows", interval: Some("2m"), rules: recorded(&LONG) },
    ]
}

fn recorded(windows: &[&str]) -> Vec<Rule> {
    let of = |window: &&str| {
        let increase =
            |metric: &str| format!("sum without (instance, pod) (increase({metric}[{window}]))");
        let requests = format!("{REQUESTS}{window}");
        [
            Record { name: requests.clone(), expr: increase("tokenbeat_slo_requests_total") },
            Record {
                name: format!("{BAD}{window}"),
                expr: format!(
                    "1 - {}\n  / {requests}",
                    increase("tokenbeat_slo_good_requests_total")
                ),
            },
            Record {
                name: format!("{MISSED}{window}"),
                expr: format!(
                    "1 - {}\n  / ignoring (metric) group_left () {requests}",
                    increase("tokenbeat_slo_threshold_met_total")
                ),
            },
        ]
    };
    windows.iter().flat_map(of).map(Into::into).collect()
}

/// The alerts that fit every configuration.
pub(super) fn alerts() -> Group {
    let mut alerts: Vec<Alert> = BURNS.iter().map(|burn| joint(&Subject::Every, burn)).collect();
    alerts.push(missed());
    for theme in Theme::ALL {
        alerts.extend(BURNS.iter().map(|burn| alone(&Subject::Every, theme, None, burn)));
    }
    alerts.push(collapsed());
    group(alerts)
}

/// The group of alerts on SLOs.
pub(super) fn group(alerts: Vec<Alert>) -> Group {
    Group {
        name: "tokenbeat.slo",
        interval: None,
        rules: alerts.into_iter().map(Into::into).collect(),
    }
}

/// The budget of an SLO as a whole burns.
pub(super) fn joint(subject: &Subject<'_>, burn: &Burn) -> Alert {
    let selector = promql::selector(&subject.pairs());
    let gauge = "tokenbeat_slo_objective_ratio";
    let few = format!(
        "{BAD}{long}{selector} * {REQUESTS}{long}{selector} >= {FEWEST_BAD}",
        long = burn.long
    );
    Alert {
        name: "TokenbeatSLOBurn",
        severity: burn.severity,
        expr: expr(subject, burn, &format!("{BAD}%{selector}"), gauge, &few, "slo"),
        hold: burn.hold,
        keep: Some(burn.keep),
        labels: labels(subject, None, burn),
        summary: "{{ $labels.target }} burns the error budget of SLO {{ $labels.slo }}.".into(),
        description: format!(
            "{{{{ $value | humanizePercentage }}}} of the beats of {{{{ $labels.probe }}}} at \
             {{{{ $labels.model }}}} of {{{{ $labels.target }}}} were not good within {}{}.",
            burn.long,
            bound(subject, burn)
        )
        .into(),
    }
}

/// The budget of thresholds burns, each alone: of those of `theme`, or of `metric` only.
pub(super) fn alone(
    subject: &Subject<'_>,
    theme: Theme,
    metric: Option<&str>,
    burn: &Burn,
) -> Alert {
    let long = burn.long;
    let whole = promql::selector(&subject.pairs());
    let selector = match metric {
        None => format!("{{metric=~\"{}\"}}", theme.metrics()),
        Some(metric) => {
            let mut pairs = subject.pairs();
            pairs.push(("metric", metric));
            promql::selector(&pairs)
        }
    };
    let gauge = "tokenbeat_slo_threshold_objective_ratio";
    let few = format!(
        "{MISSED}{long}{selector} * ignoring (metric) group_left () {REQUESTS}{long}{whole} >= {FEWEST_BAD}"
    );
    Alert {
        name: theme.alert(),
        severity: burn.severity,
        expr: expr(subject, burn, &format!("{MISSED}%{selector}"), gauge, &few, "slo, metric"),
        hold: burn.hold,
        keep: Some(burn.keep),
        labels: labels(subject, metric, burn),
        summary: "{{ $labels.target }} misses the {{ $labels.metric }} of SLO {{ $labels.slo }} too often."
            .into(),
        description: format!(
            "{{{{ $value | humanizePercentage }}}} of the beats of {{{{ $labels.probe }}}} at \
             {{{{ $labels.model }}}} of {{{{ $labels.target }}}} missed the threshold of \
             {{{{ $labels.metric }}}}, or failed, within {long}{}.",
            bound(subject, burn)
        )
        .into(),
    }
}

/// The condition of a burn alert. `%` in `ratio` stands for the window.
fn expr(
    subject: &Subject<'_>,
    burn: &Burn,
    ratio: &str,
    gauge: &str,
    few: &str,
    beyond_probe: &str,
) -> String {
    let threshold = subject.threshold(burn, gauge);
    let above = |window: &str| format!("{} > {threshold}", ratio.replace('%', window));
    let burns = format!("{}\nand\n  {}\nand\n  {few}", above(burn.long), above(burn.short));
    match subject {
        // What beats seldom is left to the longer windows.
        Subject::Every => format!(
            "{burns}\nand ignoring ({beyond_probe})\n  max without (instance, pod) \
             (tokenbeat_probe_interval_seconds) <= {}",
            burn.slowest
        ),
        Subject::One { .. } => burns,
    }
}

/// Two alerts of one name and severity differ in their windows, or they would be one. Those of one
/// SLO carry its labels for the same reason.
fn labels(
    subject: &Subject<'_>,
    metric: Option<&str>,
    burn: &Burn,
) -> Vec<(&'static str, Cow<'static, str>)> {
    let mut labels = vec![("long", burn.long.into()), ("short", burn.short.into())];
    if let Subject::One { probe, slo, .. } = subject {
        labels
            .extend([("probe", Cow::from((*probe).to_owned())), ("slo", (*slo).to_owned().into())]);
    }
    labels.extend(metric.map(|metric| ("metric", metric.to_owned().into())));
    labels
}

/// What the ratio is held against, in words.
fn bound(subject: &Subject<'_>, burn: &Burn) -> String {
    let times = promql::number(burn.factor);
    match subject {
        Subject::Every => format!(": {times} times what the objective allows, or more than half"),
        Subject::One { objective, .. } => format!(
            ": more than {} %, which is {times} times what the objective of {} % allows, or half",
            promql::number(100.0 * subject.threshold(burn, "").parse::<f64>().unwrap_or(f64::NAN)),
            promql::number(100.0 * objective)
        ),
    }
}

/// Most beats are bad, whatever the budget: soon, where a loose objective makes burn rates slow.
pub(super) fn missed() -> Alert {
    Alert {
        name: "TokenbeatSLOMissed",
        severity: Severity::Critical,
        expr: format!("{BAD}15m > 0.5\nand\n  {REQUESTS}15m >= 10"),
        hold: "1m",
        keep: None,
        labels: Vec::new(),
        summary: "Most beats at {{ $labels.target }} miss SLO {{ $labels.slo }}.".into(),
        description: "{{ $value | humanizePercentage }} of the beats of {{ $labels.probe }} at \
                      {{ $labels.model }} of {{ $labels.target }} were not good within 15 minutes."
            .into(),
    }
}

/// The share of good beats of the last hour is less than half of the day's before.
pub(super) fn collapsed() -> Alert {
    Alert {
        name: "TokenbeatGoodputCollapsed",
        severity: Severity::Warning,
        expr: format!(
            "1 - {BAD}1h < 0.5 * (1 - {BAD}1d offset 1h)\nand\n  {REQUESTS}1h >= 10\nand\n  \
             {BAD}1h * {REQUESTS}1h >= {FEWEST_BAD}"
        ),
        hold: "5m",
        keep: None,
        labels: Vec::new(),
        summary: "Goodput of {{ $labels.target }} under SLO {{ $labels.slo }} has collapsed.".into(),
        description: "{{ $value | humanizePercentage }} of the beats of {{ $labels.probe }} at \
                      {{ $labels.model }} of {{ $labels.target }} were good within the last hour, less \
                      than half of the share of the day before."
            .into(),
    }
}
