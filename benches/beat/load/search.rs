//! Section: the search for the most users under an SLO, of an engine whose capacity is known.
//!
//! Each further user makes the engine's gaps longer by a fixed share, and the gaps are noisy: the
//! share of answers that meet the SLO falls smoothly with the number of users, without a cliff. The
//! capacity is the number at which that share is the objective; it follows from the distribution of
//! the mean of an answer's gaps, which is drawn here, many times over, without any engine.

use rand::{RngExt as _, SeedableRng as _};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64Mcg;
use tokenbeat::event::RunRecord;

use super::{
    super::{
        Scale,
        engine::{Engine, Wire},
        report::{Cell, Section},
        stats::{median, percentile},
    },
    runner::{Drive, Run, Runs},
};

/// By how much the search may miss the capacity, and in how many steps it must be done.
const ERROR: f64 = 0.05;
const STEPS: f64 = 12.0;

/// The gaps of an engine with one user: their median, and the spread of their logarithm.
const GAP_MS: f64 = 4.0;
const SIGMA: f64 = 0.3;

/// The share by which each further user makes the gaps longer.
const SLOWDOWN: f64 = 0.05;

/// Tokens of an answer.
const TOKENS: u32 = 17;

/// The capacity, in users.
const CAPACITY: f64 = 40.5;

/// Draws behind the SLO's bound.
const DRAWS: u32 = 200_000;

/// Searches that go on at the same time.
const AT_ONCE: usize = 5;

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let tpot_ms = quantile_of_means(0.9) * (1.0 + SLOWDOWN * (CAPACITY - 1.0));
    let mut found = Vec::new();
    let seeds: Vec<u32> = scale.share(20, 2).collect();
    for seeds in seeds.chunks(AT_ONCE) {
        found.extend(searches(seeds, tpot_ms, scale)?);
    }
    let errors: Vec<f64> = found.iter().map(Found::error).collect();
    let steps: Vec<f64> = found.iter().map(|found| found.steps as f64).collect();
    let most = |values: &[f64]| percentile(values, 1.0).unwrap_or(f64::INFINITY);
    let mut section = Section::new(
        "The most users under an SLO on tpot, capacity 40.5",
        &["seeds", "error, median", "error, worst", "steps, median", "steps, most", "seconds"],
    );
    let seconds: Vec<f64> = found.iter().map(|found| found.seconds).collect();
    section.row([
        Cell::figure(found.len() as f64, 0),
        Cell::figure(median(&errors), 3),
        Cell::at_most(most(&errors), 3, ERROR),
        Cell::figure(median(&steps), 0),
        Cell::at_most(most(&steps), 0, STEPS),
        Cell::figure(median(&seconds), 0),
    ]);
    Ok(section)
}

/// What a search ended with.
struct Found {
    users: f64,
    steps: usize,
    seconds: f64,
}

impl Found {
    fn of(record: &RunRecord) -> Self {
        Self {
            // A search without an answer has missed by everything.
            users: record.findings.bracket_estimate.unwrap_or(0.0),
            steps: record.steps.len(),
            seconds: record.ended_at - record.started_at,
        }
    }

    /// A number of users is whole, so the best answer is the capacity rounded down.
    fn error(&self) -> f64 {
        (self.users / CAPACITY.floor() - 1.0).abs()
    }
}

/// Searches at once, each on an engine of its own.
fn searches(seeds: &[u32], tpot_ms: f64, scale: Scale) -> anyhow::Result<Vec<Found>> {
    let (mut engines, mut runs) = (Vec::new(), Vec::new());
    for seed in seeds {
        let (itl, slowdown) = (format!("lognormal:{GAP_MS}ms,{SIGMA}"), SLOWDOWN.to_string());
        let number = (seed + 1).to_string();
        let flags =
            ["--ttft", "5ms", "--itl", &itl, "--batch-slowdown", &slowdown, "--seed", &number];
        let engine = Engine::start(&flags, Wire::Plain)?;
        runs.push(Run {
            url: engine.url.to_string(),
            drive: Drive::Search { tpot_ms, start: 8.0, max: 256.0 },
            tokens: TOKENS,
            requests: None,
            window_ms: scale.pick(8_000, 4_000),
            warmup_ms: 500,
            seed: u64::from(*seed) + 1,
        });
        engines.push(engine);
    }
    let ran = Runs { at_once: true, ..Runs::in_turn(runs) }.run()?;
    Ok(ran.records.iter().map(Found::of).collect())
}

/// The `q` quantile of the mean gap of an answer, in milliseconds, with one user.
fn quantile_of_means(q: f64) -> f64 {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let gaps = TOKENS - 1;
    let means: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let drawn = (0..gaps).map(|_| {
                let z: f64 = rng.sample(StandardNormal);
                GAP_MS * (SIGMA * z).exp()
            });
            drawn.sum::<f64>() / f64::from(gaps)
        })
        .collect();
    percentile(&means, q).unwrap_or(f64::NAN)
}
