//! The table of one step: a row a latency, a column a statistic.

use super::{
    Frame,
    grid::Grid,
    number::{Statistic, grouped, optional},
};
use crate::event::{Latency, StepRecord};

/// What a narrow terminal can do without, the first first.
pub(super) const SPARE: [&str; 7] = ["p75", "p90", "min", "p95", "max", "n", "p50"];

/// Latencies in the order of the rows: name in the record, name for people.
const LATENCIES: [(&str, &str); 7] = [
    ("e2e", "Request latency (ms)"),
    ("ttft", "Time to first token (ms)"),
    ("ttfo", "Time to first output token (ms)"),
    ("ttst", "Time to second token (ms)"),
    ("tpot", "Time per output token (ms)"),
    ("tpot_mlperf", "Time per output token, MLPerf (ms)"),
    ("itl", "Inter token latency (ms)"),
];

/// The title of a step, by its number in the record.
pub(super) fn title(step: &StepRecord, frame: Frame) -> String {
    let number = format!("Step {}", step.step);
    [number.as_str(), &step.load.text, &step.workload].join(frame.dot())
}

/// The table of a step.
pub(super) fn grid(step: &StepRecord, frame: Frame) -> Grid {
    let statistics = Statistic::ALL.map(Statistic::as_str);
    let mut grid = Grid::new(["Statistic"].into_iter().chain(statistics).chain(["n"]));
    for (name, title) in LATENCIES {
        let Some(latency) = step.latencies.get(name) else { continue };
        if latency.n > 0 && is_told(name, step) {
            grid.rows.push(latency_row(title, latency, 1e3, 2, frame));
        }
    }
    let tokens = &step.tokens;
    for (title, length) in [
        ("Output sequence length", &tokens.output_length),
        ("Input sequence length", &tokens.input_length),
    ] {
        if length.n_ok > 0 {
            grid.rows.push(latency_row(title, length, 1.0, 1, frame));
        }
    }
    let rates = &step.rates;
    // A plain HTTP exchange has no tokens, which is another thing than none a second.
    if tokens.output > 0 {
        let window = rates.output_tokens_per_second;
        grid.rows.push(rate_row("Output tokens (per sec)", window, frame));
        let whole = rates.output_tokens_per_second_whole_run;
        grid.rows.push(rate_row("  over the whole run", whole, frame));
    }
    grid.rows.push(rate_row("Requests (per sec)", rates.requests_per_second, frame));
    let whole = rates.requests_per_second_whole_run;
    grid.rows.push(rate_row("  over the whole run", whole, frame));
    for (title, rate) in [
        ("Goodput (requests per sec)", rates.goodput_requests_per_second),
        ("Tokens per user (per sec)", rates.user_tokens_per_second),
    ] {
        if rate.is_some() {
            grid.rows.push(rate_row(title, rate, frame));
        }
    }
    grid
}

/// Whether a latency says something that another row does not.
fn is_told(name: &str, step: &StepRecord) -> bool {
    match name {
        // Differs only where a model reasons.
        "ttfo" => step.latencies.get("ttft").is_none_or(|ttft| {
            step.latencies
                .get("ttfo")
                .is_some_and(|ttfo| (ttfo.mean, ttfo.p50) != (ttft.mean, ttft.p50))
        }),
        "tpot_mlperf" => step.standings.iter().any(|standing| standing.slo.starts_with("mlperf")),
        _ => true,
    }
}

fn latency_row(
    title: &str,
    latency: &Latency,
    scale: f64,
    decimals: usize,
    frame: Frame,
) -> Vec<String> {
    let values =
        Statistic::ALL.map(|statistic| statistic.of(latency).write(scale, decimals, frame));
    let mut row = vec![title.to_owned()];
    row.extend(values);
    row.push(samples(latency));
    row
}

/// The samples behind the percentiles, and whether they are too few for a p99.
pub(super) fn samples(latency: &Latency) -> String {
    let n = grouped(latency.n as f64, 0);
    if latency.n_too_small { format!("{n} (n too small)") } else { n }
}

fn rate_row(title: &str, rate: Option<f64>, frame: Frame) -> Vec<String> {
    let mut row = vec![title.to_owned(), optional(rate, 2, frame)];
    row.extend(std::iter::repeat_n(frame.absent().to_owned(), Statistic::ALL.len()));
    row
}
