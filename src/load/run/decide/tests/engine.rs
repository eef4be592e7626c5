//! The search against a model of an engine whose capacity is known.
//!
//! Slots with a queue before them, first come first served; a lognormal service time; the time to
//! first token is the wait and a lognormal prefill. There is no cliff: misses become more frequent
//! little by little as load rises.

use std::{cmp::Reverse, collections::BinaryHeap};

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, LogNormal};
use rand_pcg::Pcg64;

use super::*;
use crate::{
    analysis::{Decision, Search, SearchOutcome},
    arrival::{self, Load, Quantity},
    config,
    verdict::Misses,
};

const SLOTS: usize = 16;
const OBJECTIVE: f64 = 0.95;

/// Seconds of a service, and of a prefill, at the median; the deviations of their logarithms.
const SERVICE: (f64, f64) = (1.0, 0.25);
const PREFILL: (f64, f64) = (0.1, 0.5);

/// The most that a first token may take.
const TTFT: f64 = 0.6;

/// The engine, and who asks it: an endless sequence of whether an exchange missed.
struct Engine {
    rng: Pcg64,
    /// When each slot is free.
    slots: BinaryHeap<Reverse<u64>>,
    arrivals: Arrivals,
}

enum Arrivals {
    Open {
        gap: Exp<f64>,
        now: f64,
    },
    /// When each user asks next.
    Closed(BinaryHeap<Reverse<u64>>),
}

const MICROS: f64 = 1e6;

impl Engine {
    fn new(seed: u64, of: Quantity, level: f64) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let arrivals = match of {
            Quantity::Rate => Arrivals::Open { gap: Exp::new(level).expect("a rate"), now: 0.0 },
            Quantity::Concurrency => Arrivals::Closed(
                (0..level as u64).map(|_| Reverse(rng.random_range(0..1_000_000))).collect(),
            ),
        };
        let slots = (0..SLOTS).map(|_| Reverse(0)).collect();
        Self { rng, slots, arrivals }
    }

    fn draw(&mut self, (median, sigma): (f64, f64)) -> f64 {
        LogNormal::new(median.ln(), sigma).expect("a distribution").sample(&mut self.rng)
    }

    /// Whether the next exchange missed.
    fn missed(&mut self) -> bool {
        let due = match &mut self.arrivals {
            Arrivals::Open { gap, now } => {
                *now += gap.sample(&mut self.rng);
                *now
            }
            Arrivals::Closed(users) => users.pop().expect("a user").0 as f64 / MICROS,
        };
        let free = self.slots.pop().expect("a slot").0 as f64 / MICROS;
        let start = due.max(free);
        let (prefill, service) = (self.draw(PREFILL), self.draw(SERVICE));
        let end = ((start + prefill + service) * MICROS) as u64;
        self.slots.push(Reverse(end));
        if let Arrivals::Closed(users) = &mut self.arrivals {
            users.push(Reverse(end));
        }
        start - due + prefill > TTFT
    }

    /// The share of misses over very many exchanges.
    fn miss_ratio(of: Quantity, level: f64) -> f64 {
        const MANY: u32 = 200_000;
        let mut engine = Self::new(99, of, level);
        let misses = (0..MANY).filter(|_| engine.missed()).count();
        misses as f64 / f64::from(MANY)
    }

    /// One step of a search.
    fn step(seed: u64, search: &Search, spec: &arrival::Search, level: f64) -> Decision {
        let aim = search.aim(level);
        let mut engine = Self::new(seed, spec.of, level);
        let slos = [Arc::new(slo())];
        let mut decider = match spec.of {
            Quantity::Rate => Decider::at_rate(&slos, None, level, aim, spec.precision, None),
            Quantity::Concurrency => Decider::of_users(&slos, None, level as u32, aim),
        };
        let warmup = match spec.of {
            Quantity::Rate => level * decider.builds().as_secs_f64(),
            Quantity::Concurrency => level,
        };
        (0..warmup as u64).for_each(|_| {
            engine.missed();
        });
        let (mut n, mut misses, mut found) = (0, Misses::default(), None);
        let looked = |n, misses: &Misses| Looked {
            n,
            misses: vec![vec![misses.clustered(); 2]],
            ..Looked::default()
        };
        while let (Some(at), None) = (decider.next_look(), found) {
            (n..at).for_each(|_| misses.push(engine.missed()));
            n = at;
            found = decider.look(&looked(n, &misses));
        }
        let looked = looked(n, &misses);
        let state = decider.verdict(found, &looked);
        let misses_to_allowed = decider.misses_to_allowed(&looked);
        Decision { level, state, misses_to_allowed, n, goodput: None }
    }
}

/// At most so much to a first token.
fn slo() -> Slo {
    let max = Duration::from_secs_f64(TTFT);
    let threshold = Threshold { metric: Metric::Ttft, max, objective: OBJECTIVE };
    Slo { thresholds: vec![threshold], ..Slo::clone(&super::slo(Judge::Each, &[])) }
}

/// The level at which just so many miss as may, from very long runs of the same model.
fn capacity(of: Quantity) -> f64 {
    let (mut low, mut high) = (8.0, 32.0);
    for _ in 0..10 {
        let middle = f64::sqrt(low * high);
        if Engine::miss_ratio(of, middle) <= 1.0 - OBJECTIVE {
            low = middle;
        } else {
            high = middle;
        }
    }
    match of {
        Quantity::Rate => low,
        Quantity::Concurrency => low.floor(),
    }
}

/// The search of the shipped scenario, whose figures are the defaults.
fn shipped(of: Quantity) -> arrival::Search {
    let scenario = config::shipped_scenario("find_capacity").expect("it is shipped");
    assert_eq!((scenario.requests_per_step, scenario.duration), (None, None));
    match &scenario.load {
        Load::Search(spec) => arrival::Search { of, ..spec.clone() },
        Load::Levels(_) => panic!("it is a search"),
    }
}

/// A search on an engine whose luck is that of `seed`, with its number of steps.
fn search(of: Quantity, seed: u64, known: Option<f64>) -> (SearchOutcome, u64) {
    let spec = shipped(of);
    let mut search = Search::new(spec.clone(), known);
    let mut steps = 0;
    while let Some(level) = search.next() {
        let decision = Engine::step(seed * 100 + steps, &search, &spec, level);
        search.decided(decision);
        steps += 1;
    }
    (search.outcome(), steps)
}

fn within_five_percent(level: Option<f64>, capacity: f64) -> bool {
    level.is_some_and(|level| (level / capacity - 1.0).abs() <= 0.05)
}

fn is_found(of: Quantity) {
    let capacity = capacity(of);
    let mut again = 0;
    for seed in 0..20 {
        let (outcome, steps) = search(of, seed, None);
        let told = format!("seed {seed}: {outcome:?} after {steps} steps; it is {capacity}");
        assert!(steps <= 12, "{told}");
        assert!(within_five_percent(outcome.estimate, capacity), "{told}");
        assert!(outcome.low.is_some_and(|low| low <= 1.05 * capacity), "{told}");
        assert!(outcome.high.is_some_and(|high| high >= 0.95 * capacity), "{told}");

        let (next, steps) = search(of, 50 + seed, outcome.estimate);
        assert!(next.low.is_some() && next.high.is_some(), "{next:?} after {told}");
        again += steps;
    }
    assert!(again <= 20 * 6, "the next night took {again} steps in 20 searches");
}

#[test]
fn the_rate_of_an_engine_without_a_cliff_is_found() {
    is_found(Quantity::Rate);
}

#[test]
fn the_users_of_an_engine_without_a_cliff_are_found() {
    is_found(Quantity::Concurrency);
}
