//! What the test is worth, by simulation: false alarms, power, and how long it takes. The figures
//! stand in `docs/definitions.md`, "Regressions".

use std::sync::Arc;

use rand::SeedableRng as _;
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64Mcg;

use super::{History, Point, point::Asked};
use crate::event::{Compared, Regression};

/// A sweep of four steps at an engine whose runs differ: all numbers of a run by one factor, and
/// each by one of its own.
struct Engine {
    random: Pcg64Mcg,
    asked: Arc<Asked>,
    shared: f64,
    own: f64,
    runs: u32,
}

impl Engine {
    fn new(seed: u64, shared: f64, own: f64) -> Self {
        let (random, asked) = (Pcg64Mcg::seed_from_u64(seed), Arc::new(Asked::of([].into_iter())));
        Self { random, asked, shared, own, runs: 0 }
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.random)
    }

    /// A run at an engine that needs `slower` times as long.
    fn run(&mut self, slower: impl Fn(u32, Compared) -> f64) -> Point {
        let of_run = self.shared * self.normal();
        let mut values = Vec::new();
        for step in 0..4 {
            for metric in [Compared::TtftP50, Compared::TpotP50, Compared::OutputTokens] {
                let time = slower(step, metric).ln() + of_run + self.own * self.normal();
                let log = if metric.worse_if_more() { time } else { -time };
                values.push((step, metric, log));
            }
        }
        self.runs += 1;
        Point::simulated(self.runs.into(), values, &self.asked)
    }
}

fn active(found: &[Regression]) -> usize {
    found.iter().filter(|one| one.active).count()
}

#[test]
fn without_a_change_at_most_one_number_in_a_thousand_is_said_to_be_worse() {
    for (shared, own, most) in
        [(0.0, 0.02, 3), (0.02, 0.02, 5), (0.05, 0.0, 20), (0.0, 0.1, 10), (0.1, 0.1, 10)]
    {
        let (mut told, mut alarms, mut histories) = (0, 0, 0);
        for seed in 0..1_000 {
            let mut engine = Engine::new(seed, shared, own);
            let mut history = History::default();
            let before = alarms;
            for _ in 0..35 {
                let found = history.judge(&engine.run(|_, _| 1.0));
                told += found.len();
                alarms += active(&found);
            }
            histories += usize::from(alarms > before);
        }
        let rate = alarms as f64 / told as f64;
        assert_eq!(told, 1_000 * 30 * 12);
        assert!(rate <= 0.001, "noise {shared} {own}: {rate}");
        assert!(histories <= most, "noise {shared} {own}: {histories} sweeps");
    }
}

/// The share of 200 engines whose change is active after each of three runs, in at least one of the
/// numbers, after a baseline of `runs`.
fn power(runs: u32, slower: impl Fn(u32, Compared) -> f64) -> [f64; 3] {
    let mut seen = [0.0; 3];
    for seed in 0..200 {
        let mut engine = Engine::new(seed, 0.0, 0.02);
        let mut history = History::default();
        for _ in 0..runs {
            history.judge(&engine.run(|_, _| 1.0));
        }
        for seen in &mut seen {
            let found = history.judge(&engine.run(&slower));
            *seen += f64::from(u8::from(active(&found) > 0)) / 200.0;
        }
    }
    seen
}

#[test]
fn an_engine_that_is_a_tenth_slower_is_found_within_three_runs() {
    for (runs, slower, least) in
        [(20, 1.1, 0.99), (10, 1.1, 0.99), (7, 1.1, 0.95), (5, 1.1, 0.5), (5, 1.15, 0.95)]
    {
        let [one, two, three] = power(runs, |_, _| slower);
        assert!(one < 0.02 && three >= least, "{runs} runs: {one} {two} {three}");
    }
}

#[test]
fn a_single_number_must_change_by_more_among_many() {
    for (slower, least) in [(1.1, 0.5), (1.15, 0.99)] {
        let alone = |step, metric| match (step, metric) {
            (2, Compared::TtftP50) => slower,
            _ => 1.0,
        };
        let [one, two, three] = power(20, alone);
        assert!(one < 0.02 && three >= least, "{slower}: {one} {two} {three}");
    }
}
