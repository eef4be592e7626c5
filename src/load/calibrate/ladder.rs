//! The highest load at which the client's own rules of validity hold.
//!
//! Owns the rungs: Poisson steps of the real engine against the simulator, each twice as heavy as
//! the one before, until a rule does not hold.

use std::{sync::Arc, time::Duration};

use super::{
    CalibrateError,
    bed::{Bed, MODEL, NAME},
};
use crate::{
    arrival::{Arrival, Load, Open, Pattern},
    clock::{Stamp, Wall},
    config::{Connection, Global, Scenario, StopWhen, Warmup},
    event::{Progress, RunKey, RunRecord, RunResult, RunSink, RunStarted, StepRecord, Trigger},
    load::{Halt, Loader, RunOrder},
    timeline::Outcome,
    workload::{Expect, Fixed, Workload},
};

/// What is judged of a rung.
const WINDOW: Duration = Duration::from_millis(1_200);

/// What goes before, so that connections are there.
const WARMUP: Duration = Duration::from_millis(300);

/// Longest run of a rung, its drain included.
const LONGEST: Duration = Duration::from_secs(6);

/// After so long, counted from the start of the calibration, no further rung is begun.
const PATIENCE: Duration = Duration::from_secs(13);

/// Answers that are not whole are a failure of one in so many at most.
const FAILURES: f64 = 0.01;

/// A ladder: rates that double from `lowest` on, with answers of `tokens`.
#[derive(Clone, Copy)]
pub(super) struct Ladder {
    lowest: f64,
    rungs: u32,
    tokens: u32,
}

/// Short answers: requests a second.
pub(super) const REQUESTS: Ladder = Ladder { lowest: 250.0, rungs: 6, tokens: 4 };

/// Long answers: tokens a second, from 16,000 on.
pub(super) const TOKENS: Ladder = Ladder { lowest: 250.0, rungs: 5, tokens: 64 };

/// A rung on which every rule held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rung {
    /// Requests a second, as asked for.
    pub(super) requests_per_second: f64,
    /// Output tokens a second, as they came.
    pub(super) tokens_per_second: f64,
    /// p99 of the send lag, in seconds.
    pub(super) send_lag_p99: f64,
}

/// Climbs `ladder` as far as the rules hold; absent if they do not on its lowest rung.
pub(super) fn climb(
    ladder: Ladder,
    start: Stamp,
    tell: &mut dyn FnMut(&str),
) -> Result<Option<Rung>, CalibrateError> {
    let bed = Bed::start()?;
    let loader = Loader::start(Wall::anchor()).map_err(CalibrateError::Client)?;
    let mut highest = None;
    for rung in 0..ladder.rungs {
        if Stamp::now().since(start) > PATIENCE {
            break;
        }
        let rate = ladder.lowest * f64::from(2_u32.pow(rung));
        let order = order(&bed, rate, ladder.tokens);
        let record = loader.run(order, Arc::new(Nobody), Halt::default());
        let record = record.blocking_recv().map_err(|_| CalibrateError::BrokenOff)?;
        let load = format!("{rate:.0} requests a second of {} tokens", ladder.tokens);
        match judge(&record, rate) {
            Ok(held) => {
                tell(&format!("{load}: every rule holds"));
                highest = Some(held);
            }
            Err(why) => {
                tell(&format!("{load}: {why}"));
                break;
            }
        }
    }
    loader.join();
    Ok(highest)
}

/// Whether the rung that `record` tells of held, or why not.
fn judge(record: &RunRecord, rate: f64) -> Result<Rung, String> {
    let [step] = record.steps.as_slice() else {
        return Err(record.reason.clone().unwrap_or_else(|| "no step was made".to_owned()));
    };
    if let Some(mark) = step.validity.marks.first() {
        return Err(mark.as_str().to_owned());
    }
    if record.result != RunResult::Success {
        return Err(record.reason.clone().unwrap_or_else(|| record.result.as_str().to_owned()));
    }
    let success = step.rates.success_ratio.unwrap_or(0.0);
    if success < 1.0 - FAILURES {
        return Err(format!("{:.1} % failed", (1.0 - success) * 100.0));
    }
    Ok(Rung {
        requests_per_second: rate,
        tokens_per_second: step.rates.output_tokens_per_second.unwrap_or(0.0),
        send_lag_p99: step.validity.send_lag_p99.unwrap_or(0.0),
    })
}

fn order(bed: &Bed, rate: f64, tokens: u32) -> RunOrder {
    let wall = Wall::anchor();
    let workload = Workload::Fixed(Fixed {
        prompt: "Tell of a river and a stone.".to_owned(),
        max_tokens: tokens,
        temperature: 0.0,
        expect: Expect::default(),
    });
    let arrival = Arrival::Open(Open { pattern: Pattern::Poisson { rate }, max_in_flight: None });
    let scenario = Scenario {
        name: NAME.into(),
        workloads: vec![(NAME.into(), Arc::new(workload))],
        load: Load::Levels(vec![arrival]),
        requests_per_step: None,
        duration: Some(WINDOW),
        warmup: Warmup { requests: 0, duration: WARMUP },
        settle: Duration::ZERO,
        stop_when: StopWhen::default(),
        connection: Connection::Reuse,
        timeout: Some(LONGEST),
        seed: Some(1),
    };
    RunOrder {
        id: NAME.into(),
        key: Arc::new(RunKey { target: NAME.into(), model: MODEL.into(), sweep: NAME.into() }),
        trigger: Trigger::Bench,
        due_unix_nanos: wall.unix_nanos(Stamp::now()),
        link: Arc::clone(&bed.link),
        scenario: Arc::new(scenario),
        slos: Vec::new(),
        seed: 1,
        global: Arc::new(Global::default()),
        known_answer: None,
        max_duration: Some(LONGEST),
        compat: None,
        engine: None,
        calibration: None,
    }
}

/// Nobody listens: the record says it all.
struct Nobody;

impl RunSink for Nobody {
    fn started(&self, _: &RunStarted) {}
    fn exchange(&self, _: &RunKey, _: Outcome) {}
    fn progress(&self, _: &Progress) {}
    fn step(&self, _: &RunKey, _: &StepRecord) {}
    fn ended(&self, _: &Arc<RunRecord>) {}
}
