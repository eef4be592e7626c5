//! Section: runs that are marked, of those that should be and of those that should not.

use std::collections::BTreeMap;

use tokenbeat::event::{Mark, RunRecord};

use super::{
    super::{
        Scale,
        engine::{Engine, Wire},
        report::{Cell, Section},
    },
    runner::{Drive, Run, Runs},
};

/// For so long a slow client is busy with something else at the end of each exchange, of which
/// there are two hundred a second: four fifths of its time.
const SLOW_US: u64 = 4_000;

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let engine = Engine::start(&["--ttft", "20ms", "--itl", "5ms"], Wire::Plain)?;
    let run = |number: u32| Run {
        url: engine.url.to_string(),
        drive: match number % 2 {
            0 => Drive::Closed { users: 8 },
            _ => Drive::Poisson { per_second: 200.0 },
        },
        tokens: 8,
        requests: None,
        window_ms: 500,
        warmup_ms: 200,
        seed: number.into(),
    };
    let clean = Runs::in_turn((0..scale.pick(200, 10)).map(run).collect()).run()?;
    let slow: Vec<Run> = (0..scale.pick(20, 4))
        .map(|number| Run { drive: Drive::Poisson { per_second: 200.0 }, ..run(number) })
        .collect();
    let slow = Runs { slow_us: SLOW_US, ..Runs::in_turn(slow) }.run()?;
    let mut section = Section::new(
        "Short runs and their marks",
        &["client", "runs", "client_saturated", "wrongly so or wrongly not", "other marks"],
    );
    for (name, records, wanted) in
        [("left alone", &clean.records, false), ("made slow", &slow.records, true)]
    {
        let is_saturated = |record: &&RunRecord| has(record, Mark::ClientSaturated);
        let saturated = records.iter().filter(is_saturated).count();
        let wrong = if wanted { records.len() - saturated } else { saturated };
        section.row([
            Cell::text(name),
            Cell::figure(records.len() as f64, 0),
            Cell::figure(saturated as f64, 0),
            Cell::at_most(wrong as f64, 0, 0.0),
            Cell::text(others(records)),
        ]);
    }
    Ok(section)
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
