//! The verdict on a probe's beats, over a sliding window.
//!
//! Owns what a window of beats amounts to: beats fail in bursts, so their number overstates what
//! they tell, and the verdict is taken on the effective number. Keeps counts by block, never beats.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    Judge, Judgement, Metric, RISK, Slo, State,
    blocks::{BLOCK, Block, Tally},
    certify::{certify_shares, minimum_n},
};

/// How one threshold, or all of them jointly, stands in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Whose standing: a threshold's, or if absent that of good exchanges, which meet them all.
    pub metric: Option<Metric>,
    /// The share that must be met.
    pub objective: f64,
    /// Judged beats in the window.
    pub n: u64,
    /// Those that missed.
    pub misses: u64,
    /// By how much the beats count for less than as many independent ones; at least 1.
    pub design_effect: f64,
    /// The verdict.
    pub state: State,
}

/// The sliding verdict of one probe of one subject under one SLO.
#[derive(Clone, Debug)]
pub struct Continuous {
    slo: Arc<Slo>,
    /// What one beat stands for in the window.
    interval: Duration,
    closed: VecDeque<Block>,
    open: Block,
    /// Of the last evaluation: the joint standing, then each threshold's in the SLO's order.
    standings: Vec<Standing>,
    state: State,
}

impl Continuous {
    /// A verdict without beats, on a probe that beats once an `interval`. It holds a few bytes for
    /// each 30 beats of the SLO's window, whatever the traffic.
    pub fn new(slo: Arc<Slo>, interval: Duration) -> Self {
        let lanes = 1 + slo.thresholds.len();
        Self {
            slo,
            interval,
            closed: VecDeque::new(),
            open: Block::new(lanes),
            standings: Vec::new(),
            state: State::NotEnoughData,
        }
    }

    /// Takes in a judged beat, due at a time in nanoseconds since the Unix epoch. Each 30th beat
    /// closes a block and is followed by the one evaluation of it, whose result is returned.
    pub fn push(&mut self, due_unix_nanos: i64, judgement: &Judgement) -> Option<State> {
        let joint = judgement.bad.is_none();
        self.open.push(due_unix_nanos, std::iter::once(&joint).chain(&judgement.met));
        if !self.open.is_full() {
            return None;
        }
        let lanes = 1 + self.slo.thresholds.len();
        self.closed.push_back(std::mem::replace(&mut self.open, Block::new(lanes)));
        self.forget();
        self.evaluate();
        Some(self.state)
    }

    /// The last verdict.
    pub fn state(&self) -> State {
        self.state
    }

    /// Judged beats in the window at the last verdict.
    pub fn n(&self) -> u64 {
        self.standings.first().map_or(0, |joint| joint.n)
    }

    /// Beats that were not good, in the window at the last verdict.
    pub fn misses(&self) -> u64 {
        self.standings.first().map_or(0, |joint| joint.misses)
    }

    /// What the last verdict rests on: the joint standing first, then each threshold's. Empty
    /// before the first verdict.
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// Drops the blocks that began before the window, which ends with the latest beat.
    fn forget(&mut self) {
        let end = self.closed.iter().map(Block::last_due).max().unwrap_or(i64::MIN);
        let window = i64::try_from(self.slo.window.as_nanos()).unwrap_or(i64::MAX);
        let start = end.saturating_sub(window);
        // Blocks close in the order of their beats' ends, so nearly in that of their due times:
        // a straggler waits for those before it.
        while self.closed.front().is_some_and(|block| block.first_due() <= start) {
            self.closed.pop_front();
        }
    }

    fn evaluate(&mut self) {
        let slo = Arc::clone(&self.slo);
        let joint = (None, slo.objective);
        let thresholds = slo.thresholds.iter().map(|bound| (Some(bound.metric), bound.objective));
        self.standings = std::iter::once(joint)
            .chain(thresholds)
            .enumerate()
            .map(|(lane, (metric, objective))| self.standing(lane, metric, objective))
            .collect();
        self.state = match slo.judge {
            Judge::Joint => self.standings[0].state,
            Judge::Each => {
                self.standings[1..].iter().map(|lane| lane.state).fold(State::Pass, State::worse)
            }
        };
    }

    fn standing(&self, lane: usize, metric: Option<Metric>, objective: f64) -> Standing {
        let tally = Tally::of(self.closed.iter().map(|block| block.misses(lane)));
        let design_effect = tally.design_effect();
        let state = match design_effect {
            Some(effect) if self.covered() => decide(&tally, effect, objective),
            _ => State::NotEnoughData,
        };
        let (n, misses) = (tally.n(), tally.misses());
        let design_effect = design_effect.unwrap_or(1.0);
        Standing { metric, objective, n, misses, design_effect, state }
    }

    /// Whether the beats stand for at least half the window.
    fn covered(&self) -> bool {
        let beats = self.closed.len() as u128 * u128::from(BLOCK);
        2 * beats * self.interval.as_nanos() >= self.slo.window.as_nanos()
    }
}

/// The verdict on a tally whose beats count for `effect` times fewer.
fn decide(tally: &Tally, effect: f64, objective: f64) -> State {
    let (n, misses) = (tally.n() as f64 / effect, tally.misses() as f64 / effect);
    match minimum_n(objective, 0) {
        Some(least) if n >= least as f64 => certify_shares(n, misses, objective, RISK),
        _ => State::NotEnoughData,
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;
    use crate::verdict::{Cause, Threshold, certify};

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
        beats
            .enumerate()
            .filter_map(|(beat, met)| verdict.push(due(beat), &judged(&[met])))
            .collect()
    }

    #[test]
    fn one_look_per_block() {
        let mut verdict = verdict(240, Judge::Each, &[0.95]);
        assert_eq!((verdict.state(), verdict.n()), (State::NotEnoughData, 0));
        let states = push(&mut verdict, 0, std::iter::repeat_n(true, 149));
        // 90 beats would do for h(0), but half the window is 120.
        let [missing, pass] = [State::NotEnoughData, State::Pass];
        assert_eq!(states, [missing, missing, missing, pass]);
        assert_eq!((verdict.n(), verdict.misses(), verdict.state()), (120, 0, pass));
    }

    #[test]
    fn a_window_too_short_for_its_objective_never_decides() {
        let mut verdict = verdict(60, Judge::Each, &[0.95]);
        let states = push(&mut verdict, 0, std::iter::repeat_n(false, 600));
        assert!(states.iter().all(|state| *state == State::NotEnoughData));
        assert_eq!(verdict.n(), 60, "memory is bounded by the window");
    }

    #[test]
    fn the_window_slides() {
        let mut verdict = verdict(120, Judge::Each, &[0.95]);
        assert_eq!(push(&mut verdict, 0, std::iter::repeat_n(false, 120)).pop(), Some(State::Fail));
        let later = push(&mut verdict, 120, std::iter::repeat_n(true, 120));
        assert_eq!(later.last(), Some(&State::Pass));
        assert_eq!((verdict.n(), verdict.misses()), (120, 0));
    }

    #[test]
    fn beats_of_before_a_long_pause_are_forgotten() {
        let mut verdict = verdict(120, Judge::Each, &[0.95]);
        push(&mut verdict, 0, std::iter::repeat_n(true, 120));
        let later = push(&mut verdict, 10_000, std::iter::repeat_n(true, 30));
        assert_eq!(later, [State::NotEnoughData]);
        assert_eq!(verdict.n(), 30);
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
            assert_eq!(verdict.standings().len(), 3);
            assert_eq!((verdict.n(), verdict.misses()), (6000, 480));
            assert_eq!(verdict.standings()[1].misses, 240);
        }
    }

    /// Verdicts on many windows of their own, one look each.
    fn looks<R: Rng>(
        rng: &mut R,
        mut window: impl FnMut(&mut R) -> Vec<bool>,
    ) -> (usize, usize, usize) {
        let (mut passes, mut fails) = (0, 0);
        const WINDOWS: usize = 1000;
        for _ in 0..WINDOWS {
            let beats = window(rng);
            let mut verdict = verdict(beats.len() as u32, Judge::Each, &[0.95]);
            match push(&mut verdict, 0, beats.into_iter()).pop() {
                Some(State::Pass) => passes += 1,
                Some(State::Fail) => fails += 1,
                _ => {}
            }
        }
        (passes, fails, WINDOWS)
    }

    #[test]
    fn independent_beats_at_the_objective_are_not_certified() {
        let mut rng = Pcg64::seed_from_u64(11);
        let (passes, fails, windows) =
            looks(&mut rng, |rng| (0..600).map(|_| rng.random_bool(0.95)).collect());
        assert!(passes * 100 <= windows, "{passes} of {windows} pass");
        assert!(fails * 100 <= windows, "{fails} of {windows} fail");
    }

    #[test]
    fn independent_beats_away_from_the_objective_are() {
        let mut rng = Pcg64::seed_from_u64(12);
        let (passes, _, windows) =
            looks(&mut rng, |rng| (0..600).map(|_| rng.random_bool(0.99)).collect());
        assert!(passes * 10 >= windows * 9, "{passes} of {windows} pass");
        let (_, fails, windows) =
            looks(&mut rng, |rng| (0..600).map(|_| rng.random_bool(0.88)).collect());
        assert!(fails * 10 >= windows * 9, "{fails} of {windows} fail");
    }

    /// Beats of a target that is down for ten beats at a time, 5 % of the time on the whole.
    fn bursts<R: Rng>(rng: &mut R) -> Vec<bool> {
        let mut down = rng.random_bool(0.05);
        let beat = |_| {
            let met = !down;
            down = if down { !rng.random_bool(0.1) } else { rng.random_bool(0.1 * 0.05 / 0.95) };
            met
        };
        (0..1920).map(beat).collect()
    }

    #[test]
    fn bursts_are_not_taken_for_many_misses() {
        let mut rng = Pcg64::seed_from_u64(13);
        let mut naive = 0;
        let (passes, fails, windows) = looks(&mut rng, |rng| {
            let beats = bursts(rng);
            let misses = beats.iter().filter(|met| !**met).count();
            let state = certify(beats.len() as u64, misses as u64, 0.95, RISK);
            naive += usize::from(state != State::NotEnoughData);
            beats
        });
        assert!(naive * 10 >= windows * 4, "beats held independent certify {naive} of {windows}");
        // What is left of the error is noise in the design effect itself; `docs/definitions.md`
        // says how much to expect.
        assert!(fails * 20 <= windows, "{fails} of {windows} fail");
        assert!(passes * 20 <= windows, "{passes} of {windows} pass");
    }
}
