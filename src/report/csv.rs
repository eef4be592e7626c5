//! Runs as CSV: a row a step, the same columns whatever the run.
//!
//! Times are seconds. An undefined value is an empty cell, an infinite percentile is `inf`.

use super::number::{Statistic, Value};
use crate::event::{Latency, RunRecord, StepRecord};

/// What every row has in front.
const FACTS: [&str; 21] = [
    "run",
    "started_at",
    "target",
    "model",
    "api",
    "scenario",
    "sweep",
    "result",
    "step",
    "workload",
    "arrival",
    "concurrency",
    "requests_per_second_intended",
    "max_in_flight",
    "window_seconds",
    "n",
    "ok",
    "failed",
    "valid",
    "marks",
    "verdict",
];

/// What happened a second, and the shares.
const RATES: [&str; 10] = [
    "requests_per_second",
    "output_tokens_per_second",
    "requests_per_second_whole_run",
    "output_tokens_per_second_whole_run",
    "goodput_requests_per_second",
    "goodput_ratio",
    "success_ratio",
    "rate_ratio",
    "input_tokens_mean",
    "output_tokens_mean",
];

const LATENCIES: [&str; 8] =
    ["ttft", "ttfo", "ttst", "tpot", "itl", "e2e", "service_ttft", "send_lag"];

/// The runs as CSV, with one line of headings.
///
/// # Errors
/// If a row cannot be written; to memory none is so.
pub fn csv(runs: &[&RunRecord]) -> Result<Vec<u8>, ::csv::Error> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(head())?;
    for run in runs {
        for step in &run.steps {
            writer.write_record(row(run, step))?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn head() -> Vec<String> {
    let mut head: Vec<_> = FACTS.iter().chain(&RATES).map(ToString::to_string).collect();
    for name in LATENCIES {
        head.extend(Statistic::ALL.map(|it| format!("{name}_{}_seconds", it.as_str())));
        head.push(format!("{name}_n"));
    }
    head
}

fn row(run: &RunRecord, step: &StepRecord) -> Vec<String> {
    let (load, rates) = (&step.load, &step.rates);
    let ok = step.outcomes.get("ok").copied().unwrap_or(0);
    let marks: Vec<_> = step.validity.marks.iter().map(|mark| mark.as_str()).collect();
    let verdict = super::sweep::verdict(step).map_or("", |state| state.as_str());
    let mut row = vec![
        run.id.clone(),
        run.started_at.to_string(),
        run.target.clone(),
        run.model.clone(),
        run.api.clone(),
        run.scenario.clone(),
        run.sweep.clone(),
        run.result.as_str().to_owned(),
        step.step.to_string(),
        step.workload.clone(),
        load.arrival.clone(),
        load.concurrency.map(|users| users.to_string()).unwrap_or_default(),
        cell(load.requests_per_second),
        load.max_in_flight.map(|most| most.to_string()).unwrap_or_default(),
        step.window.seconds.to_string(),
        step.n.to_string(),
        ok.to_string(),
        step.n.saturating_sub(ok).to_string(),
        step.validity.is_valid().to_string(),
        marks.join(" "),
        verdict.to_owned(),
    ];
    row.extend(
        [
            rates.requests_per_second,
            rates.output_tokens_per_second,
            rates.requests_per_second_whole_run,
            rates.output_tokens_per_second_whole_run,
            rates.goodput_requests_per_second,
            rates.goodput_ratio,
            rates.success_ratio,
            step.achieved.rate_ratio,
            step.tokens.input_length.mean,
            step.tokens.output_length.mean,
        ]
        .map(cell),
    );
    let none = Latency::default();
    for name in LATENCIES {
        let latency = step.latencies.get(name).unwrap_or(&none);
        row.extend(Statistic::ALL.map(|statistic| match statistic.of(latency) {
            Value::Undefined => String::new(),
            Value::Infinite { .. } => "inf".to_owned(),
            Value::Finite(value) => value.to_string(),
        }));
        row.push(latency.n.to_string());
    }
    row
}

fn cell(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_row_has_the_columns_of_the_head() {
        let (sweep, failed) = (sample::sweep(), sample::failed());
        let bytes = csv(&[&sweep, &failed]).expect("written");
        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        let head = reader.headers().expect("a head").clone();
        let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), sweep.steps.len());
        let at = |name: &str| head.iter().position(|it| it == name).expect("a column");
        assert_eq!(&rows[2][at("ttft_p99_seconds")], "inf");
        assert_eq!(&rows[2][at("marks")], "client_saturated");
        assert_eq!(&rows[0][at("concurrency")], "10");
    }

    #[test]
    fn the_columns_are_known() {
        insta::assert_snapshot!(head().join("\n"));
    }
}
