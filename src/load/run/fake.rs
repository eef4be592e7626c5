//! A ground for tests: tokio's paused clock and scripted exchanges.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{
    Halt,
    beside::Witness,
    decide::Decider,
    ground::{Alarm, Bell, Ground, Waiting},
    step::{Common, Done, StepPlan, step},
};
use crate::{
    arrival::{Arrival, Load},
    client::Text,
    clock::{Stamp, Wall},
    config::{Requests, Scenario},
    event::{RunKey, RunSink},
    load::own_beats::Beaten,
    timeline::{Exchange, Outcome, Recorder, Timeline, TokenEvent, TokenKind},
    verdict::Slo,
    workload::{RequestPlan, Sizing, Workload},
};

pub(super) const MS: Duration = Duration::from_millis(1);

/// What becomes of an exchange.
#[derive(Clone, Copy)]
pub(super) struct Scripted {
    pub(super) takes: Duration,
    pub(super) outcome: Outcome,
}

/// All are ok, after `takes`.
pub(super) fn ok(takes: Duration) -> impl Fn(u64) -> Scripted + Send + Sync + 'static {
    move |_| Scripted { takes, outcome: Outcome::Ok }
}

/// What was seen of an exchange; times from the start of the test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) due: Duration,
    pub(super) began: Duration,
    /// In flight when it began, itself included.
    pub(super) in_flight: u64,
    /// Messages of its prompt.
    pub(super) messages: usize,
}

/// What the ground and the test share.
pub(super) struct Script {
    script: Box<dyn Fn(u64) -> Scripted + Send + Sync>,
    seen: Mutex<Vec<Seen>>,
    ended: AtomicU64,
    budget: AtomicU64,
    /// How late every bell is heard.
    lag: Duration,
}

pub(super) struct Fake {
    script: Arc<Script>,
    start: Instant,
}

impl Fake {
    fn zero() -> Stamp {
        Stamp::from_nanos(1_000_000_000)
    }

    fn instant(&self, at: Stamp) -> Instant {
        self.start + at.since(Self::zero())
    }
}

pub(super) struct Dues {
    dues: Box<dyn Iterator<Item = Stamp> + Send>,
    next: Option<Stamp>,
    start: Instant,
    lag: Duration,
}

impl Alarm for Dues {
    async fn next(&mut self) -> Option<Bell> {
        if self.next.is_none() {
            self.next = self.dues.next();
        }
        let due = self.next?;
        sleep_until(self.start + due.since(Fake::zero()) + self.lag).await;
        self.next = None;
        Some(Bell { due, woke: due })
    }
}

impl Ground for Fake {
    type Alarm = Dues;

    fn now(&self) -> Stamp {
        Self::zero().after(self.start.elapsed())
    }

    fn alarm(&self, dues: impl Iterator<Item = Stamp> + Send + 'static, _: Waiting) -> Dues {
        Dues { dues: Box::new(dues), next: None, start: self.start, lag: self.script.lag }
    }

    async fn exchange(
        &self,
        due: Stamp,
        plan: &RequestPlan,
        text: Text,
        on_close: impl FnOnce(Exchange) + Send + 'static,
    ) {
        let mut recorder = Recorder::open(Timeline::new(due, 2), on_close);
        let began = self.now();
        let number = {
            let mut seen = self.script.seen.lock().expect("no panic");
            let number = seen.len() as u64;
            let in_flight = number + 1 - self.script.ended.load(Ordering::Relaxed);
            let since = |at: Stamp| at.since(Self::zero());
            let messages = plan.messages.len();
            seen.push(Seen { due: since(due), began: since(began), in_flight, messages });
            number
        };
        let Scripted { takes, outcome } = (self.script.script)(number);
        let timeline = recorder.timeline();
        (timeline.sent_start, timeline.attempt_start) = (Some(began), Some(began));
        sleep_until(self.instant(began) + takes).await;
        let ended = self.now();
        let timeline = recorder.timeline();
        if outcome == Outcome::Ok {
            let kind = TokenKind::Text;
            timeline.tokens.push(TokenEvent { at: ended, read_delay: None, kind, read: 0 });
        }
        timeline.end = Some(ended);
        self.script.ended.fetch_add(1, Ordering::Relaxed);
        let text = (text == Text::Kept).then(|| "an answer".to_owned());
        recorder.close(outcome, Some("scripted".to_owned()), text);
    }

    fn spend(&self, _: u64) -> bool {
        let spend = |left: u64| left.checked_sub(1);
        self.script.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }

    fn beaten(&self) -> Beaten {
        Beaten::default()
    }

    fn learn(&self, _: u32, _: &Exchange) {}
}

/// Listens to nothing.
pub(super) struct Deaf;

impl RunSink for Deaf {}

/// A step under test.
pub(super) struct Stand {
    pub(super) scenario: Scenario,
    pub(super) slos: Vec<Arc<Slo>>,
    pub(super) halt: Halt,
    pub(super) budget: u64,
    pub(super) lag: Duration,
    pub(super) decider: Option<Decider>,
    pub(super) workload: Workload,
    pub(super) witness: Option<Arc<dyn Witness>>,
}

impl Default for Stand {
    fn default() -> Self {
        let (slos, halt) = (Vec::new(), Halt::default());
        let workload = Workload::fixed("Say yes.", 1);
        let scenario = Scenario::of("scenario", workload.clone(), Load::Levels(Vec::new()));
        let (budget, lag, decider) = (u64::MAX, Duration::ZERO, None);
        Self { scenario, slos, halt, budget, lag, decider, workload, witness: None }
    }
}

impl Stand {
    pub(super) fn requests(mut self, count: u64) -> Self {
        self.scenario.requests_per_step = Some(Requests::Count(count));
        self
    }

    pub(super) fn lasting(mut self, duration: Duration) -> Self {
        self.scenario.duration = Some(duration);
        self
    }

    /// Makes the step on the paused clock: what became of it, and what was seen.
    pub(super) async fn step(
        &self,
        arrival: Arrival,
        script: impl Fn(u64) -> Scripted + Send + Sync + 'static,
    ) -> (Option<Done>, Vec<Seen>) {
        let script = Arc::new(Script {
            script: Box::new(script),
            seen: Mutex::default(),
            ended: AtomicU64::new(0),
            budget: AtomicU64::new(self.budget),
            lag: self.lag,
        });
        let key = Arc::new(RunKey { target: "t".into(), model: "m".into(), sweep: "s".into() });
        let sink: Arc<dyn RunSink> = Arc::new(Deaf);
        let common = Common {
            key: &key,
            sink: &sink,
            seed: 7,
            sizing: &Sizing::default(),
            scenario: &self.scenario,
            slos: &self.slos,
            compat: None,
            wall: Wall::anchor(),
            halt: &self.halt,
            longest: Duration::from_secs(60),
            witness: self.witness.as_ref(),
            cost_per_hour: None,
        };
        let plan = StepPlan {
            step: 0,
            steps: 1,
            workload_name: "w".into(),
            workload: Arc::new(self.workload.clone()),
            arrival,
            decider: self.decider.clone(),
        };
        let ground = Fake { script: Arc::clone(&script), start: Instant::now() };
        let done = step(ground, &common, &plan).await;
        let seen = script.seen.lock().expect("no panic").clone();
        (done, seen)
    }
}
