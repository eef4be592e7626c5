//! Sweeps and capacity: how much does a target bear, at what price, and is it less than it was?

use super::common::{self, MODEL, TARGET, at, from};
use crate::dashboard::{
    board::Board,
    model::{Colour, Dashboard, Kind, Panel, Row, State, Step, Unit, Variable},
    need::Need,
    promql::{age, gauge, increase},
};

const SELECT: &str = r#"target=~"$target",model=~"$model",sweep=~"$sweep""#;
const P95: &str = r#"target=~"$target",model=~"$model",sweep=~"$sweep",q="0.95""#;
const P50: &str = r#"target=~"$target",model=~"$model",sweep=~"$sweep",q="0.5""#;
const BY: &str = "target, model, sweep";
const BY_STEP: &str = "target, model, sweep, step";
const NAMED: &str = "{{sweep}}: {{target}} {{model}}";

const SWEEPS: Variable = Variable::Label {
    label: "sweep",
    series: r#"tokenbeat_sweep_running{target=~"$target",model=~"$model"}"#,
    all: ".+",
};
const VALID: &[State] = &[
    State { value: "0", text: "invalid", colour: Colour::Red },
    State { value: "1", text: "valid", colour: Colour::Green },
];
const RUNNING: &[State] = &[
    State { value: "0", text: "idle", colour: Colour::Grey },
    State { value: "1", text: "running", colour: Colour::Blue },
];
/// The share of requests that met their SLO.
const GOOD: &[Step] = &[from(Colour::Red), at(0.9, Colour::Yellow), at(0.95, Colour::Green)];

pub(in crate::dashboard) fn dashboard() -> Dashboard {
    let mut annotations = common::runs();
    annotations.push(common::regressions());
    Dashboard {
        board: Board::Sweeps,
        description: "How much does a target bear under its SLO, at what price, and is it less than it \
                      was? Steps and results are those of the latest run that was carried out.",
        range: "7d",
        variables: vec![TARGET, MODEL, SWEEPS],
        annotations,
        rows: [answer(), curve(), history(), trust()].map(|row| row.needs(Need::Sweep)).into(),
    }
}

fn one(metric: &str) -> String {
    gauge(metric, SELECT, BY)
}

fn step(metric: &str, select: &str) -> String {
    gauge(metric, select, BY_STEP)
}

fn answer() -> Row {
    Row {
        title: "How much does it bear?",
        height: 5,
        panels: vec![
            Panel::new(
                "Max goodput",
                Kind::Stat,
                Unit::RequestsPerSecond,
                "Most good requests a second: the answer of a search, or the best step that was \
                 certified. Absent without an SLO.",
            )
            .ask(NAMED, one("tokenbeat_sweep_max_goodput_requests_per_second")),
            Panel::new(
                "Knee",
                Kind::Stat,
                Unit::Count,
                "Requests in flight beyond which latency grows faster than throughput. Absent if no \
                 step is such.",
            )
            .ask(NAMED, one("tokenbeat_sweep_knee_concurrency")),
            Panel::new(
                "Missed SLOs",
                Kind::Stat,
                Unit::Count,
                "SLOs that the latest run missed.",
            )
            .ask("missed", {
                let select = format!(r#"{SELECT},state="fail""#);
                format!("sum ({})", gauge("tokenbeat_sweep_verdict", &select, "target, model, sweep, slo"))
            })
            .steps(common::NONE_IS_WELL),
            Panel::new(
                "Age of the latest valid run",
                Kind::Stat,
                Unit::Seconds,
                "Since the end of the latest run of which every step is valid. Older numbers describe \
                 another time.",
            )
            .ask(NAMED, age("tokenbeat_sweep_last_success_timestamp_seconds", SELECT, BY)),
        ],
    }
}

fn curve() -> Row {
    let steps = Panel::new(
        "Steps of the latest run",
        Kind::Table,
        Unit::Count,
        "Load is requests in flight of a closed loop, requests a second of an open one. In percentiles \
         a failed request counts as infinite.",
    )
    .column(
        "Load",
        Unit::Count,
        format!(
            "{}\nor\n{}",
            step("tokenbeat_sweep_step_concurrency", SELECT),
            step("tokenbeat_sweep_step_offered_requests_per_second", SELECT)
        ),
    )
    .column("TTFT p50", Unit::Seconds, step("tokenbeat_sweep_step_ttft_seconds", P50))
    .column("TTFT p95", Unit::Seconds, step("tokenbeat_sweep_step_ttft_seconds", P95))
    .column("TPOT p95", Unit::Seconds, step("tokenbeat_sweep_step_tpot_seconds", P95))
    .column("E2E p95", Unit::Seconds, step("tokenbeat_sweep_step_e2e_seconds", P95))
    .column(
        "Requests",
        Unit::RequestsPerSecond,
        step("tokenbeat_sweep_step_requests_per_second", SELECT),
    )
    .column(
        "Tokens",
        Unit::TokensPerSecond,
        step("tokenbeat_sweep_step_output_tokens_per_second", SELECT),
    )
    .column("Good", Unit::Ratio, step("tokenbeat_sweep_step_goodput_ratio", SELECT))
    .coloured(GOOD)
    .column("Ok", Unit::Ratio, step("tokenbeat_sweep_step_success_ratio", SELECT))
    .column("Samples", Unit::Count, step("tokenbeat_sweep_step_samples", SELECT))
    .column("Worth", Unit::Count, step("tokenbeat_sweep_step_valid", SELECT))
    .named(VALID);
    Row {
        title: "The latency-throughput curve",
        height: 9,
        panels: vec![
            Panel::new(
                "Time to first token over requests",
                Kind::XyChart,
                Unit::Seconds,
                "p95 of each step. Right and low is well; where it turns upward is the edge.",
            )
            .column(
                "Requests",
                Unit::RequestsPerSecond,
                step("tokenbeat_sweep_step_requests_per_second", SELECT),
            )
            .column(
                "TTFT p95",
                Unit::Seconds,
                step("tokenbeat_sweep_step_ttft_seconds", P95),
            ),
            Panel::new(
                "Time per output token over tokens",
                Kind::XyChart,
                Unit::Seconds,
                "p95 of each step: what a fuller batch costs each of its users.",
            )
            .column(
                "Tokens",
                Unit::TokensPerSecond,
                step("tokenbeat_sweep_step_output_tokens_per_second", SELECT),
            )
            .column(
                "TPOT p95",
                Unit::Seconds,
                step("tokenbeat_sweep_step_tpot_seconds", P95),
            ),
            steps,
        ],
    }
}

fn history() -> Row {
    let by = "target, model, sweep, step, metric";
    Row {
        title: "Is it less than it was?",
        height: 8,
        panels: vec![
            Panel::new(
                "Goodput and tokens over the runs",
                Kind::Lines,
                Unit::RequestsPerSecond,
                "Each run's answer, until the next.",
            )
            .ask(NAMED, one("tokenbeat_sweep_max_goodput_requests_per_second"))
            .column(
                "tokens, {{sweep}}: {{target}} {{model}}",
                Unit::TokensPerSecond,
                one("tokenbeat_sweep_max_output_tokens_per_second"),
            ),
            Panel::new(
                "Cost of a million output tokens",
                Kind::Lines,
                Unit::Dollars,
                "At the most tokens a second that a step had. Absent where the target's cost is not \
                 configured.",
            )
            .ask(NAMED, one("tokenbeat_sweep_cost_dollars_per_million_output_tokens")),
            Panel::new(
                "Against their own history",
                Kind::Table,
                Unit::Count,
                "Change of the latest run against the runs before, and how likely chance alone makes \
                 one as large.",
            )
            .column("Worse", Unit::Count, gauge("tokenbeat_regression_active", SELECT, by))
            .coloured(common::NONE_IS_WELL)
            .column("Change", Unit::Ratio, gauge("tokenbeat_regression_change_ratio", SELECT, by))
            .column("By chance", Unit::Ratio, gauge("tokenbeat_regression_p_value", SELECT, by)),
        ],
    }
}

fn trust() -> Row {
    let over_range = |metric, by| increase(metric, SELECT, by);
    Row {
        title: "Did the runs run, and are their numbers worth anything?",
        height: 7,
        panels: vec![
            Panel::new("Runs", Kind::StateTimeline, Unit::Count, "When a run was on.")
                .ask(NAMED, one("tokenbeat_sweep_running"))
                .states(RUNNING),
            Panel::new(
                "Runs by result",
                Kind::BarGauge,
                Unit::Count,
                "Runs that ended within the time shown, and those that were due and not begun.",
            )
            .ask("{{result}}", over_range("tokenbeat_sweep_runs_total", "result"))
            .ask("skipped: {{reason}}", over_range("tokenbeat_sweep_skipped_total", "reason"))
            .steps(common::PLAIN),
            Panel::new(
                "Requests by outcome",
                Kind::BarGauge,
                Unit::Count,
                "How the requests of runs ended within the time shown, warm-up included.",
            )
            .ask(
                "{{outcome}}",
                format!("{} > 0", over_range("tokenbeat_sweep_requests_total", "outcome")),
            )
            .steps(common::PLAIN),
            Panel::new(
                "What speaks against the latest run",
                Kind::BarGauge,
                Unit::Count,
                "Steps, by the reason for which their numbers are not valid.",
            )
            .ask("{{reason}}", {
                let by = "target, model, sweep, step, reason";
                format!("sum by (reason) ({})", gauge("tokenbeat_sweep_step_invalid", SELECT, by))
            })
            .steps(common::NONE_IS_WELL),
        ],
    }
}
