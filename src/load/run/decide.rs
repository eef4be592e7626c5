//! When a step of a search is decided.
//!
//! Owns the search's demand that all SLOs are met, and that a window is long enough to have rates.
//! When to look, and at what risk, is [`Looks`]'.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Stamp,
    tally::{Looked, StepTally},
    verdict::{Judge, Looks, Metric, Slo, State, certify, minimum_n},
};

/// The cap where a scenario sets none, in units of the fewest exchanges that could pass: five looks
/// beyond the first. What they cannot decide lies so near to the edge that the search need not
/// know.
const CAP: f64 = 7.6;

/// The window must be so many median exchanges long, as a valid step's.
const EXCHANGES: u32 = 2;

/// A pass that comes too early is looked for again at so many times as many exchanges.
const AGAIN: f64 = 1.5;

/// Longest time for which a pass is held back.
const LONGEST: Duration = Duration::from_secs(60);

/// Decides one step of a search under its SLOs, all of which are to be met.
#[derive(Clone, Debug)]
pub(super) struct Decider {
    slos: Vec<(Arc<Slo>, Looks)>,
    /// Most exchanges that are judged.
    cap: u64,
    /// How long the window must be before a pass is believed.
    settles: Duration,
    /// Judged so far.
    judged: u64,
    /// No look before so many.
    not_before: u64,
}

impl Decider {
    /// Decides under `slos`, with at most `cap` exchanges.
    pub(super) fn new(slos: &[Arc<Slo>], cap: Option<u64>) -> Self {
        let objectives = slos.iter().flat_map(|slo| lanes(slo)).map(|(_, objective)| objective);
        // An objective of 100 % is never certified: such a step can only fail.
        let first = objectives.filter_map(|objective| minimum_n(objective, 0)).max().unwrap_or(1);
        let cap = cap.unwrap_or_else(|| (first as f64 * CAP).ceil() as u64).max(1);
        Self::with(slos, cap)
    }

    /// As [`Self::new`] for an open loop of `rate`, whose search is to be as precise as
    /// `precision`.
    ///
    /// A rate a little above what the server bears makes its queue grow for a while before any
    /// request misses: for `threshold ÷ excess`. So no pass is believed before the smallest excess
    /// that matters would have shown, while a failure is one at any time.
    pub(super) fn at_rate(slos: &[Arc<Slo>], cap: Option<u64>, rate: f64, precision: f64) -> Self {
        let waits = |metric| matches!(metric, Metric::Ttft | Metric::Ttfo | Metric::E2e);
        let thresholds = slos.iter().flat_map(|slo| &slo.thresholds);
        let wait = thresholds.filter(|one| waits(one.metric)).map(|one| one.max).max();
        let seconds = wait.unwrap_or_default().as_secs_f64() / precision.max(f64::MIN_POSITIVE);
        let settles = LONGEST.min(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST));
        let decider = Self::new(slos, cap);
        // So many come due meanwhile, and a look more.
        let meanwhile = (rate * settles.as_secs_f64() * AGAIN).ceil() as u64;
        let decider = match cap {
            Some(_) => decider,
            None => Self::with(slos, decider.cap.max(meanwhile)),
        };
        Self { settles, ..decider }
    }

    fn with(slos: &[Arc<Slo>], cap: u64) -> Self {
        let looks = |slo: &Arc<Slo>| (Arc::clone(slo), Looks::of(slo, cap));
        let slos = slos.iter().map(looks).collect();
        Self { slos, cap, settles: Duration::ZERO, judged: 0, not_before: 0 }
    }

    /// Most exchanges that are judged.
    pub(super) fn cap(&self) -> u64 {
        self.cap
    }

    /// An exchange was judged, of a window that opened at `opened`: the verdict, if it is time to
    /// look and there is one.
    pub(super) fn ended(
        &mut self,
        tally: &StepTally,
        opened: Option<Stamp>,
        now: Stamp,
    ) -> Option<State> {
        self.judged += 1;
        let next = self.slos.iter().filter_map(|(_, looks)| looks.next_at()).min()?;
        if self.judged < next.max(self.not_before) {
            return None;
        }
        let window = opened.map(|opened| now.since(opened))?;
        let exchange = tally.quantile(Metric::E2e, 0.5);
        if exchange.is_some_and(|exchange| window < exchange.saturating_mul(EXCHANGES)) {
            // A step that ended here would have no rates: the look waits.
            return None;
        }
        self.look(&tally.look(), window)
    }

    /// One look, in a window that is so long.
    fn look(&mut self, looked: &Looked, window: Duration) -> Option<State> {
        let mut slos = self.slos.clone();
        for ((slo, looks), misses) in slos.iter_mut().zip(&looked.misses) {
            looks.look_slo(slo, looked.n, misses);
        }
        let states = slos.iter().map(|(_, looks)| looks.state());
        let state = states.reduce(State::worse).unwrap_or_default();
        if state == State::Pass && window < self.settles {
            // Forgotten: nothing is certified by it, so it has cost no risk.
            self.not_before = (self.judged as f64 * AGAIN).ceil() as u64;
            return None;
        }
        self.slos = slos;
        (state != State::NotEnoughData).then_some(state)
    }

    /// The verdict over all that was judged, what was in flight at the last look included, of a
    /// step that a look had `found` so. The fast end first: a pass that was found early must hold.
    pub(super) fn verdict(&self, found: Option<State>, looked: &Looked) -> State {
        let states = self.slos.iter().zip(&looked.misses).flat_map(|((slo, looks), misses)| {
            let state = |(lane, objective)| {
                let misses = *misses.get::<usize>(lane)?;
                // The look at the cap was not taken: this one takes its part of the risk.
                Some(certify(looked.n, misses, objective, looks.risk()))
            };
            lanes(slo).filter_map(state)
        });
        let last = states.reduce(State::worse).unwrap_or_default();
        found.map_or(last, |found| found.worse(last))
    }

    /// Misses ÷ the misses that the objective allows of as many exchanges, of the threshold that is
    /// worst off.
    pub(super) fn misses_to_allowed(&self, looked: &Looked) -> f64 {
        let n = looked.n as f64;
        let ratios = self.slos.iter().zip(&looked.misses).flat_map(|((slo, _), misses)| {
            lanes(slo).filter_map(move |(lane, objective)| {
                let misses = *misses.get(lane)? as f64;
                // An objective of 100 % allows none, and none of none is met.
                Some(if misses > 0.0 { misses / (n * (1.0 - objective)) } else { 0.0 })
            })
        });
        // Nothing that was judged has met anything.
        if looked.n == 0 { f64::INFINITY } else { ratios.fold(0.0, f64::max) }
    }
}

/// What the verdict under `slo` rests on: places in [`Looked::misses`], and the objective of each.
fn lanes(slo: &Slo) -> impl Iterator<Item = (usize, f64)> {
    let joint = (slo.judge == Judge::Joint).then_some((0, slo.objective));
    let each = (slo.judge == Judge::Each)
        .then(|| (1..).zip(slo.thresholds.iter().map(|threshold| threshold.objective)));
    joint.into_iter().chain(each.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Threshold;

    fn slo(judge: Judge, objectives: &[f64]) -> Arc<Slo> {
        let thresholds = objectives
            .iter()
            .zip(Metric::ALL)
            .map(|(objective, metric)| Threshold {
                metric,
                max: Duration::from_secs(1),
                objective: *objective,
            })
            .collect();
        let (name, window) = ("s".into(), Duration::from_secs(3_600));
        Arc::new(Slo { name, thresholds, objective: 0.95, window, judge, pack: None })
    }

    fn looked(n: u64, misses: &[u64]) -> Looked {
        Looked { n, misses: vec![misses.to_vec()], ..Looked::default() }
    }

    #[test]
    fn the_strictest_objective_sets_the_cap() {
        let cap = |objectives: &[f64]| Decider::new(&[slo(Judge::Each, objectives)], None).cap();
        assert_eq!((cap(&[0.95]), cap(&[0.9, 0.99]), cap(&[1.0])), (684, 3_489, 8));
        let never = Decider::new(&[slo(Judge::Each, &[1.0])], Some(50));
        assert_eq!(never.cap(), 50);
        assert_eq!(never.verdict(None, &looked(50, &[1, 1])), State::Fail);
    }

    #[test]
    fn a_pass_waits_until_an_excess_would_have_shown() {
        let slos = [slo(Judge::Each, &[0.95])];
        // One second of waiting at an excess of 5 % builds up in 20 s: 2,000 requests and more.
        let mut decider = Decider::at_rate(&slos, None, 100.0, 0.05);
        assert_eq!((decider.settles, decider.cap()), (Duration::from_secs(20), 3_000));
        let seconds = Duration::from_secs;
        decider.judged = 500;
        assert_eq!(decider.look(&looked(500, &[0, 0]), seconds(5)), None);
        assert_eq!(decider.not_before, 750);
        assert_eq!(decider.look(&looked(750, &[200, 200]), seconds(8)), Some(State::Fail));
        let mut decider = Decider::at_rate(&slos, None, 100.0, 0.05);
        assert_eq!(decider.look(&looked(2_100, &[9, 9]), seconds(21)), Some(State::Pass));
        assert_eq!(Decider::at_rate(&slos, Some(500), 100.0, 0.05).cap(), 500);
        assert_eq!(Decider::at_rate(&slos, None, 100.0, 0.0).settles, LONGEST);
    }

    #[test]
    fn misses_are_held_against_what_is_allowed() {
        let strict = Decider::new(&[slo(Judge::Each, &[1.0, 0.9])], Some(50));
        for (n, misses, ratio) in
            [(100, [0, 0, 0], 0.0), (100, [5, 0, 5], 0.5), (0, [0, 0, 0], f64::INFINITY)]
        {
            let found = strict.misses_to_allowed(&looked(n, &misses));
            assert!(found == ratio || (found - ratio).abs() < 1e-9, "{misses:?} of {n}: {found}");
        }
        assert!(strict.misses_to_allowed(&looked(100, &[1, 1, 0])) > 1e6);
    }

    #[test]
    fn all_slos_are_to_be_met() {
        let slos = [slo(Judge::Each, &[0.95]), slo(Judge::Each, &[0.9])];
        let mut decider = Decider::new(&slos, None);
        let both = |n, one: u64, other: u64| Looked {
            n,
            misses: vec![vec![one, one], vec![other, other]],
            ..Looked::default()
        };
        assert_eq!(
            decider.look(&both(135, 0, 14), Duration::ZERO),
            None,
            "the second is not decided"
        );
        assert_eq!(decider.look(&both(203, 0, 60), Duration::ZERO), Some(State::Fail));
    }

    #[test]
    fn each_threshold_or_all_jointly() {
        let each = Decider::new(&[slo(Judge::Each, &[0.95, 0.95])], None);
        let joint = Decider::new(&[slo(Judge::Joint, &[0.95, 0.95])], None);
        // 2 % miss the one, 2 % the other, 4 % one of them.
        let misses = looked(600, &[24, 12, 12]);
        assert_eq!(each.verdict(None, &misses), State::Pass);
        assert_eq!(joint.verdict(None, &misses), State::NotEnoughData);
        assert!((joint.misses_to_allowed(&misses) - 0.8).abs() < 1e-9);
        assert!((each.misses_to_allowed(&misses) - 0.4).abs() < 1e-9);
        assert_eq!(each.verdict(None, &looked(600, &[90, 12, 90])), State::Fail);
    }

    #[test]
    fn an_early_pass_must_hold_to_the_end_and_a_failure_stays() {
        let decider = Decider::new(&[slo(Judge::Each, &[0.95])], None);
        for (found, n, misses, verdict) in [
            (Some(State::Pass), 210, 0, State::Pass),
            (Some(State::Pass), 210, 6, State::NotEnoughData),
            (Some(State::Fail), 400, 2, State::Fail),
            (None, 400, 2, State::Pass),
            (None, 400, 20, State::NotEnoughData),
            (None, 400, 80, State::Fail),
        ] {
            let looked = looked(n, &[misses, misses]);
            assert_eq!(decider.verdict(found, &looked), verdict, "{found:?} then {misses}/{n}");
        }
    }
}
