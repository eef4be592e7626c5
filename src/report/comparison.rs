//! Runs side by side: the models of one benchmark, step by step, and which of them is best at what.

use std::fmt::Write as _;

use super::{
    Frame,
    grid::Grid,
    markdown,
    marks::{Line, Tone},
    number::{Statistic, Value, grouped},
    sweep,
};
use crate::event::{RunRecord, StepRecord};

/// The runs side by side, as text of at most `width` characters a line, or as Markdown; absent of
/// fewer than two.
pub fn comparison(runs: &[&RunRecord], frame: Frame, width: Option<usize>) -> Option<String> {
    let grid = grid(runs, frame)?;
    let best = best(runs, frame);
    let note = runs.iter().find_map(|run| sweep::footnote(run));
    let mut text = String::new();
    // Writing to a string cannot fail.
    match frame {
        Frame::Markdown => {
            let _ = writeln!(text, "## Models compared\n\n{}", grid.draw(frame));
            markdown::put(&mut text, &best);
            let _ = note.map(|note| writeln!(text, "\n{}", markdown::plain(note)));
        }
        Frame::Box | Frame::Ascii => {
            text.push_str("Models compared\n");
            super::text::draw(&mut text, grid, &sweep::SPARE, frame, width);
            let _ = note.map(|note| writeln!(text, "{note}"));
            super::text::put(&mut text, &best, width);
        }
    }
    Some(text)
}

/// A row a step of each run; absent of fewer than two runs.
pub(super) fn grid(runs: &[&RunRecord], frame: Frame) -> Option<Grid> {
    if runs.len() < 2 {
        return None;
    }
    let workloads = runs.iter().any(|run| sweep::has_several_workloads(run));
    let mut head = vec!["Model", "Load"];
    if workloads {
        head.push("Workload");
    }
    head.extend(["TPOT p50", "TPOT p99"]);
    head.extend(sweep::COLUMNS);
    let mut grid = Grid::new(head);
    for (run, step) in steps(runs) {
        let mut row = vec![run.model.clone(), step.load.text.clone()];
        if workloads {
            row.push(step.workload.clone());
        }
        row.extend([Statistic::P50, Statistic::P99].map(|it| sweep::time(step, "tpot", it, frame)));
        row.extend(sweep::cells(step, frame));
        grid.rows.push(row);
    }
    Some(grid)
}

/// Which model is best at what, of the steps whose numbers can be trusted.
pub(super) fn best(runs: &[&RunRecord], frame: Frame) -> Vec<Line> {
    let mut lines = Vec::new();
    for (label, name) in [("best TTFT", "ttft"), ("best TPOT", "tpot"), ("best latency", "e2e")] {
        let median = |step: &StepRecord| match Statistic::P50.of(step.latencies.get(name)?) {
            Value::Finite(median) => Some(-median),
            Value::Undefined | Value::Infinite { .. } => None,
        };
        lines.extend(most(runs, median).map(|(run, step, _)| {
            let time = sweep::time(step, name, Statistic::P50, frame);
            line(label, run, step, &format!("{time} p50"))
        }));
    }
    let throughput = |step: &StepRecord| {
        let rates = &step.rates;
        rates.output_tokens_per_second.or(rates.output_tokens_per_second_whole_run)
    };
    lines.extend(most(runs, |step| throughput(step).filter(|tokens| *tokens > 0.0)).map(
        |(run, step, tokens)| {
            line("peak throughput", run, step, &format!("{} tokens/s", grouped(tokens, 1)))
        },
    ));
    lines
}

fn line(label: &str, run: &RunRecord, step: &StepRecord, what: &str) -> Line {
    Line::new(Tone::Plain, label, format!("{}, {}: {what}", run.model, step.load.text))
}

/// The valid step of which there is most by `of`, the first of several.
fn most<'a>(
    runs: &[&'a RunRecord],
    of: impl Fn(&StepRecord) -> Option<f64>,
) -> Option<(&'a RunRecord, &'a StepRecord, f64)> {
    let valid = steps(runs).filter(|(_, step)| step.validity.is_valid());
    let known = valid.filter_map(|(run, step)| Some((run, step, of(step)?)));
    known.reduce(|best, next| if next.2 > best.2 { next } else { best })
}

fn steps<'a>(runs: &[&'a RunRecord]) -> impl Iterator<Item = (&'a RunRecord, &'a StepRecord)> {
    runs.iter().copied().flat_map(|run| run.steps.iter().map(move |step| (run, step)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn two() -> [RunRecord; 2] {
        let slow = sample::sweep();
        let mut fast = slow.clone();
        fast.model = "fast|er".to_owned();
        for step in &mut fast.steps {
            for latency in step.latencies.values_mut() {
                latency.p50 = latency.p50.map(|median| median / 2.0);
            }
        }
        [slow, fast]
    }

    #[test]
    fn models_stand_side_by_side() {
        let [slow, fast] = two();
        insta::assert_snapshot!(comparison(&[&slow, &fast], Frame::Ascii, None).expect("two"));
        let markdown = comparison(&[&slow, &fast], Frame::Markdown, None).expect("two");
        assert!(markdown.contains("## Models") && markdown.contains("fast\\|er"), "{markdown}");
    }

    #[test]
    fn one_run_is_compared_with_nothing() {
        assert_eq!(comparison(&[&sample::sweep()], Frame::Ascii, None), None);
    }

    #[test]
    fn what_cannot_be_trusted_is_never_the_best() {
        let [slow, fast] = two();
        let lines = best(&[&slow, &fast], Frame::Ascii);
        let of = |label| lines.iter().find(|line| line.label == label).expect("there").text.clone();
        assert!(of("best TTFT").starts_with("fast|er"), "{lines:?}");
        // Its step of 120 users has more tokens a second, and a client that was late.
        assert!(of("peak throughput").contains("20 users"), "{lines:?}");
    }
}
