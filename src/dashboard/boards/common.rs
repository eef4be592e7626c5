//! What several dashboards have in common: variables, annotations, colours, and the arithmetic of
//! error budgets.

use crate::dashboard::{
    model::{Annotation, Colour, State, Step, Variable},
    promql::{gauge, share},
};

/// Series of the chosen targets and models.
pub(super) const SUBJECT: &str = r#"target=~"$target",model=~"$model""#;
/// Series of the chosen probes.
pub(super) const PROBE: &str = r#"target=~"$target",model=~"$model",probe=~"$probe""#;

pub(super) const TARGET: Variable =
    Variable::Label { label: "target", series: "tokenbeat_target_info", all: ".+" };
pub(super) const MODEL: Variable = Variable::Label {
    label: "model",
    series: r#"tokenbeat_target_info{target=~"$target"}"#,
    all: ".+",
};
pub(super) const PROBES: Variable = Variable::Label {
    label: "probe",
    series: r#"tokenbeat_probe_attempts_total{target=~"$target",model=~"$model"}"#,
    all: ".+",
};
/// With what the present is compared. A day has the same hour, a week the same day too.
pub(super) const COMPARE: Variable =
    Variable::Choice { name: "compare", label: "Compare with", options: &["1w", "1d", "4w"] };

/// None is well, one is not.
pub(super) const NONE_IS_WELL: &[Step] = &[from(Colour::Green), at(1.0, Colour::Red)];
/// Everything above zero is to be looked at.
pub(super) const ZERO_IS_WELL: &[Step] = &[from(Colour::Green), at(1e-9, Colour::Yellow)];
/// A number that is neither good nor bad.
pub(super) const PLAIN: &[Step] = &[from(Colour::Blue)];
/// A share of failures.
pub(super) const FAILURES: &[Step] =
    &[from(Colour::Green), at(0.001, Colour::Yellow), at(0.05, Colour::Red)];
/// How much of a budget is left.
pub(super) const BUDGET: &[Step] =
    &[from(Colour::Red), at(1e-9, Colour::Yellow), at(0.25, Colour::Green)];
/// A change against before: slower is not well.
pub(super) const CHANGE: &[Step] =
    &[from(Colour::Green), at(0.1, Colour::Yellow), at(0.25, Colour::Red)];

/// Whether something is up.
pub(super) const UP: &[State] = &[
    State { value: "0", text: "failing", colour: Colour::Red },
    State { value: "1", text: "ok", colour: Colour::Green },
];

/// What made a window miss, while it does.
pub(super) const CAUSE: &[State] = &[State { value: "1", text: "cause", colour: Colour::Yellow }];

/// The lowest step.
pub(super) const fn from(colour: Colour) -> Step {
    Step { from: None, colour }
}

/// A step that begins at a value.
pub(super) const fn at(value: f64, colour: Colour) -> Step {
    Step { from: Some(value), colour }
}

/// Whether each subject is answered: by the worst of its probes, of replicas by the luckier.
pub(super) fn up(select: &str) -> String {
    let by_probe = gauge("tokenbeat_probe_success", select, "target, model, probe");
    format!("min by (target, model) ({by_probe})")
}

/// The share of beats that failed.
pub(super) fn failed(by: &str, select: &str, window: &str) -> String {
    let (part, whole) = ("tokenbeat_probe_failures_total", "tokenbeat_probe_attempts_total");
    share(part, whole, select, by, window)
}

/// The labels of an SLO's series.
pub(super) const SLO: &str = "target, model, probe, slo";

/// The share of bad requests under each SLO.
pub(super) fn bad(select: &str, window: &str) -> String {
    let (good, all) = ("tokenbeat_slo_good_requests_total", "tokenbeat_slo_requests_total");
    format!("1 - {}", share(good, all, select, SLO, window))
}

/// The share of requests that each SLO lets be bad.
fn allowed(select: &str) -> String {
    format!("(1 - {})", gauge("tokenbeat_slo_objective_ratio", select, SLO))
}

/// How many times faster than allowed each budget is spent.
pub(super) fn burn(select: &str, window: &str) -> String {
    format!("({})\n/\n{}", bad(select, window), allowed(select))
}

/// The share of each budget that is left, were the window the whole period.
pub(super) fn budget_left(select: &str, window: &str) -> String {
    format!("1 - {}", burn(select, window))
}

/// When runs of sweeps on the chosen targets and models began and ended.
pub(super) fn runs() -> Vec<Annotation> {
    runs_of(SUBJECT)
}

/// When runs of sweeps of these series began and ended.
pub(super) fn runs_of(select: &str) -> Vec<Annotation> {
    let by = "target, model, sweep";
    let event = |name, metric: &str, title, colour| Annotation {
        name,
        expr: gauge(metric, select, by),
        title,
        colour,
    };
    vec![
        event(
            "Run began",
            "tokenbeat_sweep_last_start_timestamp_seconds",
            "{{sweep}} began on {{target}} {{model}}",
            Colour::Blue,
        ),
        event(
            "Run ended",
            "tokenbeat_sweep_last_end_timestamp_seconds",
            "{{sweep}} ended on {{target}} {{model}}",
            Colour::Grey,
        ),
    ]
}

/// When something became worse than it was, as sweeps found it.
pub(super) fn regressions() -> Annotation {
    let by = "target, model, sweep, step, metric";
    let since = gauge("tokenbeat_regression_last_change_timestamp_seconds", SUBJECT, by);
    let active = gauge("tokenbeat_regression_active", SUBJECT, by);
    Annotation {
        name: "Regression",
        expr: format!("{since}\nand\n{active} == 1"),
        title: "{{metric}} of {{target}} {{model}} became worse ({{sweep}}, step {{step}})",
        colour: Colour::Red,
    }
}
