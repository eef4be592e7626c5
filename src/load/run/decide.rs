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

/// A closed loop has so many rounds of its users at least: in fewer its window is too short.
const ROUNDS: u64 = 4;

/// How long a step of a rate may be where a scenario does not say. Near the limit of a queue the
/// misses of an open loop come and go with it, so that a few hundred exchanges are one lull or one
/// busy spell. It takes minutes to see many of them, as MLPerf's Server asks for ten.
const LONG: Duration = Duration::from_secs(600);

/// The first look comes after this part of that: a lull or a busy spell must not decide.
const FIRST: f64 = 0.5;

/// The precision that takes so long. One twice as coarse has four times the excess to see.
const FINE: f64 = 0.05;

/// The window must be so many median exchanges long, as a valid step's.
const EXCHANGES: u32 = 2;

/// Longest time for which a rate builds up its queue.
const LONGEST: Duration = Duration::from_secs(60);

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
    pub(super) fn of_users(slos: &[Arc<Slo>], cap: Option<u64>, users: u32) -> Self {
        let cap = cap.unwrap_or_else(|| few(slos).max(u64::from(users) * ROUNDS));
        Self::new(slos, cap)
    }

    /// As [`Self::new`] for an open loop of `rate`, whose search is to be as precise as
    /// `precision`, in steps that last no longer than `duration`.
    pub(super) fn at_rate(
        slos: &[Arc<Slo>],
        cap: Option<u64>,
        rate: f64,
        precision: f64,
        duration: Option<Duration>,
    ) -> Self {
        let coarse = (precision / FINE).max(1.0);
        let long = duration.unwrap_or_else(|| LONG.div_f64(coarse * coarse));
        let meanwhile = rate * long.as_secs_f64();
        let decider = match cap {
            Some(cap) => Self::new(slos, cap),
            None => {
                let cap = few(slos).max(meanwhile.ceil() as u64);
                Self::with(slos, cap, (meanwhile * FIRST) as u64)
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
            looks.look_slo(slo, looked.n, misses);
        }
        let states = self.slos.iter().map(|(_, looks)| looks.state());
        let state = states.reduce(State::worse).unwrap_or_default();
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

/// The cap where nothing asks for more.
fn few(slos: &[Arc<Slo>]) -> u64 {
    let objectives = slos.iter().flat_map(|slo| lanes(slo)).map(|(_, objective)| objective);
    // An objective of 100 % is never certified: such a step can only fail.
    let first = objectives.filter_map(|objective| minimum_n(objective, 0)).max().unwrap_or(1);
    (first as f64 * CAP).ceil() as u64
}

/// How long a rate needs until what it does shows. One a little above what the server bears makes
/// its queue grow for a while before any request misses: for `threshold ÷ excess`, of which the
/// smallest excess that matters is the precision.
fn builds(slos: &[Arc<Slo>], precision: f64) -> Duration {
    let waits = |metric| matches!(metric, Metric::Ttft | Metric::Ttfo | Metric::E2e);
    let thresholds = slos.iter().flat_map(|slo| &slo.thresholds);
    let wait = thresholds.filter(|one| waits(one.metric)).map(|one| one.max).max();
    let seconds = wait.unwrap_or_default().as_secs_f64() / precision.max(f64::MIN_POSITIVE);
    LONGEST.min(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST))
}

/// What the verdict under `slo` rests on: places in [`Looked::misses`], and the objective of each.
fn lanes(slo: &Slo) -> impl Iterator<Item = (usize, f64)> {
    let joint = (slo.judge == Judge::Joint).then_some((0, slo.objective));
    let each = (slo.judge == Judge::Each)
        .then(|| (1..).zip(slo.thresholds.iter().map(|threshold| threshold.objective)));
    joint.into_iter().chain(each.into_iter().flatten())
}

#[cfg(test)]
mod tests;
