//! GPU: is it doing real work, and what keeps it from more?

use super::common::{self, at, from};
use crate::dashboard::{
    board::Board,
    model::{Colour, Dashboard, Kind, Panel, Row, State, Step, Unit, Variable},
    need::Need,
    promql::{gauge, increase, rate},
};

const SELECT: &str = r#"target=~"$target",gpu=~"$gpu""#;
const OF_TARGET: &str = r#"target=~"$target""#;
const BY: &str = "target, gpu, uuid, mig";
const NAMED: &str = "{{target}} gpu {{gpu}} {{mig}}";

// A GPU of this machine that no target claims has an empty `target`: all are `.*` here.
const TARGET: Variable =
    Variable::Label { label: "target", series: "tokenbeat_gpu_info", all: ".*" };
const GPU: Variable =
    Variable::Label { label: "gpu", series: r#"tokenbeat_gpu_info{target=~"$target"}"#, all: ".+" };
const COLLECTOR: &[State] = &[
    State { value: "0", text: "down", colour: Colour::Red },
    State { value: "1", text: "up", colour: Colour::Green },
];
const HEAT: &[Step] = &[from(Colour::Green), at(80.0, Colour::Yellow), at(90.0, Colour::Red)];

pub(in crate::dashboard) fn dashboard() -> Dashboard {
    Dashboard {
        board: Board::Gpu,
        description: "Are the GPUs doing real work, and what keeps them from more? \"Utilisation\" says \
                      only that some kernel ran: SM, tensor and DRAM activity stand before it.",
        range: "3h",
        variables: vec![TARGET, GPU],
        annotations: common::runs_of(OF_TARGET),
        rows: [answer(), work(), bytes(), power(), health()]
            .map(|row| row.needs(Need::Gpus))
            .into(),
    }
}

fn of(metric: &str) -> String {
    gauge(metric, SELECT, BY)
}

fn answer() -> Row {
    let mean = |title, metric, description| {
        Panel::new(title, Kind::Stat, Unit::Ratio, description)
            .ask("mean", format!("avg ({})", of(metric)))
    };
    Row {
        title: "Are they doing real work?",
        height: 4,
        panels: vec![
            mean(
                "SM active",
                "tokenbeat_gpu_sm_active_ratio",
                "Share of the multiprocessors that have work, mean of the chosen GPUs.",
            ),
            mean(
                "Tensor active",
                "tokenbeat_gpu_tensor_active_ratio",
                "Share of the time in which the tensor cores compute: high in prefill.",
            ),
            mean(
                "DRAM active",
                "tokenbeat_gpu_dram_active_ratio",
                "Share of the memory bandwidth in use: high in decode, and its limit.",
            ),
            Panel::new(
                "Throttled",
                Kind::Stat,
                Unit::Ratio,
                "Share of the time in which something held the clocks down, the worst GPU and reason. \
                 Low utilisation is no throttling and does not count.",
            )
            .ask("throttled", {
                let select = format!(r#"{SELECT},reason!="low_utilization""#);
                format!("max ({})", rate("tokenbeat_gpu_throttle_seconds_total", &select, "target, gpu, uuid, mig, reason"))
            })
            .steps(common::ZERO_IS_WELL),
            Panel::new(
                "XID errors",
                Kind::Stat,
                Unit::Count,
                "Errors that the driver reported within the time shown.",
            )
            .ask("errors", increase("tokenbeat_gpu_xid_errors_total", SELECT, ""))
            .steps(common::ZERO_IS_WELL),
            Panel::new(
                "Collectors",
                Kind::Stat,
                Unit::Count,
                "Whether the GPUs can be read at all. While one is down its GPUs have no numbers.",
            )
            .ask("{{target}} {{source}}", gauge("tokenbeat_gpu_collector_up", OF_TARGET, "target, source"))
            .states(COLLECTOR),
        ],
    }
}

fn work() -> Row {
    let lines = |title, metric, description| {
        Panel::new(title, Kind::Lines, Unit::Ratio, description).ask(NAMED, of(metric))
    };
    Row {
        title: "What are they busy with?",
        height: 8,
        panels: vec![
            lines(
                "SM active",
                "tokenbeat_gpu_sm_active_ratio",
                "Share of the multiprocessors that have work.",
            ),
            lines(
                "Tensor active",
                "tokenbeat_gpu_tensor_active_ratio",
                "Share of the time in which the tensor cores compute.",
            ),
            lines(
                "DRAM active",
                "tokenbeat_gpu_dram_active_ratio",
                "Share of the memory bandwidth in use.",
            ),
            lines(
                "Utilisation",
                "tokenbeat_gpu_utilization_ratio",
                "Share of the time in which any kernel ran, be it on one multiprocessor of many: at 100 % \
                 there may be much room left.",
            ),
        ],
    }
}

fn bytes() -> Row {
    let (by_way, by_program) =
        (|metric| gauge(metric, SELECT, &format!("{BY}, direction")), format!("{BY}, process"));
    Row {
        title: "What do they move and hold?",
        height: 8,
        panels: vec![
            Panel::new(
                "Traffic of NVLink and PCIe",
                Kind::Lines,
                Unit::BytesPerSecond,
                "From the GPU (transmit) and to it (receive). NVLink carries what an engine on several GPUs \
                 sends around for each token, and is missing where there are no links. Much of PCIe in decode \
                 is cache or weights that do not fit.",
            )
            .ask(
                "NVLink {{direction}}, {{target}} gpu {{gpu}} {{mig}}",
                by_way("tokenbeat_gpu_nvlink_bytes_per_second"),
            )
            .ask(
                "PCIe {{direction}}, {{target}} gpu {{gpu}} {{mig}}",
                by_way("tokenbeat_gpu_pcie_bytes_per_second"),
            ),
            Panel::new(
                "Memory",
                Kind::Lines,
                Unit::Bytes,
                "Used, and all there is. Engines take most of it at their start: look at their KV cache.",
            )
            .ask(NAMED, of("tokenbeat_gpu_memory_used_bytes"))
            .limit("all, {{target}} gpu {{gpu}}", gauge("tokenbeat_gpu_memory_total_bytes", SELECT, "target, gpu")),
            Panel::new(
                "Memory by program",
                Kind::Lines,
                Unit::Bytes,
                "What the processes of each program hold: another one takes from the engine's KV cache. Of this \
                 machine's GPUs only, as far as the driver tells.",
            )
            .ask(
                "{{process}}, {{target}} gpu {{gpu}} {{mig}}",
                gauge("tokenbeat_gpu_process_memory_bytes", SELECT, &by_program),
            ),
        ],
    }
}

fn power() -> Row {
    let energy = rate("tokenbeat_gpu_energy_joules_total", OF_TARGET, "target");
    let tokens = rate("tokenbeat_engine_generation_tokens_total", OF_TARGET, "target");
    Row {
        title: "What does it cost in power?",
        height: 8,
        panels: vec![
            Panel::new(
                "Power",
                Kind::Lines,
                Unit::Watts,
                "Draw, and the limit. At the limit the clocks fall.",
            )
            .ask(NAMED, of("tokenbeat_gpu_power_watts"))
            .limit("limit, {{target}} gpu {{gpu}}", gauge("tokenbeat_gpu_power_limit_watts", SELECT, "target, gpu")),
            Panel::new(
                "Energy of an output token",
                Kind::Lines,
                Unit::Joules,
                "Energy of all GPUs of a target, over the tokens that its engine generated, everybody's \
                 traffic included.",
            )
            .ask("{{target}}", format!("{energy}\n/\n{tokens}"))
            .needs(Need::GpusAndEngine),
            Panel::new("Temperature", Kind::Lines, Unit::Celsius, "Of the die.")
                .ask(NAMED, of("tokenbeat_gpu_temperature_celsius"))
                .steps(HEAT),
            Panel::new("Clock of the SMs", Kind::Lines, Unit::Hertz, "Falls when the GPU is idle or throttled.")
                .ask(NAMED, of("tokenbeat_gpu_sm_clock_hertz")),
        ],
    }
}

fn health() -> Row {
    let events = |metric, label| rate(metric, SELECT, &format!("target, gpu, {label}"));
    Row {
        title: "What holds them back?",
        height: 8,
        panels: vec![
            Panel::new(
                "Throttling by reason",
                Kind::Lines,
                Unit::Ratio,
                "Share of the time for which each reason held the clocks down.",
            )
            .ask("{{reason}}, {{target}} gpu {{gpu}}", events("tokenbeat_gpu_throttle_seconds_total", "reason")),
            Panel::new(
                "Errors",
                Kind::Lines,
                Unit::PerSecond,
                "XID errors by code and ECC errors by kind. A single uncorrected one is worth a look.",
            )
            .ask("XID {{xid}}, {{target}} gpu {{gpu}}", events("tokenbeat_gpu_xid_errors_total", "xid"))
            .ask("ECC {{kind}}, {{target}} gpu {{gpu}}", events("tokenbeat_gpu_ecc_errors_total", "kind")),
        ],
    }
}
