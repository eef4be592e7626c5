//! The table of a sweep: a row a step, the columns of the hand-made tables that it replaces, and
//! what they lacked.

use super::{
    Frame,
    grid::Grid,
    marks,
    number::{Statistic, grouped, optional},
    table,
};
use crate::{
    event::{RunRecord, StepRecord},
    verdict::State,
};

/// What is said of a step, whichever way its load is called.
pub(super) const COLUMNS: [&str; 11] = [
    "Req/sec",
    "Tokens/sec",
    "Avg Latency",
    "P99 Latency",
    "TTFT p50",
    "TTFT p99",
    "Goodput",
    "Good",
    "n",
    "Valid",
    "Verdict",
];

/// What a narrow terminal can do without, the first first. What is left is what the hand-made tables
/// had.
pub(super) const SPARE: [&str; 9] =
    ["TPOT p99", "TPOT p50", "Good", "TTFT p50", "n", "Goodput", "TTFT p99", "Valid", "Verdict"];

/// What a `*` beside a rate means.
const FOOTNOTE: &str = "* over the whole run: the window was too short for a rate of its own";

/// What the first column says: all steps alike are told by their number alone.
enum Levels {
    Concurrency,
    Rate,
    Mixed,
}

/// The table of a run's steps.
pub(super) fn grid(run: &RunRecord, frame: Frame) -> Grid {
    let levels = levels(&run.steps);
    let workloads = has_several_workloads(run);
    let first = match levels {
        Levels::Concurrency => "Concurrency",
        Levels::Rate => "Rate (req/s)",
        Levels::Mixed => "Load",
    };
    let mut head = vec![first];
    if workloads {
        head.push("Workload");
    }
    head.extend(COLUMNS);
    let mut grid = Grid::new(head);
    for step in &run.steps {
        let mut row = vec![level(step, &levels, frame)];
        if workloads {
            row.push(step.workload.clone());
        }
        row.extend(cells(step, frame));
        grid.rows.push(row);
    }
    grid
}

/// What the table's marks mean, where it has any.
pub(super) fn footnote(run: &RunRecord) -> Option<&'static str> {
    run.steps.iter().any(|step| step.rates.requests_per_second.is_none()).then_some(FOOTNOTE)
}

/// Whether the steps differ in more than their load.
pub(super) fn has_several_workloads(run: &RunRecord) -> bool {
    run.steps.windows(2).any(|pair| pair[0].workload != pair[1].workload)
}

/// The steps in the order of their load, where they have one: a search tries them in another.
pub(super) fn by_load(run: &RunRecord) -> Vec<&StepRecord> {
    let level = |step: &StepRecord| {
        let load = &step.load;
        load.concurrency.map(f64::from).or(load.requests_per_second).unwrap_or(0.0)
    };
    let mut steps: Vec<_> = run.steps.iter().collect();
    steps.sort_by(|one, other| level(one).total_cmp(&level(other)));
    steps
}

/// The worst verdict over the SLOs of a step, each as it is judged; absent without one.
pub(super) fn verdict(step: &StepRecord) -> Option<State> {
    let judged = step.standings.iter().filter(|standing| standing.metric.is_none());
    judged.map(|standing| standing.state).reduce(State::worse)
}

/// Why a step is not valid, or that it is.
pub(super) fn validity(step: &StepRecord) -> String {
    if step.validity.is_valid() {
        return "yes".to_owned();
    }
    let marks: Vec<_> = step.validity.marks.iter().map(|mark| mark.as_str()).collect();
    format!("NO: {}", marks.join(", "))
}

fn levels(steps: &[StepRecord]) -> Levels {
    if steps.iter().all(|step| step.load.concurrency.is_some()) {
        Levels::Concurrency
    } else if steps.iter().all(|step| step.load.requests_per_second.is_some()) {
        Levels::Rate
    } else {
        Levels::Mixed
    }
}

fn level(step: &StepRecord, levels: &Levels, frame: Frame) -> String {
    match levels {
        Levels::Concurrency => {
            step.load.concurrency.map_or_else(String::new, |users| grouped(users.into(), 0))
        }
        Levels::Rate => optional(step.load.requests_per_second, 2, frame),
        Levels::Mixed => step.load.text.clone(),
    }
}

/// A statistic of a step's latency.
pub(super) fn time(step: &StepRecord, name: &str, statistic: Statistic, frame: Frame) -> String {
    step.latencies
        .get(name)
        .map_or_else(|| frame.absent().to_owned(), |it| statistic.of(it).seconds(frame))
}

/// The cells under [`COLUMNS`].
pub(super) fn cells(step: &StepRecord, frame: Frame) -> Vec<String> {
    let rates = &step.rates;
    let latency = |name: &str, statistic: Statistic| time(step, name, statistic, frame);
    vec![
        rate(rates.requests_per_second, rates.requests_per_second_whole_run, frame),
        match step.tokens.output {
            0 => frame.absent().to_owned(),
            _ => rate(
                rates.output_tokens_per_second,
                rates.output_tokens_per_second_whole_run,
                frame,
            ),
        },
        latency("e2e", Statistic::Mean),
        latency("e2e", Statistic::P99),
        latency("ttft", Statistic::P50),
        latency("ttft", Statistic::P99),
        optional(rates.goodput_requests_per_second, 2, frame),
        rates.goodput_ratio.map_or_else(|| frame.absent().to_owned(), super::number::percent),
        step.latencies.get("e2e").map_or_else(|| "0".to_owned(), table::samples),
        validity(step),
        match verdict(step) {
            Some(_) if !step.validity.is_valid() => "not valid".to_owned(),
            Some(state) => marks::verdict(state).to_owned(),
            None => frame.absent().to_owned(),
        },
    ]
}

/// The rate in the window; in its absence that of the whole run, with a mark.
fn rate(window: Option<f64>, whole: Option<f64>, frame: Frame) -> String {
    match (window, whole) {
        (Some(_), _) | (None, None) => optional(window, 2, frame),
        (None, Some(whole)) => format!("{}*", grouped(whole, 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_step_that_is_not_valid_has_no_verdict() {
        let steps = sample::sweep().steps;
        let verdicts: Vec<_> =
            steps.iter().filter_map(|step| cells(step, Frame::Ascii).pop()).collect();
        assert_eq!(verdicts, ["not enough data", "pass", "not valid"]);
    }
}
