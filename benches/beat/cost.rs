//! Section: what a token costs the client in CPU time, ours against the bare reader.

use super::{
    Scale,
    engine::{Engine, Wire},
    job::{Client, Done, Job, Load},
    report::{Cell, Section},
    stats::median,
};

/// What our reader may cost, in costs of the bare one.
const PROMISE: f64 = 1.25;

/// Gaps between tokens.
const PACES: [(&str, &str); 2] =
    [("constant 20 ms", "20ms"), ("lognormal 15 ms", "lognormal:15ms,0.4")];

/// Runs of each client, in turn; the figure is their median.
const RUNS: usize = 3;

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "CPU time of the client, seconds per million tokens",
        &[
            "streams",
            "gap",
            "tokenbeat",
            "bare reader",
            "ratio",
            "ratio of each pair",
            "engine's core",
        ],
    );
    for streams in scale.pick([100, 500].as_slice(), &[500]) {
        let streams = *streams;
        for (pace, itl) in PACES {
            let engine =
                Engine::start(&["--ttft", "uniform:50ms,500ms", "--itl", itl], Wire::Plain)?;
            let mut runs: [Vec<Done>; 2] = Default::default();
            let mut engine_share = Vec::new();
            for _ in 0..scale.pick(RUNS, 1) {
                for (client, runs) in Client::BOTH.into_iter().zip(&mut runs) {
                    let job = Job {
                        client,
                        url: engine.url.to_string(),
                        ca_file: None,
                        tokens: scale.pick(120, 40),
                        load: Load::Closed { streams, answers: 1 },
                    };
                    let before = engine.process.cpu()?;
                    let done = job.run()?;
                    let used = engine.process.cpu()? - before;
                    engine_share.push(used.as_nanos() as f64 / done.wall_ns as f64);
                    anyhow::ensure!(done.failed == 0, "{} exchanges failed", done.failed);
                    runs.push(done);
                }
            }
            let [ours, bare] =
                runs.map(|runs| runs.iter().map(Done::cpu_per_million).collect::<Vec<_>>());
            let pairs: Vec<_> =
                ours.iter().zip(&bare).map(|(ours, bare)| format!("{:.2}", ours / bare)).collect();
            section.row([
                Cell::text(streams.to_string()),
                Cell::text(pace),
                Cell::figure(median(&ours), 2),
                Cell::figure(median(&bare), 2),
                Cell::at_most(median(&ours) / median(&bare), 2, PROMISE),
                Cell::text(pairs.join(" ")),
                Cell::text(format!("{:.0} %", median(&engine_share) * 100.0)),
            ]);
        }
    }
    Ok(section)
}
