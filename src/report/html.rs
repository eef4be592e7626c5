//! The report of a run as one page that needs nothing else: no script, no other file.

use askama::Template;

use super::{
    Frame,
    chart::{Axis, Chart, Form, Point, Series},
    comparison, compat, findings,
    grid::Grid,
    marks::{self, Line},
    number::{Statistic, Value, grouped, percent, seconds},
    sweep, table,
};
use crate::event::{RunRecord, StepRecord};

const FRAME: Frame = Frame::Box;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: String,
    /// Of several runs.
    comparison: Option<Compared>,
    runs: Vec<Shown<'a>>,
    version: &'a str,
}

/// Runs side by side.
struct Compared {
    grid: Grid,
    best: Vec<Line>,
}

/// One run of a page.
struct Shown<'a> {
    run: &'a RunRecord,
    heading: Vec<Line>,
    findings: Vec<Line>,
    sweep: Option<Grid>,
    footnote: Option<&'static str>,
    charts: Vec<Drawn>,
    steps: Vec<Step>,
}

/// A chart that has something to show.
struct Drawn {
    title: String,
    /// Made by [`Chart::draw`], which escapes every text in it.
    svg: String,
}

struct Step {
    title: String,
    grid: Grid,
    compat: Option<Grid>,
    lines: Vec<Line>,
}

/// The report of runs as one HTML page, with their charts, one below the other.
///
/// It has an inline style sheet and no script: where it is served under a content security policy,
/// that has to allow `style-src 'unsafe-inline'` and nothing more.
///
/// # Errors
/// If the template fails, which none of its parts can.
pub fn html(runs: &[&RunRecord]) -> Result<String, askama::Error> {
    let titles = runs.iter().map(|run| format!("{} · {}", run.target, run.model));
    Page {
        title: titles.collect::<Vec<_>>().join(", "),
        comparison: comparison::grid(runs, FRAME)
            .map(|grid| Compared { grid, best: comparison::best(runs, FRAME) }),
        runs: runs.iter().map(|run| shown_run(run)).collect(),
        version: env!("CARGO_PKG_VERSION"),
    }
    .render()
}

fn shown_run(run: &RunRecord) -> Shown<'_> {
    let several = run.steps.len() > 1;
    let charts = [throughput(run), first_token(run), output_token(run), failures(run)];
    Shown {
        run,
        heading: findings::heading(run, FRAME),
        findings: findings::lines(run, FRAME),
        sweep: several.then(|| sweep::grid(run, FRAME)),
        footnote: sweep::footnote(run).filter(|_| several),
        charts: charts
            .into_iter()
            .map(|chart| Drawn { svg: chart.draw(), title: chart.title })
            .filter(|drawn| !drawn.svg.is_empty())
            .collect(),
        steps: run.steps.iter().map(shown).collect(),
    }
}

fn shown(step: &StepRecord) -> Step {
    Step {
        title: table::title(step, FRAME),
        grid: table::grid(step, FRAME),
        compat: compat::grid(step, FRAME),
        lines: marks::lines(step, FRAME),
    }
}

/// Latency over throughput: a line a workload, a point a step.
fn throughput(run: &RunRecord) -> Chart {
    let mut series: Vec<Series> = Vec::new();
    let several = sweep::has_several_workloads(run);
    for (name, statistic) in [("median", Statistic::P50), ("p99", Statistic::P99)] {
        for step in sweep::by_load(run) {
            let rates = &step.rates;
            let rate = rates.output_tokens_per_second.or(rates.output_tokens_per_second_whole_run);
            let latency = step.latencies.get("e2e").map(|e2e| statistic.of(e2e));
            let (Some(x), Some(latency)) = (rate, latency) else { continue };
            let Some(y) = height(latency) else { continue };
            let name = if several { format!("{} {name}", step.workload) } else { name.to_owned() };
            let note = format!(
                "{}: {} tokens/s, {name} latency {}",
                step.load.text,
                grouped(x, 1),
                latency.seconds(FRAME)
            );
            let tag = (statistic == Statistic::P50).then(|| short(step));
            let point = Point { x, y, note, tag };
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push(point),
                None => series.push(Series { name, points: vec![point] }),
            }
        }
    }
    Chart {
        title: "Request latency over throughput".to_owned(),
        x: Axis::Numbers("output tokens per second".to_owned()),
        y: "seconds".to_owned(),
        form: Form::Line,
        series,
    }
}

fn first_token(run: &RunRecord) -> Chart {
    percentiles(run, "ttft", "Time to first token")
}

fn output_token(run: &RunRecord) -> Chart {
    percentiles(run, "tpot", "Time per output token")
}

/// The percentiles of one latency, step by step, in milliseconds.
fn percentiles(run: &RunRecord, name: &str, title: &str) -> Chart {
    let series = [Statistic::P50, Statistic::P90, Statistic::P99].map(|statistic| {
        let points = sweep::by_load(run).into_iter().enumerate().filter_map(|(at, step)| {
            let latency = step.latencies.get(name)?;
            let value = statistic.of(latency);
            let told = match value {
                Value::Finite(value) => seconds(value),
                value => value.write(1.0, 0, FRAME),
            };
            let note =
                format!("{}: {} {told} of {}", step.load.text, statistic.as_str(), latency.n);
            Some(Point {
                x: at as f64,
                y: height(value)?.map(|value| value * 1e3),
                note,
                tag: None,
            })
        });
        Series { name: statistic.as_str().to_owned(), points: points.collect() }
    });
    Chart {
        title: title.to_owned(),
        x: levels(run),
        y: "milliseconds".to_owned(),
        form: Form::Line,
        series: series.into(),
    }
}

/// The share of failed exchanges, step by step, in percent.
fn failures(run: &RunRecord) -> Chart {
    let points = sweep::by_load(run).into_iter().enumerate().filter_map(|(at, step)| {
        let failed = 1.0 - step.rates.success_ratio?;
        let note = format!("{}: {} failed", step.load.text, percent(failed));
        Some(Point { x: at as f64, y: Some(failed * 100.0), note, tag: None })
    });
    Chart {
        title: "Failed exchanges".to_owned(),
        x: levels(run),
        y: "percent".to_owned(),
        form: Form::Bar,
        series: vec![Series { name: "failed".to_owned(), points: points.collect() }],
    }
}

/// Undefined: no point. Infinite: a point without a height.
fn height(value: Value) -> Option<Option<f64>> {
    match value {
        Value::Undefined => None,
        Value::Infinite { .. } => Some(None),
        Value::Finite(value) => Some(Some(value)),
    }
}

/// A place a step, called by its load as shortly as can be.
fn levels(run: &RunRecord) -> Axis {
    let all = |has: fn(&StepRecord) -> bool| run.steps.iter().all(has);
    let title = if all(|step| step.load.concurrency.is_some()) {
        "users"
    } else if all(|step| step.load.requests_per_second.is_some()) {
        "requests per second"
    } else {
        "step"
    };
    Axis::Names(title.to_owned(), sweep::by_load(run).into_iter().map(short).collect())
}

/// The load of a step as shortly as can be.
fn short(step: &StepRecord) -> String {
    match (step.load.concurrency, step.load.requests_per_second) {
        (Some(users), _) => users.to_string(),
        (None, Some(rate)) => {
            let rate = grouped(rate, 2);
            rate.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        (None, None) => step.step.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_page_needs_nothing_else() {
        let page = html(&[&sample::sweep()]).expect("a page");
        for banned in ["<script", "src=", "href=", "style=\"", "@import", "url(", "http-equiv"] {
            assert!(!page.contains(banned), "{banned}");
        }
        for wanted in ["client_saturated", "5.3 % failed", "prefers-color-scheme: dark", "<svg"] {
            assert!(page.contains(wanted), "{wanted}");
        }
        assert_eq!(page.matches("<svg").count(), 4);
    }

    #[test]
    fn what_comes_from_elsewhere_is_no_markup() {
        let mut run = sample::sweep();
        run.model = "<b>\"x\"</b>".to_owned();
        run.steps[0].workload = "<i>".to_owned();
        run.steps[0].load.text = "<u>".to_owned();
        let page = html(&[&run]).expect("a page");
        assert!(!page.contains("<b>\"") && !page.contains("<i>") && !page.contains("<u>"));
    }

    #[test]
    fn several_runs_are_compared_first() {
        let run = sample::sweep();
        let page = html(&[&run, &run]).expect("a page");
        let at = page.find("Models compared").expect("a comparison");
        assert!(at < page.find("<article>").expect("a run"));
        assert!(!html(&[&run]).expect("a page").contains("Models compared"));
    }

    #[test]
    fn a_run_without_a_step_has_a_page() {
        let page = html(&[&sample::failed()]).expect("a page");
        assert!(page.contains("connection refused") && !page.contains("<svg"), "{page}");
    }

    #[test]
    fn the_page_is_known() {
        insta::assert_snapshot!(html(&[&sample::sweep()]).expect("a page"));
    }
}
