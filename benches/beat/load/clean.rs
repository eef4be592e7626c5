//! Section: runs that are marked, of those that should be and of those that should not.
//!
//! A run during which the machine stood still is none of the clean ones, marked or not: a client that
//! does not run is late, whoever is to blame. A control beside the runs tells; such runs have a row of
//! their own.

use std::{collections::BTreeMap, ops::Range};

use tokenbeat::{
    clock::Stamp,
    event::{Mark, RunRecord, Validity},
};

use super::{
    super::{
        Scale,
        control::Control,
        engine::{Engine, Wire},
        report::{Cell, Section},
        stats::percentile,
    },
    runner::{Drive, Run, Runs},
};

/// For so long a slow client is busy with something else at the end of each exchange, of which
/// there are 250 a second: four fifths of its time.
const SLOW_US: u64 = 3_200;

/// Long enough for some 500 exchanges: a p99 of them rests on five.
const WINDOW_MS: u64 = 2_000;

/// Rounds, at most: each carries out as many runs as are still missing.
const ROUNDS: u32 = 4;

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let engine = Engine::start(&["--ttft", "20ms", "--itl", "5ms"], Wire::Plain)?;
    let run = |number: u32| Run {
        url: engine.url.to_string(),
        drive: match number % 2 {
            0 => Drive::Closed { users: 16, spawn_rate: Some(16.0) },
            _ => Drive::Poisson { per_second: 250.0 },
        },
        tokens: 8,
        requests: None,
        window_ms: WINDOW_MS,
        warmup_ms: 200,
        seed: number.into(),
    };
    let alone = left_alone(scale.share(200, 4), run)?;
    let slow: Vec<Run> = scale
        .share(20, 2)
        .map(|number| Run { drive: Drive::Poisson { per_second: 250.0 }, ..run(number) })
        .collect();
    let slow = Runs { slow_us: SLOW_US, ..Runs::in_turn(slow) }.run()?.records;
    let mut section = Section::new(
        "Runs of two seconds and their marks",
        &[
            "client",
            "runs",
            "client_saturated",
            "wrongly so or wrongly not",
            "send lag p99, ms: median",
            "most",
            "late stamps p99, ms: most",
            "stall p99, ms: most",
            "other marks",
        ],
    );
    for (name, records, wanted) in [
        (alone.name(), &alone.clean, Some(false)),
        ("left alone, machine stood still", &alone.disturbed, None),
        ("made slow", &slow, Some(true)),
    ] {
        let is_saturated = |record: &&RunRecord| has(record, Mark::ClientSaturated);
        let saturated = records.iter().filter(is_saturated).count();
        let wrong = wanted.map(|wanted| if wanted { records.len() - saturated } else { saturated });
        let lags = evidence(records, |validity| validity.send_lag_p99);
        let ms = |seconds: f64| Cell::figure(seconds * 1e3, 2);
        let worst = |of: fn(&Validity) -> Option<f64>| {
            evidence(records, of).into_iter().reduce(f64::max).map_or(Cell::Absent, ms)
        };
        section.row([
            Cell::text(name),
            Cell::figure(records.len() as f64, 0),
            Cell::figure(saturated as f64, 0),
            wrong.map_or(Cell::Absent, |wrong| Cell::at_most(wrong as f64, 0, 0.0)),
            percentile(&lags, 0.5).map_or(Cell::Absent, ms),
            worst(|validity| validity.send_lag_p99),
            worst(|validity| validity.stamp_late_p99),
            worst(|validity| validity.stall_p99),
            Cell::text(others(records)),
        ]);
    }
    Ok(section)
}

/// Runs of a client that was left alone by us, and by the machine or not.
#[derive(Default)]
struct Alone {
    clean: Vec<RunRecord>,
    disturbed: Vec<RunRecord>,
    /// Whether nothing can tell the two apart here.
    uncontrolled: bool,
}

impl Alone {
    fn name(&self) -> &'static str {
        if self.uncontrolled { "left alone, no control" } else { "left alone" }
    }
}

/// As many clean runs as there are `numbers`, if they can be had.
fn left_alone(numbers: Range<u32>, run: impl Fn(u32) -> Run) -> anyhow::Result<Alone> {
    let mut alone = Alone::default();
    for _ in 0..ROUNDS {
        let missing = numbers.clone().skip(alone.clean.len());
        let control = Control::start()?;
        alone.uncontrolled = control.is_none();
        let ran = Runs::in_turn(missing.map(&run).collect()).run()?;
        let pauses = control.map(Control::pauses).transpose()?.unwrap_or_default();
        for (record, (from, to)) in ran.records.into_iter().zip(ran.spans) {
            let (from, to) = (Stamp::from_nanos(from), Stamp::from_nanos(to));
            let stood_still = pauses.iter().any(|pause| pause.was_between(from, to));
            let kind = if stood_still { &mut alone.disturbed } else { &mut alone.clean };
            kind.push(record);
        }
        if alone.clean.len() >= numbers.len() {
            break;
        }
    }
    Ok(alone)
}

/// One figure that marks rest on, of each step.
fn evidence(records: &[RunRecord], of: fn(&Validity) -> Option<f64>) -> Vec<f64> {
    let steps = records.iter().flat_map(|run| &run.steps);
    steps.filter_map(|step| of(&step.validity)).collect()
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
