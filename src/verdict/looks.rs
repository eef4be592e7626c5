//! When a step that may end once it is decided is looked at.
//!
//! Whoever looks after every exchange certifies falsely eight to ten times in a hundred. So looks
//! are few, settled beforehand, and share the risk of one.

use super::{Judge, RISK, Slo, State, certify, minimum_n};

/// By how much more exchanges there are at the next look.
const GROWTH: f64 = 1.5;

/// No look comes before this part of the cap. Near the limit of an engine its misses come and go
/// with its queue, and a lull of a few hundred exchanges says little: who allows many wants them.
const EARLIEST: u64 = 8;

/// The looks at a growing number of exchanges: at `⌈n₀ · 1.5ᵏ⌉` of them, with n₀ the fewest that
/// could pass, from an eighth of the cap on, and at the cap. Each takes an equal share of the risk.
#[derive(Clone, Debug)]
pub struct Looks {
    lanes: Vec<Lane>,
    /// Exchanges at each look, ascending.
    at: Vec<u64>,
    /// Looks that are over.
    taken: usize,
    decided: Option<State>,
}

/// One share that must be met.
#[derive(Clone, Copy, Debug)]
struct Lane {
    objective: f64,
    /// Passing is certified once and for all; the risk of it is spent.
    passed: bool,
}

impl Looks {
    /// Looks at one share of good exchanges up to `cap` of them.
    pub fn new(objective: f64, cap: u64) -> Self {
        Self::over(&[objective], cap)
    }

    /// Looks at an SLO as it is judged: jointly, or each threshold alone.
    pub fn of(slo: &Slo, cap: u64) -> Self {
        Self::over(&slo.objectives(), cap)
    }

    fn over(objectives: &[f64], cap: u64) -> Self {
        let lanes: Vec<Lane> = objectives
            .iter()
            .map(|objective| Lane { objective: *objective, passed: false })
            .collect();
        // Where no number can pass (an objective of 100 %), the cap is the only look.
        let first = lanes
            .iter()
            .map(|lane| minimum_n(lane.objective, 0).unwrap_or(cap))
            .max()
            .unwrap_or(cap);
        let mut at: Vec<u64> =
            std::iter::successors(Some(first as f64), |exact| Some(exact * GROWTH))
                .map(|exact| exact.ceil() as u64)
                .take_while(|n| *n < cap)
                .filter(|n| *n >= cap / EARLIEST)
                .collect();
        at.push(cap);
        Self { lanes, at, taken: 0, decided: None }
    }

    /// The same without the looks before `n` exchanges; that at the cap stays.
    #[must_use]
    pub fn not_before(mut self, n: u64) -> Self {
        let cap = self.at.last().copied();
        self.at.retain(|at| *at >= n || Some(*at) == cap);
        self
    }

    /// Exchanges at the next look; absent once it is decided, or the cap was looked at.
    pub fn next_at(&self) -> Option<u64> {
        match self.decided {
            Some(_) => None,
            None => self.at.get(self.taken).copied(),
        }
    }

    /// Looks at `n` judged exchanges with so many `misses`, if a look is due: the state, which is
    /// `not_enough_data` where the step goes on. Looks that were passed over count as taken.
    pub fn look(&mut self, n: u64, misses: u64) -> Option<State> {
        let misses = vec![misses; self.lanes.len()];
        self.look_at(n, &misses)
    }

    /// As [`Self::look`] at an SLO, whose `misses` are those of all thresholds jointly, then of
    /// each.
    pub fn look_slo(&mut self, slo: &Slo, n: u64, misses: &[u64]) -> Option<State> {
        match slo.judge {
            Judge::Joint => self.look_at(n, misses.get(..1)?),
            Judge::Each => self.look_at(n, misses.get(1..)?),
        }
    }

    fn look_at(&mut self, n: u64, misses: &[u64]) -> Option<State> {
        self.next_at().filter(|at| n >= *at)?;
        self.taken = self.at.partition_point(|at| *at <= n);
        let risk = self.risk();
        let mut state = State::Pass;
        for (lane, misses) in self.lanes.iter_mut().zip(misses) {
            let found = match lane.passed {
                true => State::Pass,
                false => certify(n, *misses, lane.objective, risk),
            };
            lane.passed = found == State::Pass;
            state = state.worse(found);
        }
        if state != State::NotEnoughData {
            self.decided = Some(state);
        }
        Some(state)
    }

    /// What has been decided.
    pub fn state(&self) -> State {
        self.decided.unwrap_or(State::NotEnoughData)
    }

    /// The risk that each look takes.
    pub fn risk(&self) -> f64 {
        RISK / self.at.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;
    use crate::verdict::{Metric, Threshold};

    #[test]
    fn looks_are_settled_beforehand() {
        let at = |objective, cap| Looks::new(objective, cap).at;
        assert_eq!(at(0.95, 500), [90, 135, 203, 304, 456, 500]);
        assert_eq!(at(0.95, 2000), [304, 456, 684, 1026, 1538, 2000]);
        assert_eq!(at(0.90, 44), [44]);
        assert_eq!(at(0.99, 100), [100]);
        assert_eq!(at(1.0, 100), [100]);
    }

    #[test]
    fn looks_that_are_left_out_leave_the_others_more_risk() {
        let all = Looks::new(0.95, 500);
        let late = all.clone().not_before(200);
        assert_eq!((late.at.as_slice(), late.next_at()), (&[203, 304, 456, 500][..], Some(203)));
        assert!((late.risk() - 0.0025).abs() < 1e-12 && all.risk() < late.risk());
        assert_eq!(all.not_before(9_999).at, [500]);
    }

    #[test]
    fn a_look_is_taken_once_and_only_when_it_is_due() {
        let mut looks = Looks::new(0.95, 500);
        assert_eq!((looks.look(89, 0), looks.next_at()), (None, Some(90)));
        // Pass at a sixth of the risk takes more than the 90 of one look.
        assert_eq!(looks.look(90, 0), Some(State::NotEnoughData));
        assert_eq!((looks.look(90, 0), looks.next_at()), (None, Some(135)));
        // Looks that were passed over are over.
        assert_eq!((looks.look(300, 15), looks.next_at()), (Some(State::NotEnoughData), Some(304)));
        assert_eq!((looks.look(304, 4), looks.next_at()), (Some(State::Pass), None));
        assert_eq!((looks.look(456, 400), looks.state()), (None, State::Pass));
    }

    #[test]
    fn the_cap_is_the_last_look() {
        let mut looks = Looks::new(0.95, 100);
        assert_eq!(looks.look(90, 4), Some(State::NotEnoughData));
        assert_eq!(looks.look(100, 5), Some(State::NotEnoughData));
        assert_eq!((looks.next_at(), looks.state()), (None, State::NotEnoughData));
    }

    fn slo(judge: Judge) -> Arc<Slo> {
        let threshold =
            |metric, objective| Threshold { metric, max: Duration::from_secs(1), objective };
        Arc::new(Slo {
            name: "both".into(),
            thresholds: vec![threshold(Metric::Ttft, 0.90), threshold(Metric::Tpot, 0.95)],
            objective: 0.90,
            window: Duration::from_secs(1),
            judge,
            pack: None,
        })
    }

    #[test]
    fn each_threshold_is_looked_at_alone_and_stays_passed() {
        let slo = slo(Judge::Each);
        let mut looks = Looks::of(&slo, 10_000);
        assert_eq!(looks.look_slo(&slo, 1540, &[92, 90, 70]), Some(State::NotEnoughData));
        // The first threshold has passed; what it does now is no longer asked.
        assert_eq!(looks.look_slo(&slo, 3000, &[600, 590, 90]), Some(State::Pass));
        let mut looks = Looks::of(&slo, 10_000);
        assert_eq!(looks.look_slo(&slo, 1540, &[130, 0, 130]), Some(State::Fail));
    }

    #[test]
    fn a_joint_slo_is_looked_at_as_one() {
        let slo = slo(Judge::Joint);
        let mut looks = Looks::of(&slo, 10_000);
        assert_eq!(looks.look_slo(&slo, 2000, &[40, 400, 400]), Some(State::Pass));
    }

    /// How many of many sequences are certified to pass, and to fail.
    fn certified(seed: u64, objective: f64, good: f64, cap: u64, runs: u32) -> (u32, u32) {
        let mut rng = Pcg64::seed_from_u64(seed);
        let (mut passes, mut fails) = (0, 0);
        for _ in 0..runs {
            let mut looks = Looks::new(objective, cap);
            let (mut n, mut misses) = (0, 0);
            while let Some(at) = looks.next_at() {
                while n < at {
                    n += 1;
                    misses += u64::from(!rng.random_bool(good));
                }
                looks.look(n, misses);
            }
            match looks.state() {
                State::Pass => passes += 1,
                State::Fail => fails += 1,
                State::NotEnoughData => {}
            }
        }
        (passes, fails)
    }

    #[test]
    fn at_the_objective_one_in_a_hundred_is_certified_falsely_at_most() {
        const RUNS: u32 = 4_000;
        // 1 % and three standard errors of it.
        const MOST: f64 = 0.01 + 3.0 * 0.00158;
        for (seed, objective, cap) in [(1, 0.90, 2_000), (2, 0.95, 2_000), (3, 0.99, 5_000)] {
            let (passes, fails) = certified(seed, objective, objective, cap, RUNS);
            for (side, falsely) in [("pass", passes), ("fail", fails)] {
                let ratio = f64::from(falsely) / f64::from(RUNS);
                assert!(ratio <= MOST, "{objective}: {falsely} of {RUNS} {side}");
            }
        }
    }

    #[test]
    fn away_from_the_objective_nearly_all_are_certified() {
        let (passes, _) = certified(4, 0.95, 0.98, 5_000, 500);
        let (_, fails) = certified(5, 0.95, 0.91, 5_000, 500);
        assert!(passes >= 490 && fails >= 490, "{passes} pass, {fails} fail");
    }
}
