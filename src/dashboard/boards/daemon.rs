//! Daemon: can our own numbers be trusted?

use super::common::{self, at, from};
use crate::dashboard::{
    board::Board,
    model::{Colour, Dashboard, Kind, Panel, Row, State, Step, Unit, Variable},
    promql::{Histogram, RANGE, gauge, increase, rate, share},
};

const SELECT: &str = r#"instance=~"$instance""#;
const BY: &str = "instance";
const NAMED: &str = "{{instance}}";

const INSTANCE: Variable =
    Variable::Label { label: "instance", series: "tokenbeat_build_info", all: ".+" };
const RELOADED: &[State] = &[
    State { value: "0", text: "refused", colour: Colour::Red },
    State { value: "1", text: "applied", colour: Colour::Green },
];
/// More than one configuration is none that all agree on.
const AGREED: &[Step] = &[from(Colour::Green), at(2.0, Colour::Yellow)];
/// A millisecond of ours begins to be seen in a TTFT.
const LATE: &[Step] = &[from(Colour::Green), at(0.001, Colour::Yellow), at(0.01, Colour::Red)];

pub(in crate::dashboard) fn dashboard() -> Dashboard {
    Dashboard {
        board: Board::Daemon,
        description: "Can our own numbers be trusted: is the daemon on time, is anything left out, is \
                      it healthy?",
        range: "6h",
        variables: vec![INSTANCE],
        annotations: Vec::new(),
        rows: vec![answer(), lateness(), left_out(), process(), outlets()],
    }
}

const fn lag(metric: &'static str) -> Histogram {
    Histogram::new(metric, SELECT, BY)
}

fn answer() -> Row {
    let (spoiled, attempts) = ("tokenbeat_probe_spoiled_total", "tokenbeat_probe_attempts_total");
    let late = |title, metric, description| {
        Panel::new(title, Kind::Stat, Unit::Seconds, description)
            .ask(NAMED, lag(metric).over_range().quantile(0.99))
            .steps(LATE)
    };
    Row {
        title: "Can the numbers be trusted?",
        height: 4,
        panels: vec![
            Panel::new(
                "Spoiled beats",
                Kind::Stat,
                Unit::Ratio,
                "The share of beats whose latencies our own lateness spoiled. They enter no histogram \
                 and no SLO; many of them mean that this machine is too busy.",
            )
            .ask(NAMED, share(spoiled, attempts, SELECT, BY, RANGE))
            .steps(common::FAILURES),
            late(
                "Send lag, p99",
                "tokenbeat_send_lag_seconds",
                "By how much beats began later than they were due, over the time shown.",
            ),
            late(
                "Read delay, p99",
                "tokenbeat_read_delay_seconds",
                "How long the bytes of tokens had waited in the kernel when they were read. The kernel's \
                 stamps are used, so this is no error, but a sign of one to come.",
            ),
            Panel::new(
                "Configuration",
                Kind::Stat,
                Unit::Count,
                "Whether the configuration was applied at the last attempt. If not, the one before is \
                 in force: the log says why.",
            )
            .ask(NAMED, gauge("tokenbeat_config_last_reload_successful", SELECT, BY))
            .states(RELOADED),
            Panel::new(
                "Configurations in force",
                Kind::Stat,
                Unit::Count,
                "Different ones among the instances chosen. Replicas should agree on one.",
            )
            .ask("different", format!(
                "count (count_values(\"hash\", {}))",
                gauge("tokenbeat_config_hash", SELECT, BY)
            ))
            .steps(AGREED),
        ],
    }
}

fn lateness() -> Row {
    let lines = |title, metric, description| {
        let of = lag(metric);
        Panel::new(title, Kind::Lines, Unit::Seconds, description)
            .ask("p50 {{instance}}", of.quantile(0.5))
            .ask("p99 {{instance}}", of.quantile(0.99))
    };
    Row {
        title: "Is it on time?",
        height: 8,
        panels: vec![
            lines(
                "Send lag",
                "tokenbeat_send_lag_seconds",
                "From the due time of a beat to its beginning.",
            ),
            lines(
                "Read delay",
                "tokenbeat_read_delay_seconds",
                "From the kernel's receipt of bytes to our read.",
            ),
            lines(
                "Runtime stall",
                "tokenbeat_runtime_stall_seconds",
                "By how much a timer of the measuring runtime fired late.",
            ),
        ],
    }
}

fn left_out() -> Row {
    let by_reason = |title, metric, description| {
        Panel::new(title, Kind::Stack, Unit::PerSecond, description)
            .ask("{{reason}}", rate(metric, SELECT, "reason"))
    };
    Row {
        title: "Is anything left out?",
        height: 7,
        panels: vec![
            by_reason(
                "Beats spoiled",
                "tokenbeat_probe_spoiled_total",
                "Beats whose latencies our own lateness spoiled.",
            ),
            by_reason(
                "Beats skipped",
                "tokenbeat_probe_skipped_total",
                "Beats that were due and not sent. Never because an earlier one is slow.",
            ),
            by_reason(
                "Beats unmeasured",
                "tokenbeat_probe_unmeasured_total",
                "Beats that say nothing about their target: we gave up, or lacked something ourselves.",
            ),
        ],
    }
}

fn process() -> Row {
    // Every exporter has these names: ours are those beside our own.
    let joined = |expr: String| format!("{expr}\nand on (instance)\ntokenbeat_build_info");
    Row {
        title: "Is it healthy?",
        height: 7,
        panels: vec![
            Panel::new(
                "CPU",
                Kind::Lines,
                Unit::Ratio,
                "Of one core; and the share of the time for which a quota held us, or something of \
                 ours waited for a CPU. The last two only where the system tells them (cgroup v2).",
            )
            .ask("used {{instance}}", joined(rate("process_cpu_seconds_total", SELECT, BY)))
            .ask(
                "throttled {{instance}}",
                rate("tokenbeat_cpu_throttled_seconds_total", SELECT, BY),
            )
            .ask("waiting {{instance}}", rate("tokenbeat_cpu_pressure_seconds_total", SELECT, BY)),
            Panel::new(
                "Memory",
                Kind::Lines,
                Unit::Bytes,
                "Resident. It follows the configuration, not the traffic.",
            )
            .ask(NAMED, joined(gauge("process_resident_memory_bytes", SELECT, BY))),
            Panel::new(
                "File descriptors",
                Kind::Lines,
                Unit::Count,
                "Open ones, and how many there may be.",
            )
            .ask(NAMED, joined(gauge("process_open_fds", SELECT, BY)))
            .limit("limit {{instance}}", joined(gauge("process_max_fds", SELECT, BY))),
        ],
    }
}

fn outlets() -> Row {
    Row {
        title: "Does everything get where it should?",
        height: 7,
        panels: vec![
            Panel::new(
                "Exports over OTLP, and events dropped",
                Kind::Stack,
                Unit::PerSecond,
                "Exports by outcome; events that a sink had no room for. /metrics drops nothing.",
            )
            .ask("export: {{outcome}}", rate("tokenbeat_otlp_exports_total", SELECT, "outcome"))
            .ask("dropped: {{sink}}", rate("tokenbeat_sink_dropped_total", SELECT, "sink")),
            Panel::new(
                "Discovery",
                Kind::Lines,
                Unit::Count,
                "Models of targets found and in force, models left out because of a limit, and failed \
                 discoveries within the time shown.",
            )
            .ask("found {{instance}}", gauge("tokenbeat_discovery_targets", SELECT, BY))
            .ask("left out {{instance}}", gauge("tokenbeat_discovery_dropped_models", SELECT, BY))
            .ask("failures {{instance}}", increase("tokenbeat_discovery_failures_total", SELECT, BY)),
            Panel::new(
                "Log messages, and errors of the store",
                Kind::Stack,
                Unit::PerSecond,
                "Messages by level, as far as the level is logged.",
            )
            .ask("{{level}}", rate("tokenbeat_log_messages_total", SELECT, "level"))
            .ask("store", rate("tokenbeat_store_errors_total", SELECT, "")),
        ],
    }
}
