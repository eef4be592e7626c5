//! Section: runs that are marked, of those that should be and of those that should not.

use std::collections::BTreeMap;

use tokenbeat::event::{Mark, RunRecord, Validity};

use super::{
    super::{
        Scale,
        engine::{Engine, Wire},
        report::{Cell, Section},
        stats::median,
    },
    runner::{Drive, Ran, Run, Runs},
};

/// For so long a slow client is busy with something else at the end of each exchange, of which
/// there are 250 a second: four fifths of its time.
const SLOW_US: u64 = 3_200;

/// Long enough for some 500 exchanges: a p99 of them rests on five.
const WINDOW_MS: u64 = 2_000;

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let engine = Engine::start(&["--ttft", "20ms", "--itl", "5ms"], Wire::Plain)?;
    let run = |number: u32| Run {
        url: engine.url.to_string(),
        drive: match number % 2 {
            0 => Drive::Closed { users: 16 },
            _ => Drive::Poisson { per_second: 250.0 },
        },
        tokens: 8,
        requests: None,
        window_ms: WINDOW_MS,
        warmup_ms: 200,
        seed: number.into(),
    };
    let clean = Runs::in_turn(scale.share(200, 4).map(run).collect()).run()?;
    let slow: Vec<Run> = scale
        .share(20, 2)
        .map(|number| Run { drive: Drive::Poisson { per_second: 250.0 }, ..run(number) })
        .collect();
    let slow = Runs { slow_us: SLOW_US, ..Runs::in_turn(slow) }.run()?;
    let mut section = Section::new(
        "Runs of two seconds and their marks",
        &[
            "client",
            "runs",
            "client_saturated",
            "of those, CPU stolen",
            "wrongly so or wrongly not",
            "send lag p99, ms: median",
            "most",
            "late stamps p99, ms: most",
            "stall p99, ms: most",
            "other marks",
        ],
    );
    for (name, ran, wanted) in [("left alone", &clean, false), ("made slow", &slow, true)] {
        let records = &ran.records;
        let is_saturated = |record: &&RunRecord| has(record, Mark::ClientSaturated);
        let saturated = records.iter().filter(is_saturated).count();
        let wrong = if wanted { records.len() - saturated } else { saturated };
        let lags = evidence(records, |validity| validity.send_lag_p99);
        let worst = |of: fn(&Validity) -> Option<f64>| {
            let worst = evidence(records, of).into_iter().reduce(f64::max);
            worst.map_or(Cell::Absent, |worst| Cell::figure(worst * 1e3, 2))
        };
        section.row([
            Cell::text(name),
            Cell::figure(records.len() as f64, 0),
            Cell::figure(saturated as f64, 0),
            Cell::figure(robbed(ran) as f64, 0),
            Cell::at_most(wrong as f64, 0, 0.0),
            Cell::figure(median(&lags) * 1e3, 2),
            worst(|validity| validity.send_lag_p99),
            worst(|validity| validity.stamp_late_p99),
            worst(|validity| validity.stall_p99),
            Cell::text(others(records)),
        ]);
    }
    Ok(section)
}

/// One figure that marks rest on, of each step.
fn evidence(records: &[RunRecord], of: fn(&Validity) -> Option<f64>) -> Vec<f64> {
    let steps = records.iter().flat_map(|run| &run.steps);
    steps.filter_map(|step| of(&step.validity)).collect()
}

/// In how many of the runs that are marked the host had held the virtual CPUs back: a client that
/// does not run is late, whoever is to blame.
fn robbed(ran: &Ran) -> usize {
    let runs = ran.records.iter().zip(&ran.stolen);
    runs.filter(|(run, stolen)| has(run, Mark::ClientSaturated) && !stolen.is_zero()).count()
}

fn has(record: &RunRecord, mark: Mark) -> bool {
    record.steps.iter().any(|step| step.validity.marks.contains(&mark))
}

/// The other marks, and how many runs have them; what became of runs without a step.
fn others(records: &[RunRecord]) -> String {
    let mut counts = BTreeMap::<&str, u32>::new();
    for record in records {
        if record.steps.is_empty() {
            *counts.entry(record.result.as_str()).or_default() += 1;
        }
        let marks = Mark::ALL.into_iter().filter(|mark| *mark != Mark::ClientSaturated);
        for mark in marks.filter(|mark| has(record, *mark)) {
            *counts.entry(mark.as_str()).or_default() += 1;
        }
    }
    let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    counts.join(", ")
}
