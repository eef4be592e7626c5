//! When a step of a search is decided.
//!
//! Owns the schedule of the looks (`docs/definitions.md`, "Verdicts"): a verdict that is looked for
//! after every exchange is falsely found, so it is looked for seldom, and each look takes its part
//! of the risk.

use std::sync::Arc;

use crate::{
    clock::Stamp,
    tally::{Looked, StepTally},
    verdict::{Judge, Metric, RISK, Slo, State, certify, minimum_n},
};

/// The next look comes at so many times as many exchanges.
const GROWTH: f64 = 1.5;

/// Looks up to the cap, where a scenario sets none. What they cannot decide lies so near to the
/// edge that the search need not know.
const LOOKS: i32 = 6;

/// The window must be so many median exchanges long, as a valid step's.
const EXCHANGES: u32 = 2;

/// Decides one step of a search under its SLOs, all of which are to be met.
#[derive(Clone, Debug)]
pub(super) struct Decider {
    slos: Vec<Arc<Slo>>,
    /// The looks before the cap, by number of judged exchanges; ascending.
    looks: Vec<u64>,
    /// The next of them.
    next: usize,
    /// Most exchanges that are judged.
    cap: u64,
    /// Judged so far.
    judged: u64,
}

impl Decider {
    /// Decides under `slos`, with at most `cap` exchanges.
    pub(super) fn new(slos: Vec<Arc<Slo>>, cap: Option<u64>) -> Self {
        let objectives = slos.iter().flat_map(|slo| lanes(slo)).map(|(_, objective)| objective);
        // An objective of 100 % is never certified: such a step can only fail.
        let first = objectives.filter_map(|objective| minimum_n(objective, 0)).max().unwrap_or(1);
        let nth = |k: i32| (first as f64 * GROWTH.powi(k)).ceil() as u64;
        let cap = cap.unwrap_or_else(|| nth(LOOKS - 1)).max(1);
        let looks = (0..).map(nth).take_while(|n| *n < cap).collect();
        Self { slos, looks, next: 0, cap, judged: 0 }
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
        if self.looks.get(self.next) != Some(&self.judged) {
            return None;
        }
        self.next += 1;
        let window = opened.map(|opened| now.since(opened))?;
        let exchange = tally.quantile(Metric::E2e, 0.5);
        if exchange.is_some_and(|exchange| window < exchange.saturating_mul(EXCHANGES)) {
            // A step that ended here would have no rates. The look is lost, which costs no risk.
            return None;
        }
        let state = self.certified(&tally.look());
        (state != State::NotEnoughData).then_some(state)
    }

    /// The verdict over all that was judged, what was in flight at the last look included, of a
    /// step that a look had `found` so. The fast end first: a pass that was found early must hold.
    pub(super) fn verdict(&self, found: Option<State>, looked: &Looked) -> State {
        let last = self.certified(looked);
        found.map_or(last, |found| found.worse(last))
    }

    /// What one look certifies, at its part of the risk.
    fn certified(&self, looked: &Looked) -> State {
        // The last look is the one at the end.
        let risk = RISK / (self.looks.len() + 1) as f64;
        let lanes = self.slos.iter().zip(&looked.misses).flat_map(|(slo, misses)| {
            lanes(slo).filter_map(|(lane, objective)| Some((*misses.get(lane)?, objective)))
        });
        lanes
            .map(|(misses, objective)| certify(looked.n, misses, objective, risk))
            .reduce(State::worse)
            .unwrap_or_default()
    }

    /// Misses ÷ judged of the threshold that is furthest from its objective.
    pub(super) fn miss_ratio(&self, looked: &Looked) -> f64 {
        let lanes = self.slos.iter().zip(&looked.misses).flat_map(|(slo, misses)| {
            lanes(slo).filter_map(|(lane, objective)| Some((*misses.get(lane)?, objective)))
        });
        let n = looked.n.max(1) as f64;
        let ratios = lanes.map(|(misses, objective)| (misses as f64 / n, 1.0 - objective));
        ratios
            .max_by(|one, other| (one.0 - one.1).total_cmp(&(other.0 - other.1)))
            .map_or(1.0, |(ratio, _)| ratio)
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
    use std::time::Duration;

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
        Arc::new(Slo { name, thresholds, objective: 0.95, window, judge })
    }

    fn looked(n: u64, misses: &[u64]) -> Looked {
        Looked { n, misses: vec![misses.to_vec()], ..Looked::default() }
    }

    #[test]
    fn looks_are_seldom_and_share_the_risk() {
        let decider = Decider::new(vec![slo(Judge::Each, &[0.95])], Some(500));
        assert_eq!(decider.looks, [90, 135, 203, 304, 456]);
        // At a sixth of the risk, 90 without a miss do not yet pass.
        assert_eq!(decider.certified(&looked(90, &[0, 0])), State::NotEnoughData);
        assert_eq!(decider.certified(&looked(135, &[0, 0])), State::Pass);
        let uncapped = Decider::new(vec![slo(Judge::Each, &[0.95])], None);
        assert_eq!((uncapped.looks.len(), uncapped.cap()), (5, 684));
    }

    #[test]
    fn the_strictest_objective_sets_the_first_look() {
        let decider = Decider::new(vec![slo(Judge::Each, &[0.9, 0.99])], None);
        assert_eq!(decider.looks[0], 459);
        let never = Decider::new(vec![slo(Judge::Each, &[1.0])], Some(50));
        assert_eq!((never.looks[0], never.cap()), (1, 50));
        assert_eq!(never.certified(&looked(50, &[1, 1])), State::Fail);
    }

    #[test]
    fn each_threshold_or_all_jointly() {
        let each = Decider::new(vec![slo(Judge::Each, &[0.95, 0.95])], None);
        let joint = Decider::new(vec![slo(Judge::Joint, &[0.95, 0.95])], None);
        // 2 % miss the one, 2 % the other, 4 % one of them.
        let misses = looked(600, &[24, 12, 12]);
        assert_eq!(each.certified(&misses), State::Pass);
        assert_eq!(joint.certified(&misses), State::NotEnoughData);
        assert!((joint.miss_ratio(&misses) - 0.04).abs() < 1e-12);
        assert!((each.miss_ratio(&misses) - 0.02).abs() < 1e-12);
        assert_eq!(each.certified(&looked(600, &[90, 12, 90])), State::Fail);
    }

    #[test]
    fn an_early_pass_must_hold_to_the_end_and_a_failure_stays() {
        let decider = Decider::new(vec![slo(Judge::Each, &[0.95])], None);
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
