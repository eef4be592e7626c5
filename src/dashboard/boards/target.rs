//! Target: can its users work, and where is the time spent?

use super::common::{self, MODEL, PROBE, PROBES, SUBJECT, TARGET};
use crate::dashboard::{
    board::Board,
    model::{Dashboard, Kind, Panel, Row, Unit},
    need::Need,
    promql::{Histogram, RANGE, gauge, rate, share},
};

const BY: &str = "target, model";
const NAMED: &str = "{{target}} {{model}}";
const LIMIT: &str = "limit of {{slo}}";
/// Percentiles, with the words for them.
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

/// A histogram of the chosen probes, in one.
const fn histogram(metric: &'static str) -> Histogram {
    Histogram::new(metric, PROBE, "")
}

pub(in crate::dashboard) fn dashboard() -> Dashboard {
    let mut annotations = common::runs();
    annotations.push(common::regressions());
    Dashboard {
        board: Board::Target,
        description: "Can the users of this target work, and where is the time spent? Percentiles \
                      are of all chosen targets together: choose one.",
        range: "3h",
        variables: vec![TARGET, MODEL, PROBES],
        annotations,
        rows: vec![answer(), latency(), shape(), parts(), engine().needs(Need::Engine)],
    }
}

fn answer() -> Row {
    let p95 = |title, metric| {
        let description = "Over the time shown, of ok beats only: read it beside the failures.";
        Panel::new(title, Kind::Stat, Unit::Seconds, description)
            .ask("p95", histogram(metric).over_range().quantile(0.95))
    };
    Row {
        title: "Can its users work?",
        height: 4,
        panels: vec![
            Panel::new(
                "State",
                Kind::Stat,
                Unit::Count,
                "How the last beat ended, by the worst probe.",
            )
            .ask(NAMED, common::up(PROBE))
            .states(common::UP),
            Panel::new(
                "Failed beats",
                Kind::Stat,
                Unit::Ratio,
                "The share of beats that failed, over the time shown.",
            )
            .ask(NAMED, common::failed(BY, PROBE, RANGE))
            .steps(common::FAILURES),
            p95("Time to first token, p95", "tokenbeat_probe_ttft_seconds"),
            p95("Time per output token, p95", "tokenbeat_probe_tpot_seconds"),
            Panel::new(
                "Ok beats",
                Kind::Stat,
                Unit::Count,
                "What the percentiles rest on. A p95 means little below 60 beats, a p99 below 300.",
            )
            .ask("ok", histogram("tokenbeat_probe_e2e_seconds").over_range().count()),
        ],
    }
}

fn latency() -> Row {
    let percentiles = |title, metric, of_slo| {
        let description = "Percentiles of ok beats, and the limits of the SLOs. A p99 of few beats is \
                           their slowest. The points are beats whose traces are kept: their ids lead \
                           to `/api/v1/traces/ID` of the daemon, and to where traces are exported.";
        let mut panel = Panel::new(title, Kind::Lines, Unit::Seconds, description);
        for (q, name) in QUANTILES {
            panel = panel.ask(name, histogram(metric).quantile(q));
        }
        let select = format!(r#"{PROBE},metric="{of_slo}""#);
        let limit = gauge("tokenbeat_slo_threshold_seconds", &select, "slo");
        panel.limit(LIMIT, limit).traced()
    };
    Row {
        title: "Latency, and the failures that it leaves out",
        height: 8,
        panels: vec![
            percentiles("Time to first token", "tokenbeat_probe_ttft_seconds", "ttft"),
            percentiles("Time per output token", "tokenbeat_probe_tpot_seconds", "tpot"),
            Panel::new(
                "Failures by reason",
                Kind::Stack,
                Unit::PerSecond,
                "Beats that failed, by outcome: each has exactly one.",
            )
            .ask(
                "{{reason}}",
                format!("{} > 0", rate("tokenbeat_probe_failures_total", PROBE, "reason")),
            )
            .ask("ok", histogram("tokenbeat_probe_e2e_seconds").rate()),
        ],
    }
}

fn shape() -> Row {
    let heat = |title, metric, description| {
        Panel::new(title, Kind::Heatmap, Unit::Seconds, description)
            .ask("{{le}}", histogram(metric).heat())
    };
    Row {
        title: "The shape behind the percentiles",
        height: 8,
        panels: vec![
            heat(
                "Time to first token",
                "tokenbeat_probe_ttft_seconds",
                "Two bands are two kinds of beats: a cache that hits or not, two replicas, a queue.",
            ),
            heat(
                "Gaps between tokens",
                "tokenbeat_probe_itl_seconds",
                "One observation a gap. A band far above the rest are stalls in the middle of answers.",
            ),
            heat(
                "End to end",
                "tokenbeat_probe_e2e_seconds",
                "From the due time to the end of the answer.",
            ),
        ],
    }
}

fn parts() -> Row {
    let phases = Histogram::new("tokenbeat_probe_phase_seconds", PROBE, "phase");
    let tokens = |metric: &str| rate(metric, PROBE, "");
    Row {
        title: "Where the time and the tokens go",
        height: 8,
        panels: vec![
            Panel::new(
                "Mean time in each phase",
                Kind::Stack,
                Unit::Seconds,
                "Of ok beats. `wait` is from the request's last byte to the answer's head, \
                 `first_token` from there to the first token. dns, connect and tls only where a \
                 connection was dialled.",
            )
            .ask("{{phase}}", phases.mean()),
            Panel::new(
                "Tokens",
                Kind::Lines,
                Unit::TokensPerSecond,
                "As the server counts them. Cached ones are part of the input, reasoning of the output.",
            )
            .ask("input", tokens("tokenbeat_probe_input_tokens_total"))
            .ask("cached input", tokens("tokenbeat_probe_cached_input_tokens_total"))
            .ask("output", tokens("tokenbeat_probe_output_tokens_total"))
            .ask("reasoning", tokens("tokenbeat_probe_reasoning_tokens_total")),
            Panel::new(
                "Why beats miss their SLOs",
                Kind::StateTimeline,
                Unit::Count,
                "The cause of what the beats of the last 5 min missed, by the engine's own metrics \
                 and the GPUs'. `unknown` where these are not read. The numbers behind it are on \
                 the daemon's page, and in `/api/v1/probes`.",
            )
            .ask(
                "{{cause}}, {{target}} {{model}}",
                format!("{} > 0", gauge("tokenbeat_probe_window_cause", PROBE, "target, model, cause")),
            )
            .states(common::CAUSE)
            .needs(Need::Degraded),
        ],
    }
}

fn engine() -> Row {
    let mean = |part: &str| {
        let name = |what| format!("tokenbeat_engine_{part}_{what}_total");
        share(&name("seconds"), &name("requests"), SUBJECT, BY, "$__rate_interval")
    };
    let cache_hits = share(
        "tokenbeat_engine_prefix_cache_hits_total",
        "tokenbeat_engine_prefix_cache_queries_total",
        SUBJECT,
        BY,
        "$__rate_interval",
    );
    let ours = Histogram { by: BY, ..histogram("tokenbeat_probe_ttft_seconds") };
    Row {
        title: "The engine, beside what its clients see",
        height: 8,
        panels: vec![
            Panel::new(
                "Time to first token: ours and the engine's",
                Kind::Lines,
                Unit::Seconds,
                "Means. What ours has more is spent before the engine: network, gateway, its own \
                 front. A high queue share is too much load, a high prefill share are long prompts.",
            )
            .ask("ours, {{target}} {{model}}", ours.mean())
            .ask("engine, {{target}} {{model}}", mean("ttft"))
            .ask("in its queue, {{target}} {{model}}", mean("queue"))
            .ask("in prefill, {{target}} {{model}}", mean("prefill")),
            Panel::new(
                "Requests in the engine",
                Kind::Lines,
                Unit::Count,
                "A queue that does not empty is the edge of what it bears.",
            )
            .ask("running, {{target}} {{model}}", gauge("tokenbeat_engine_requests_running", SUBJECT, BY))
            .ask("waiting, {{target}} {{model}}", gauge("tokenbeat_engine_requests_waiting", SUBJECT, BY)),
            Panel::new(
                "Caches of the engine",
                Kind::Lines,
                Unit::Ratio,
                "A full KV cache makes requests wait or be preempted. The prefix cache should not hit \
                 on our beats: each has a prompt of its own.",
            )
            .ask("KV cache used, {{target}} {{model}}", gauge("tokenbeat_engine_kv_cache_usage_ratio", SUBJECT, BY))
            .ask("prefix cache hits, {{target}} {{model}}", cache_hits),
        ],
    }
}
