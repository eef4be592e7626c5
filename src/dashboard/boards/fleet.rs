//! Fleet: is every target well, and if not, which?

use super::common::{self, COMPARE, MODEL, SUBJECT, TARGET};
use crate::dashboard::{
    board::Board,
    model::{Dashboard, Kind, Panel, Row, Unit},
    need::Need,
    promql::{Histogram, RANGE, WINDOW, age, gauge, increase, rate},
};

const BY: &str = "target, model";
const OF_PROBE: &str = "target, model, probe";
const NAMED: &str = "{{target}} {{model}}";
const TTFT: Histogram = Histogram::new("tokenbeat_probe_ttft_seconds", SUBJECT, BY);
const TPOT: Histogram = Histogram::new("tokenbeat_probe_tpot_seconds", SUBJECT, BY);

pub(in crate::dashboard) fn dashboard() -> Dashboard {
    let mut annotations = common::runs();
    annotations.push(common::regressions());
    Dashboard {
        board: Board::Fleet,
        description: "Is every target well, and if not, which one? Click a target for its page.",
        range: "6h",
        variables: vec![TARGET, MODEL, COMPARE],
        annotations,
        rows: vec![answer(), targets(), latency(), failures()],
    }
}

fn answer() -> Row {
    let count = |title, description| Panel::new(title, Kind::Stat, Unit::Count, description);
    let late = format!(
        "{} > bool 3 * {} + {}",
        age("tokenbeat_probe_last_attempt_timestamp_seconds", SUBJECT, OF_PROBE),
        gauge("tokenbeat_probe_interval_seconds", SUBJECT, OF_PROBE),
        gauge("tokenbeat_probe_timeout_seconds", SUBJECT, OF_PROBE),
    );
    let verdict = |state: &str| {
        let select = format!(r#"{SUBJECT},state="{state}""#);
        format!("sum ({})", gauge("tokenbeat_slo_verdict", &select, common::SLO))
    };
    Row {
        title: "Is every target well?",
        height: 4,
        panels: vec![
            count(
                "Targets failing",
                "Targets and models of which the last beat of some probe failed. Of replicas of the \
                 daemon the luckier one counts.",
            )
            .ask("failing", format!("sum (1 - {})", common::up(SUBJECT)))
            .steps(common::NONE_IS_WELL),
            count(
                "SLOs failed",
                "SLOs that were missed over their own window, with enough data to say so.",
            )
            .ask("failed", verdict("fail"))
            .needs(Need::Slo)
            .steps(common::NONE_IS_WELL)
            .drill(Board::Slo),
            count(
                "SLOs undecided",
                "SLOs of which too few requests were judged. No news, neither good nor bad.",
            )
            .ask("undecided", verdict("not_enough_data"))
            .needs(Need::Slo)
            .steps(common::PLAIN)
            .drill(Board::Slo),
            count(
                "Probes late",
                "Probes that have ended no beat for three intervals and their timeout. Their other \
                 numbers are old.",
            )
            .ask("late", format!("sum ({late})"))
            .steps(common::NONE_IS_WELL)
            .drill(Board::Daemon),
            count(
                "Regressions",
                "Numbers of sweeps that are worse than their own history, beyond chance.",
            )
            .ask("regressions", {
                let by = "target, model, sweep, step, metric";
                format!("sum ({})", gauge("tokenbeat_regression_active", SUBJECT, by))
            })
            .steps(common::NONE_IS_WELL)
            .needs(Need::Sweep)
            .drill(Board::Sweeps),
        ],
    }
}

fn targets() -> Row {
    let change = |of: Histogram| {
        let (now, before) = (of.over_range(), of.over_range().before());
        format!("(\n{}\n)\n/\n(\n{}\n)\n- 1", now.quantile(0.5), before.quantile(0.5))
    };
    let worst = format!("min by ({BY}) ({})", common::budget_left(SUBJECT, RANGE));
    let table = Panel::new(
        "Targets",
        Kind::Table,
        Unit::Count,
        "Medians over the time shown, of ok beats only: read them beside the failures. The change is \
         against the same time span before, see `Compare with`. The budget is that of the worst SLO, \
         were the time shown its whole period.",
    )
    .column("State", Unit::Count, common::up(SUBJECT))
    .named(common::UP)
    .column("Failed", Unit::Ratio, common::failed(BY, SUBJECT, RANGE))
    .coloured(common::FAILURES)
    .column("Beats", Unit::Count, increase("tokenbeat_probe_attempts_total", SUBJECT, BY))
    .column("Budget left", Unit::Ratio, worst)
    .coloured(common::BUDGET)
    .column("TTFT p50", Unit::Seconds, TTFT.over_range().quantile(0.5))
    .column("TTFT change", Unit::Ratio, change(TTFT))
    .coloured(common::CHANGE)
    .column("TPOT p50", Unit::Seconds, TPOT.over_range().quantile(0.5))
    .column("TPOT change", Unit::Ratio, change(TPOT))
    .coloured(common::CHANGE)
    .drill(Board::Target);
    let history = Panel::new(
        "State over time",
        Kind::StateTimeline,
        Unit::Count,
        "How the last beat of each target ended, by its worst probe.",
    )
    .ask(NAMED, common::up(SUBJECT))
    .states(common::UP)
    .drill(Board::Target);
    Row { title: "Which one?", height: 9, panels: vec![table, history] }
}

fn latency() -> Row {
    let against_before = |title, of: Histogram| {
        Panel::new(
            title,
            Kind::Lines,
            Unit::Seconds,
            "The median now, and faintly what it was before, see `Compare with`. Ok beats only.",
        )
        .ask(NAMED, of.quantile(0.5))
        .before("{{target}} {{model}}, before", of.before().quantile(0.5))
        .drill(Board::Target)
    };
    Row {
        title: "Has latency moved?",
        height: 8,
        panels: vec![
            against_before("Time to first token, p50, now and before", TTFT),
            against_before("Time per output token, p50, now and before", TPOT),
        ],
    }
}

fn failures() -> Row {
    Row {
        title: "What do these numbers rest on?",
        height: 7,
        panels: vec![
            Panel::new(
                "Failed beats",
                Kind::Lines,
                Unit::Ratio,
                "The share of beats that failed. A latency leaves them out: a target that fails fast \
                 looks fast.",
            )
            .ask(NAMED, common::failed(BY, SUBJECT, WINDOW))
            .drill(Board::Target),
            Panel::new(
                "Beats",
                Kind::Lines,
                Unit::PerSecond,
                "Beats that ended and say something about the target: the samples behind every \
                 other panel.",
            )
            .ask(NAMED, rate("tokenbeat_probe_attempts_total", SUBJECT, BY))
            .drill(Board::Target),
            Panel::new(
                "Output tokens",
                Kind::Lines,
                Unit::TokensPerSecond,
                "What the beats cost the targets.",
            )
            .ask(NAMED, rate("tokenbeat_probe_output_tokens_total", SUBJECT, BY))
            .drill(Board::Target),
        ],
    }
}
