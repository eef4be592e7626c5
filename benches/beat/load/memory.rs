//! Section: what a run weighs after few requests and after many.

use super::{
    super::{
        Scale,
        engine::{Engine, Wire},
        report::{Cell, Section},
    },
    runner::{Drive, Run, Runs},
};

/// By how much resident memory may have grown in between.
const PROMISE: f64 = 0.05;

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let (few, many): (u64, u64) = scale.pick((10_000, 1_000_000), (2_000, 20_000));
    let engine = Engine::start(&["--ttft", "0ms", "--itl", "0ms"], Wire::Plain)?;
    let run = |requests| Run {
        url: engine.url.to_string(),
        // All at once: while users enter, each brings the memory of a connection.
        drive: Drive::Closed { users: 64, spawn_rate: None },
        tokens: 2,
        requests: Some(requests),
        window_ms: 0,
        warmup_ms: 0,
        seed: 1,
    };
    // The first run pages in the code that a run needs, which is no growth.
    let runs = Runs::in_turn(vec![run(few), run(many)]);
    let ran = Runs { weigh_after: vec![2 * few, few + many], ..runs }.run()?;
    let &[first, last] = ran.weights_kib.as_slice() else {
        anyhow::bail!("the run ended early: {:?}", ran.records.first().map(|run| &run.reason));
    };
    let mib = |kib: u64| Cell::figure(kib as f64 / 1024.0, 1);
    let mut section = Section::new(
        "Resident memory of a run, 64 users, two tokens an answer",
        &["requests", "MiB", "requests", "MiB", "growth", "requests a second"],
    );
    section.row([
        Cell::text(few.to_string()),
        mib(first),
        Cell::text(many.to_string()),
        mib(last),
        Cell::at_most(last as f64 / first as f64 - 1.0, 3, PROMISE),
        Cell::figure(many as f64 / (ran.wall_ns as f64 / 1e9), 0),
    ]);
    Ok(section)
}
