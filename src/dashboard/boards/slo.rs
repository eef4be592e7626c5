//! SLO and error budget: how much may still go wrong, and how fast is it going?

use super::common::{self, MODEL, PROBES, TARGET, at, from};
use crate::dashboard::{
    board::Board,
    model::{Colour, Dashboard, Kind, Panel, Row, State, Step, Unit, Variable},
    need::Need,
    promql::{RANGE, gauge, increase, rate, share},
};

const SELECT: &str = r#"target=~"$target",model=~"$model",probe=~"$probe",slo=~"$slo""#;
const BY: &str = common::SLO;
const NAMED: &str = "{{slo}}: {{target}} {{model}} {{probe}}";

const SLOS: Variable = Variable::Label {
    label: "slo",
    series: r#"tokenbeat_slo_requests_total{target=~"$target",model=~"$model",probe=~"$probe"}"#,
    all: ".+",
};

/// The factors of the alerts: a budget of 30 days gone in 30, 10, 5 and 2 days.
const BURN: &[Step] = &[
    from(Colour::Green),
    at(1.0, Colour::Blue),
    at(3.0, Colour::Yellow),
    at(6.0, Colour::Red),
    at(14.4, Colour::Red),
];

/// A verdict as one number: the larger is the worse.
const VERDICTS: &[State] = &[
    State { value: "0", text: "pass", colour: Colour::Green },
    State { value: "1", text: "not enough data", colour: Colour::Grey },
    State { value: "2", text: "fail", colour: Colour::Red },
    // Replicas that disagree: one of them has seen enough.
    State { value: "3", text: "fail", colour: Colour::Red },
];

pub(in crate::dashboard) fn dashboard() -> Dashboard {
    let mut annotations = common::runs();
    annotations.push(common::regressions());
    Dashboard {
        board: Board::Slo,
        description: "How much may still go wrong, how fast is it going wrong, and is there enough \
                      data to say so?",
        range: "24h",
        variables: vec![TARGET, MODEL, PROBES, SLOS],
        annotations,
        rows: [answer(), details(), speed(), causes()].map(|row| row.needs(Need::Slo)).into(),
    }
}

fn answer() -> Row {
    let verdicts = |state: &str| format!("sum ({})", verdict(state));
    Row {
        title: "How much may still go wrong?",
        height: 6,
        panels: vec![
            Panel::new(
                "Budget left",
                Kind::BarGauge,
                Unit::Ratio,
                "Were the time shown the whole period: set it to the window of your SLO. 0 is spent, \
                 below 0 overspent.",
            )
            .ask(NAMED, common::budget_left(SELECT, RANGE))
            .steps(common::BUDGET),
            Panel::new(
                "Verdicts",
                Kind::Stat,
                Unit::Count,
                "SLOs by their state over their own window. Not enough data is no pass: the share \
                 could lie on either side of the objective.",
            )
            .ask("pass", verdicts("pass"))
            .ask("fail", verdicts("fail"))
            .ask("not enough data", verdicts("not_enough_data")),
            Panel::new(
                "Fastest burn, 1 h",
                Kind::Stat,
                Unit::Factor,
                "How many times faster than allowed the worst budget is spent. At 1 it lasts just its \
                 period.",
            )
            .ask("1 h", format!("max ({})", common::burn(SELECT, "1h")))
            .steps(BURN),
        ],
    }
}

/// One state of each verdict.
fn verdict(state: &str) -> String {
    gauge("tokenbeat_slo_verdict", &format!(r#"{SELECT},state="{state}""#), BY)
}

/// The verdicts as one number each, see [`VERDICTS`].
fn verdict_number() -> String {
    format!("2 * {}\n+\n{}", verdict("fail"), verdict("not_enough_data"))
}

fn details() -> Row {
    Row {
        title: "Which SLO?",
        height: 8,
        panels: vec![
            Panel::new(
                "SLOs",
                Kind::Table,
                Unit::Count,
                "Over the time shown; the verdict is over the SLO's own window.",
            )
            .column("Verdict", Unit::Count, verdict_number())
            .named(VERDICTS)
            .column("Objective", Unit::Ratio, gauge("tokenbeat_slo_objective_ratio", SELECT, BY))
            .column("Good", Unit::Ratio, good_over_range())
            .column("Judged", Unit::Count, increase("tokenbeat_slo_requests_total", SELECT, BY))
            .column("Bad", Unit::Count, increase("tokenbeat_slo_bad_requests_total", SELECT, BY))
            .column("Budget left", Unit::Ratio, common::budget_left(SELECT, RANGE))
            .coloured(common::BUDGET)
            .drill(Board::Target),
            Panel::new(
                "Verdict over time",
                Kind::StateTimeline,
                Unit::Count,
                "Of each SLO over its own window.",
            )
            .ask(NAMED, verdict_number())
            .states(VERDICTS),
        ],
    }
}

fn good_over_range() -> String {
    let (good, all) = ("tokenbeat_slo_good_requests_total", "tokenbeat_slo_requests_total");
    share(good, all, SELECT, BY, RANGE)
}

fn speed() -> Row {
    let burn = |title, window| {
        Panel::new(
            title,
            Kind::Lines,
            Unit::Factor,
            "How many times faster than allowed each budget is spent. The lines are the factors of \
             the alerts: 1, 3, 6 and 14.4.",
        )
        .ask(NAMED, common::burn(SELECT, window))
        .steps(BURN)
    };
    Row {
        title: "How fast is it going?",
        height: 8,
        panels: vec![
            burn("Burn rate, 5 min", "5m"),
            burn("Burn rate, 1 h", "1h"),
            burn("Burn rate, 6 h", "6h"),
        ],
    }
}

fn causes() -> Row {
    let (met, all) = ("tokenbeat_slo_threshold_met_total", "tokenbeat_slo_requests_total");
    let window = "$__rate_interval";
    let each = format!(
        "sum by ({BY}, metric) (rate({met}{{{SELECT}}}[{window}]))\n/ on ({BY}) group_left ()\n\
         sum by ({BY}) (rate({all}{{{SELECT}}}[{window}]))\n\
         and on ({BY}, metric)\ntokenbeat_slo_threshold_seconds{{{SELECT}}}"
    );
    Row {
        title: "What is bad about it?",
        height: 8,
        panels: vec![
            Panel::new(
                "Bad requests by cause",
                Kind::Stack,
                Unit::PerSecond,
                "Failed, without a latency that the SLO asks for, or the first threshold missed.",
            )
            .ask("{{cause}}", rate("tokenbeat_slo_bad_requests_total", SELECT, "cause")),
            Panel::new(
                "Each threshold alone",
                Kind::Lines,
                Unit::Ratio,
                "The share of requests that met it, and the objective.",
            )
            .ask("{{metric}} of {{slo}}: {{target}} {{model}} {{probe}}", each)
            .limit("objective of {{slo}}", gauge("tokenbeat_slo_objective_ratio", SELECT, "slo")),
            Panel::new(
                "Requests judged, and left out",
                Kind::Stack,
                Unit::PerSecond,
                "What a verdict rests on. Left out is what says nothing about the target: during our \
                 own sweeps, spoiled by our own lateness, given up by us.",
            )
            .ask("judged", rate("tokenbeat_slo_requests_total", SELECT, ""))
            .ask("left out: {{reason}}", rate("tokenbeat_slo_excluded_requests_total", SELECT, "reason")),
        ],
    }
}
