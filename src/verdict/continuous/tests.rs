use std::{sync::Arc, time::Duration};

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;
use crate::verdict::{Cause, Clustered, Metric, Threshold, blocks::Count};

const INTERVAL: Duration = Duration::from_secs(15);

fn verdict(beats_in_window: u32, judge: Judge, objectives: &[f64]) -> Continuous {
    let slo = Slo {
        name: "test".into(),
        thresholds: objectives
            .iter()
            .zip(Metric::ALL)
            .map(|(objective, metric)| Threshold {
                metric,
                max: Duration::from_secs(1),
                objective: *objective,
            })
            .collect(),
        objective: 0.95,
        window: INTERVAL * beats_in_window,
        judge,
        pack: None,
    };
    Continuous::new(Arc::new(slo), INTERVAL)
}

fn judged(met: &[bool]) -> Judgement {
    let missed = met.iter().position(|met| !met);
    Judgement { met: met.into(), bad: missed.map(|at| Cause::Missed(Metric::ALL[at])) }
}

/// Pushes beats, one an interval from beat `first`, and gives back every verdict taken.
fn push(verdict: &mut Continuous, first: i64, beats: impl Iterator<Item = bool>) -> Vec<State> {
    let due = |beat: usize| (first + beat as i64) * INTERVAL.as_nanos() as i64;
    beats.enumerate().filter_map(|(beat, met)| verdict.push(due(beat), &judged(&[met]))).collect()
}

#[test]
fn one_look_per_block_and_half_the_window_at_least() {
    let mut verdict = verdict(240, Judge::Each, &[0.95]);
    assert_eq!(verdict.state(), State::NotEnoughData);
    let states = push(&mut verdict, 0, std::iter::repeat_n(false, 149));
    // 90 beats would do, but half the window is 120.
    let [missing, fail] = [State::NotEnoughData, State::Fail];
    assert_eq!(states, [missing, missing, missing, fail]);
    assert_eq!(verdict.state(), fail);
}

#[test]
fn a_pass_takes_thirty_times_what_independent_beats_would() {
    for (objective, beats) in [(0.90, 1_320), (0.95, 2_700)] {
        let mut verdict = verdict(2_880, Judge::Each, &[objective]);
        let half = 1_440;
        let states = push(&mut verdict, 0, std::iter::repeat_n(true, 2_880));
        let first = states.iter().position(|state| *state == State::Pass).expect("a pass");
        assert_eq!((first + 1) * 30, beats.max(half), "{objective}");
        assert!(states[first..].iter().all(|state| *state == State::Pass));
    }
}

#[test]
fn a_window_too_short_for_its_objective_never_decides() {
    let mut verdict = verdict(60, Judge::Each, &[0.95]);
    let states = push(&mut verdict, 0, std::iter::repeat_n(false, 600));
    assert!(states.iter().all(|state| *state == State::NotEnoughData));
    assert_eq!(verdict.closed.len(), 2, "memory is bounded by the window");
}

#[test]
fn the_window_slides() {
    let mut verdict = verdict(2_880, Judge::Each, &[0.95]);
    let down = push(&mut verdict, 0, std::iter::repeat_n(false, 2_880));
    assert_eq!(down.last(), Some(&State::Fail));
    let later = push(&mut verdict, 2_880, std::iter::repeat_n(true, 2_880));
    assert_eq!(later.last(), Some(&State::Pass));
}

#[test]
fn beats_of_before_a_long_pause_are_forgotten() {
    let mut verdict = verdict(120, Judge::Each, &[0.95]);
    push(&mut verdict, 0, std::iter::repeat_n(false, 120));
    let later = push(&mut verdict, 10_000, std::iter::repeat_n(false, 30));
    assert_eq!(later, [State::NotEnoughData]);
    assert_eq!(verdict.closed.len(), 1);
}

/// Two thresholds that each miss 4 % of beats, never the same: each holds 90 %, both together
/// miss 8 %.
#[test]
fn each_and_joint_differ() {
    for (judge, objective, state) in [
        (Judge::Each, 0.93, State::Pass),
        (Judge::Joint, 0.93, State::Fail),
        (Judge::Each, 0.98, State::Fail),
    ] {
        let mut verdict = verdict(6000, judge, &[objective, 0.93]);
        for beat in 0..6000_i64 {
            let met = [beat % 25 != 0, beat % 25 != 12];
            verdict.push(beat * INTERVAL.as_nanos() as i64, &judged(&met));
        }
        assert_eq!(verdict.state(), state, "{judge:?} {objective}");
    }
}

/// How beats miss.
#[derive(Clone, Copy, Debug)]
struct Misses {
    /// The share of them in the long run.
    share: f64,
    /// How many follow one another, in the mean.
    length: f64,
}

impl Misses {
    fn independent(share: f64) -> Self {
        Self { share, length: 1.0 / (1.0 - share) }
    }

    /// A window of so many blocks. Good and bad beats alternate in runs of geometric length, which
    /// is a Markov chain of two states.
    fn window<R: Rng>(self, rng: &mut R, blocks: u32) -> Clustered {
        let end = 1.0 / self.length;
        let start = end * self.share / (1.0 - self.share);
        let mut down = rng.random_bool(self.share);
        let mut run = |down: bool| {
            let ends = if down { end } else { start };
            1 + ((-rng.random::<f64>()).ln_1p() / (-ends).ln_1p()) as u64
        };
        let mut left = run(down);
        let block = |_| {
            let mut count = Count::default();
            if !down && left >= u64::from(BLOCK) {
                left -= u64::from(BLOCK);
                return count;
            }
            for beat in 0..BLOCK {
                if left == 0 {
                    down = !down;
                    left = run(down);
                }
                left -= 1;
                count.push(beat == 0, !down);
            }
            count
        };
        clustered((0..blocks).map(block))
    }

    /// The shares of many windows of so many beats that pass, and that fail.
    fn certified(self, seed: u64, objective: f64, beats: u32, windows: u32) -> (f64, f64) {
        let mut rng = Pcg64::seed_from_u64(seed);
        let objective = Objective::new(objective);
        let (mut passes, mut fails) = (0, 0);
        for _ in 0..windows {
            match objective.decide(&self.window(&mut rng, beats / u32::from(BLOCK)), RISK, CAUTION)
            {
                State::Pass => passes += 1,
                State::Fail => fails += 1,
                State::NotEnoughData => {}
            }
        }
        (f64::from(passes) / f64::from(windows), f64::from(fails) / f64::from(windows))
    }
}

/// A share of 1 % and three standard errors of it.
fn one_percent(windows: u32) -> f64 {
    0.01 + 3.0 * (0.01 * 0.99 / f64::from(windows)).sqrt()
}

#[test]
fn simulated_windows_are_what_they_are_to_be() {
    let misses = Misses { share: 0.2, length: 7.0 };
    let mut rng = Pcg64::seed_from_u64(1);
    let windows: Vec<Clustered> = (0..200).map(|_| misses.window(&mut rng, 100)).collect();
    let missed: u64 = windows.iter().map(|seen| seen.misses).sum();
    let beats: u64 = windows.iter().map(|seen| seen.n).sum();
    let share = missed as f64 / beats as f64;
    assert!((share / 0.2 - 1.0).abs() < 0.05, "{share}");
    // (1 + ρ) ÷ (1 − ρ), with ρ = 1 − 1/7 − 1/28, of windows that show it well.
    let effects = windows.iter().filter_map(|seen| seen.effect);
    let effect = effects.sum::<f64>() / windows.len() as f64;
    assert!((8.0..16.0).contains(&effect), "{effect}");
}

#[test]
fn at_the_objective_one_in_a_hundred_is_certified_falsely_at_most() {
    const WINDOWS: u32 = 2_000;
    let most = one_percent(WINDOWS);
    let at = |objective: f64, length: f64| match length {
        1.0 => Misses::independent(1.0 - objective),
        _ => Misses { share: 1.0 - objective, length },
    };
    for (objective, length, beats) in [
        // Days of beats every 15, 30 and 60 s.
        (0.95, 1.0, 2_880),
        (0.95, 5.0, 2_880),
        (0.95, 5.0, 5_760),
        (0.95, 10.0, 1_440),
        (0.95, 10.0, 5_760),
        (0.95, 30.0, 2_880),
        (0.95, 30.0, 5_760),
        (0.90, 5.0, 1_440),
        (0.90, 10.0, 2_880),
        (0.90, 30.0, 1_440),
        (0.90, 30.0, 5_760),
        (0.90, 60.0, 2_880),
        (0.99, 10.0, 5_760),
        // Short windows, and long ones.
        (0.90, 1.0, 300),
        (0.95, 10.0, 600),
        (0.95, 60.0, 600),
        (0.95, 60.0, 17_280),
        (0.99, 10.0, 17_280),
        (0.99, 30.0, 17_280),
    ] {
        let (passes, fails) = at(objective, length).certified(7, objective, beats, WINDOWS);
        let case = format!("{objective}, outages of {length}, {beats} beats");
        assert!(passes <= most, "{case}: {passes} pass");
        assert!(fails <= most, "{case}: {fails} fail");
    }
}

#[test]
fn away_from_the_objective_nearly_all_are_certified() {
    for (misses, beats) in [
        (Misses::independent(0.001), 2_880),
        (Misses::independent(0.01), 2_880),
        (Misses::independent(0.02), 2_880),
        (Misses { share: 0.01, length: 3.0 }, 5_760),
    ] {
        let (passes, _) = misses.certified(8, 0.95, beats, 300);
        assert!(passes >= 0.95, "{misses:?}: {passes} pass");
    }
    for (misses, beats) in [
        (Misses::independent(0.1), 600),
        (Misses::independent(0.5), 300),
        (Misses { share: 0.2, length: 10.0 }, 2_880),
        (Misses { share: 0.9, length: 10.0 }, 600),
    ] {
        let (_, fails) = misses.certified(9, 0.95, beats, 300);
        assert!(fails >= 0.95, "{misses:?}: {fails} fail");
    }
}
