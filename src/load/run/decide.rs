//! When a step of a search is decided.
//!
//! Owns the search's demand that all SLOs are met, and that a window is long enough to have rates.
//! When to look, and at what risk, is [`Looks`]'.

use std::{sync::Arc, time::Duration};

use crate::{
    analysis::Aim,
    arrival::Search,
    clock::Stamp,
    tally::{Looked, StepTally},
    verdict::{Looks, Metric, Slo, State, minimum_n},
};

/// The cap where a scenario sets none, in units of the fewest exchanges that could pass: twice what
/// a pass takes. What that cannot decide lies so near to the edge that the search need not know.
const CAP: f64 = 12.0;

/// A closed loop has so many rounds of its users at least: in fewer its window is too short.
const ROUNDS: u64 = 4;

/// In a step that is to tell less, so many rounds are enough, and fewer are not needed: it is a
/// matter of a minute or so.
const ENOUGH_ROUNDS: u64 = 60;

/// So many times the misses allowed are not chance: both the misses and how many may have met
/// another are counted in one short step.
const ALONE: f64 = 2.0;

/// The precision that takes the whole time of a step by rate. One twice as coarse has four times the
/// excess to see.
const FINE: f64 = 0.05;

/// The first look comes after this part of a rate's step, once the edge is near: a lull or a busy
/// spell must not decide.
const FIRST: f64 = 0.5;

/// A step of a rate that is to tell less, because the edge is known less well, still lasts so long
/// if it can.
const SHORT: Duration = Duration::from_secs(180);

/// The window must be so many median exchanges long, as a valid step's.
const EXCHANGES: u32 = 2;

/// Decides one step of a search under its SLOs, all of which are to be met.
#[derive(Clone, Debug)]
pub(super) struct Decider {
    slos: Vec<(Arc<Slo>, Looks)>,
    /// Most exchanges that are judged.
    cap: u64,
    builds: Duration,
    /// Judged so far.
    judged: u64,
}

impl Decider {
    /// Decides under `slos`, with at most `cap` exchanges.
    pub(super) fn new(slos: &[Arc<Slo>], cap: u64) -> Self {
        Self::with(slos, cap, 0)
    }

    /// As [`Self::new`], with no look before `first` exchanges.
    fn with(slos: &[Arc<Slo>], cap: u64, first: u64) -> Self {
        let looks = |slo: &Arc<Slo>| (Arc::clone(slo), Looks::of(slo, cap).not_before(first));
        let slos = slos.iter().map(looks).collect();
        Self { slos, cap, builds: Duration::ZERO, judged: 0 }
    }

    /// As [`Self::new`] for a closed loop of `users`.
    pub(super) fn of_users(slos: &[Arc<Slo>], cap: Option<u64>, users: u32, aim: Aim) -> Self {
        let users = u64::from(users);
        let (least, most) = few(slos);
        let cap = cap.unwrap_or_else(|| match aim {
            Aim::Side => (users * ENOUGH_ROUNDS).clamp(least, most).max(users * ROUNDS),
            Aim::Within(_) => most.max(users * ROUNDS),
        });
        Self::new(slos, cap)
    }

    /// As [`Self::new`] for an open loop of `rate`, of a search that is to be as precise as
    /// `precision` in steps that last no longer than `duration`.
    pub(super) fn at_rate(
        slos: &[Arc<Slo>],
        cap: Option<u64>,
        rate: f64,
        aim: Aim,
        precision: f64,
        duration: Option<Duration>,
    ) -> Self {
        let longest =
            duration.unwrap_or_else(|| Search::LONG.mul_f64(share_of_time(FINE, precision)));
        let (least, most) = few(slos);
        let (long, first, few) = match aim {
            Aim::Side => (Duration::ZERO, 0.0, least),
            Aim::Within(off) => (longest.mul_f64(share_of_time(precision, off)), FIRST, most),
        };
        let long = long.max(SHORT).min(longest).as_secs_f64();
        let decider = match cap {
            Some(cap) => Self::new(slos, cap),
            None => {
                let cap = few.max((rate * long).ceil() as u64);
                Self::with(slos, cap, (rate * long * first) as u64)
            }
        };
        Self { builds: builds(slos, precision), ..decider }
    }

    /// Most exchanges that are judged.
    pub(super) fn cap(&self) -> u64 {
        self.cap
    }

    /// How long the load is to be on before it is judged.
    pub(super) fn builds(&self) -> Duration {
        self.builds
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
        if self.judged < self.next_look()? {
            return None;
        }
        let window = opened.map(|opened| now.since(opened))?;
        let exchange = tally.typical(Metric::E2e);
        if exchange.is_some_and(|exchange| window < exchange.saturating_mul(EXCHANGES)) {
            // A step that ended here would have no rates: the look waits.
            return None;
        }
        self.look(&tally.look())
    }

    /// Exchanges at the next look; absent once it is decided.
    fn next_look(&self) -> Option<u64> {
        self.slos.iter().filter_map(|(_, looks)| looks.next_at()).min()
    }

    /// One look.
    fn look(&mut self, looked: &Looked) -> Option<State> {
        for ((slo, looks), misses) in self.slos.iter_mut().zip(&looked.misses) {
            looks.look(slo.rests_on(misses));
        }
        let states = self.slos.iter().map(|(_, looks)| looks.state());
        let state = states.reduce(State::worse).unwrap_or_default();
        (state != State::NotEnoughData).then_some(state)
    }

    /// The verdict over all that was judged, what was in flight at the last look included, of a
    /// step that a look had `found` so. The fast end first: a pass that was found early must hold.
    pub(super) fn verdict(&self, found: Option<State>, looked: &Looked) -> State {
        // The look at the cap was not taken: this one takes its part of the risk.
        let all = self.slos.iter().zip(&looked.misses);
        let last = all
            .map(|((slo, looks), misses)| looks.last(slo.rests_on(misses)))
            .reduce(State::worse)
            .unwrap_or_default();
        found.map_or(last, |found| found.worse(last))
    }

    /// Misses ÷ the misses that the objective allows of as many exchanges, of the threshold that is
    /// worst off.
    pub(super) fn misses_to_allowed(&self, looked: &Looked) -> f64 {
        self.ratio(looked, 0.0)
    }

    /// Whether exchanges that met no other missed clearly more than the objective allows of all, if
    /// `met_others` is the largest share of those that did.
    pub(super) fn missed_alone(&self, looked: &Looked, met_others: f64) -> bool {
        looked.n > 0 && self.ratio(looked, met_others) > ALONE
    }

    /// As [`Self::misses_to_allowed`], with this share of all exchanges let off.
    fn ratio(&self, looked: &Looked, let_off: f64) -> f64 {
        let ratios = self.slos.iter().zip(&looked.misses).flat_map(|((slo, _), misses)| {
            slo.objectives().into_iter().zip(slo.rests_on(misses)).map(|(objective, seen)| {
                let misses = (seen.misses as f64 - let_off * seen.n as f64).max(0.0);
                // An objective of 100 % allows none, and none of none is met.
                if misses > 0.0 { misses / (seen.n as f64 * (1.0 - objective)) } else { 0.0 }
            })
        });
        // Nothing that was judged has met anything.
        if looked.n == 0 { f64::INFINITY } else { ratios.fold(0.0, f64::max) }
    }
}

/// The cap where time asks for no more: the fewest exchanges that tell anything, and as many as it
/// takes to certify.
fn few(slos: &[Arc<Slo>]) -> (u64, u64) {
    let objectives = slos.iter().flat_map(|slo| slo.objectives());
    // An objective of 100 % is never certified: such a step can only fail.
    let first = objectives.filter_map(|objective| minimum_n(objective, 0)).max().unwrap_or(1);
    (first, (first as f64 * CAP).ceil() as u64)
}

/// The part of the time for `fine` that it takes to see what is off by `coarse`.
fn share_of_time(fine: f64, coarse: f64) -> f64 {
    (fine / coarse.max(f64::MIN_POSITIVE)).min(1.0).powi(2)
}

/// How long a rate needs until what it does shows. One a little above what the server bears makes
/// its queue grow for a while before any request misses: for `threshold ÷ excess`, of which the
/// smallest excess that matters is the precision.
fn builds(slos: &[Arc<Slo>], precision: f64) -> Duration {
    let waits = |metric| matches!(metric, Metric::Ttft | Metric::Ttfo | Metric::E2e);
    let thresholds = slos.iter().flat_map(|slo| &slo.thresholds);
    let wait = thresholds.filter(|one| waits(one.metric)).map(|one| one.max).max();
    let seconds = wait.unwrap_or_default().as_secs_f64() / precision.max(f64::MIN_POSITIVE);
    Search::BUILDS.min(Duration::try_from_secs_f64(seconds).unwrap_or(Search::BUILDS))
}

#[cfg(test)]
mod tests;
