//! What the exchanges of one step share while it is driven.
//!
//! Owns the begin and the end of each exchange, and with them the step's course, its tally, and
//! why it ends. An exchange becomes numbers of the tally and is dropped: nothing here grows with
//! the number of requests. One lock, taken a few times an exchange and never per token.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tokio_util::sync::CancellationToken;

use super::{
    beside::Warmed,
    course::Course,
    decide::Decider,
    failures::Failures,
    ground::{Bell, Ground},
    seeds::{Draw, seed},
};
use crate::{
    client::Text,
    clock::Stamp,
    event::{RunKey, RunSink},
    tally::{Ended, Looked, Phase, StepTally},
    timeline::{Exchange, Outcome},
    verdict::{self, Metric},
    workload::{RequestPlan, Seat, Session, Sizing, Turn, Workload},
};

/// Why a step begins no more exchanges.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// Its number or its time is reached, or its schedule is over.
    Full,
    /// The verdict of a search is certified.
    Decided(verdict::State),
    /// A stop rule holds: which, in words.
    Rule(String),
    /// Nothing has succeeded.
    Hopeless,
    /// The target's budget is spent.
    Budget,
    /// The run was halted.
    Halted,
}

/// What is known of a step before it begins.
pub(super) struct Matter {
    /// Whose run.
    pub(super) key: Arc<RunKey>,
    /// Who listens.
    pub(super) sink: Arc<dyn RunSink>,
    /// What is asked.
    pub(super) workload: Arc<Workload>,
    /// How lengths become prompts: one sizing for the whole run. Prompts that are to come again,
    /// and prefixes that are to be shared, must not change their length.
    pub(super) sizing: Sizing,
    /// Seed of the run.
    pub(super) seed: u64,
    /// Number of the step.
    pub(super) step: u32,
}

/// What the exchanges of one step share.
pub(super) struct Drive<G> {
    pub(super) ground: G,
    matter: Matter,
    state: Mutex<State>,
    over: CancellationToken,
    ending: OnceLock<Ending>,
}

/// How far a step is.
struct State {
    course: Course,
    /// Absent once it was taken for the record.
    tally: Option<StepTally>,
    decider: Option<Decider>,
    counts: Counts,
    failures: Failures,
}

/// What has happened in a step, in all phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Exchanges begun.
    pub(super) begun: u64,
    /// Of those, due in the window.
    pub(super) in_window: u64,
    /// Exchanges ended.
    pub(super) ended: u64,
    /// Ended well.
    pub(super) ok: u64,
    /// Failed.
    pub(super) failed: u64,
    /// Output tokens that those which did not end well had asked for: what the server may have made
    /// for nobody.
    pub(super) unanswered_tokens: u64,
}

impl Counts {
    /// Exchanges under way.
    pub(super) fn in_flight(&self) -> u64 {
        self.begun.saturating_sub(self.ended)
    }
}

/// What is left when all exchanges have ended.
pub(super) struct Remains {
    /// The tally.
    pub(super) tally: StepTally,
    /// The counts.
    pub(super) counts: Counts,
    /// What went wrong.
    pub(super) failures: Failures,
    /// Why the step ended.
    pub(super) ending: Ending,
}

impl<G: Ground> Drive<G> {
    /// A drive that has not begun.
    pub(super) fn new(
        ground: G,
        matter: Matter,
        course: Course,
        tally: StepTally,
        decider: Option<Decider>,
    ) -> Arc<Self> {
        let (counts, failures) = (Counts::default(), Failures::default());
        let state = State { course, tally: Some(tally), decider, counts, failures };
        let (over, ending) = (CancellationToken::new(), OnceLock::new());
        Arc::new(Self { ground, matter, state: Mutex::new(state), over, ending })
    }

    /// Draws a session, and its first turn.
    pub(super) fn session(&self, seat: Seat, number: u64) -> Option<(Session, Turn)> {
        let Matter { seed: run, step, workload, sizing, .. } = &self.matter;
        let draw = Draw::Session { user: seat.user, number };
        let mut rng = Pcg64Mcg::seed_from_u64(seed(*run, *step, draw));
        let mut session = workload.open(&mut rng, seat, sizing);
        let first = session.next(None)?;
        Some((session, first))
    }

    /// Begins the exchange that is due at `due`: its phase; absent if there is to be none, because
    /// the step is over.
    pub(super) fn begin(&self, due: Stamp, plan: &RequestPlan) -> Option<Phase> {
        if self.is_over() {
            return None;
        }
        let mut state = self.state();
        if state.course.phase(due).is_none() {
            self.finish(Ending::Full);
            return None;
        }
        if !self.ground.spend(plan.max_tokens.into()) {
            self.finish(Ending::Budget);
            return None;
        }
        let phase = state.course.begin(due)?;
        state.counts.begun += 1;
        state.counts.in_window += u64::from(phase == Phase::Window);
        if let Some(tally) = &mut state.tally {
            tally.due(due, phase);
        }
        if state.course.is_full() {
            self.finish(Ending::Full);
        }
        Some(phase)
    }

    /// An exchange has ended.
    pub(super) fn ended(&self, ended: Ended<'_>) {
        let outcome = ended.exchange.outcome;
        self.matter.sink.exchange(&self.matter.key, outcome);
        let mut state = self.state();
        let State { tally, counts, failures, decider, course } = &mut *state;
        counts.ended += 1;
        counts.ok += u64::from(outcome == Outcome::Ok);
        counts.failed += u64::from(outcome.is_failure());
        if outcome != Outcome::Ok {
            failures.push(ended.exchange);
        }
        let Some(tally) = tally else { return };
        tally.ended(ended);
        // A drained exchange changes no decision: it is in the record's verdict.
        if let Some(decider) = decider
            && ended.phase == Phase::Window
            && outcome.is_measured()
            && !self.is_over()
            && let Some(decided) = decider.ended(tally, course.opened(), self.ground.now())
        {
            self.finish(Ending::Decided(decided));
        }
    }

    /// A bell was heard: how long it had waited for us, waits of our own making left out.
    pub(super) fn heard(&self, bell: Bell, busy_until: Option<Stamp>) {
        let from = busy_until.map_or(bell.woke, |busy| bell.woke.max(busy));
        let wait = self.ground.now().since(from);
        if let Some(tally) = &mut self.state().tally {
            tally.stalled(wait);
        }
    }

    /// Begins no more. The first reason stands.
    pub(super) fn finish(&self, ending: Ending) {
        // A later reason is none.
        let _ = self.ending.set(ending);
        self.over.cancel();
    }

    /// Whether no more are begun.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Returns when no more are begun.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// Whether the end of the window comes before `due`.
    pub(super) fn is_beyond(&self, due: Stamp) -> bool {
        self.state().course.phase(due).is_none()
    }

    /// When the window closes, if that is known.
    pub(super) fn closes(&self) -> Option<Stamp> {
        self.state().course.closes()
    }

    /// How far the time of the window has run, 0 to 1; absent where time is no limit.
    pub(super) fn elapsed(&self) -> Option<f64> {
        self.state().course.elapsed(self.ground.now())
    }

    /// Whether the window has opened, and whether there was a warm-up before it.
    pub(super) fn opened(&self) -> Option<Warmed> {
        let state = self.state();
        state.course.opened()?;
        let warm = state.counts.begun > state.counts.in_window;
        Some(if warm { Warmed::Up } else { Warmed::Not })
    }

    /// What has happened so far.
    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// What the tally says so far.
    pub(super) fn look(&self) -> Looked {
        self.state().tally.as_ref().map(StepTally::look).unwrap_or_default()
    }

    /// A percentile so far, failures as infinite.
    pub(super) fn quantile(&self, metric: Metric, quantile: f64) -> Option<Duration> {
        self.state().tally.as_ref()?.quantile(metric, quantile)
    }

    /// What is left, to be asked for once, when all exchanges have ended.
    pub(super) fn remains(&self) -> Option<Remains> {
        let mut state = self.state();
        let tally = state.tally.take()?;
        let failures = std::mem::take(&mut state.failures);
        let ending = self.ending.get().cloned().unwrap_or(Ending::Full);
        Some(Remains { tally, counts: state.counts, failures, ending })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever panicked left counts that are off by one at worst.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one exchange that has begun, and returns the text of its answer where that was kept.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        due: Stamp,
        phase: Phase,
        gated: Duration,
        turn: &Turn,
    ) -> Option<String> {
        let kept: Arc<OnceLock<String>> = Arc::default();
        let text = if turn.keeps_answer { Text::Kept } else { Text::Dropped };
        let (drive, keep) = (Arc::clone(self), turn.keeps_answer.then(|| Arc::clone(&kept)));
        let (wanted_input_tokens, wanted_output_tokens) =
            (turn.plan.wanted_input_tokens, turn.plan.wanted_output_tokens);
        let (words, max_tokens) = (turn.plan.words, u64::from(turn.plan.max_tokens));
        let on_close = move |mut exchange: Exchange| {
            let text = exchange.text.take();
            drive.ground.learn(words, &exchange);
            if exchange.outcome != Outcome::Ok {
                drive.state().counts.unanswered_tokens += max_tokens;
            }
            drive.ended(Ended {
                exchange: &exchange,
                phase,
                wanted_input_tokens,
                wanted_output_tokens,
                gated,
            });
            if let (Some(keep), Some(text), Outcome::Ok) = (keep, text, exchange.outcome) {
                // It is closed once.
                let _ = keep.set(text);
            }
        };
        self.ground.exchange(due, &turn.plan, text, on_close).await;
        kept.get().cloned()
    }
}
