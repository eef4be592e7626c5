//! The highest load at which the client's own rules of validity hold.
//!
//! Owns the rungs: Poisson steps of the real engine against the simulator, each twice as heavy as
//! the one before, until a rule does not hold; or half as heavy, until all do.

use std::{sync::Arc, time::Duration};

use super::{
    CalibrateError,
    bed::{Bed, MODEL, NAME},
};
use crate::{
    arrival::{Arrival, Load, Pattern},
    clock::{Stamp, Wall},
    config::{Scenario, Warmup},
    event::{RunKey, RunRecord, RunResult, RunSink},
    load::{Halt, Loader, RunOrder},
    workload::Workload,
};

/// What is judged of a rung.
const WINDOW: Duration = Duration::from_millis(1_200);

/// What goes before, so that connections are there.
const WARMUP: Duration = Duration::from_millis(300);

/// Longest run of a rung, its drain included.
const LONGEST: Duration = Duration::from_secs(6);

/// After so long, counted from the start of the calibration, no further rung is begun.
const PATIENCE: Duration = Duration::from_secs(13);

/// The share of a rung's exchanges that may fail.
const FAILURES: f64 = 0.01;

/// A ladder of rates, each twice the one below, with answers of `tokens`.
#[derive(Clone, Copy)]
pub(super) struct Ladder {
    /// Where the climb begins: down from there if the rules do not hold.
    first: f64,
    /// Most rungs that are tried.
    rungs: u32,
    tokens: u32,
}

/// Short answers: requests a second.
pub(super) const REQUESTS: Ladder = Ladder { first: 250.0, rungs: 6, tokens: 4 };

/// Long answers: tokens a second, 16,000 at first.
pub(super) const TOKENS: Ladder = Ladder { first: 250.0, rungs: 5, tokens: 64 };

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

/// Climbs `ladder` as far as the rules hold; absent if they hold on no rung that was tried.
pub(super) fn climb(
    ladder: Ladder,
    start: Stamp,
    tell: &mut dyn FnMut(&str),
) -> Result<Option<Rung>, CalibrateError> {
    let bed = Bed::start()?;
    let loader = Loader::start(Wall::anchor()).map_err(CalibrateError::Client)?;
    let (mut rate, mut highest, mut down) = (ladder.first, None, false);
    for rung in 0..ladder.rungs {
        // The first rung is tried in any case.
        if rung > 0 && Stamp::now().since(start) > PATIENCE {
            break;
        }
        let load = format!("{rate:.0} requests a second of {} tokens", ladder.tokens);
        match stand(&loader, &bed, rate, ladder.tokens)? {
            Ok(held) => {
                tell(&format!("{load}: every rule holds"));
                highest = Some(held);
                if down {
                    break;
                }
                rate *= 2.0;
            }
            Err(why) => {
                tell(&format!("{load}: {why}"));
                if highest.is_some() {
                    break;
                }
                down = true;
                rate /= 2.0;
            }
        }
    }
    loader.join();
    Ok(highest)
}

/// Whether every rule holds at `rate`, or why not. Tried twice: a neighbour's hiccup is not the
/// limit of this machine.
fn stand(
    loader: &Loader,
    bed: &Bed,
    rate: f64,
    tokens: u32,
) -> Result<Result<Rung, String>, CalibrateError> {
    let once = || {
        let record = loader.run(order(bed, rate, tokens), Arc::new(Nobody), Halt::default());
        let record = record.blocking_recv().map_err(|_| CalibrateError::BrokenOff)?;
        Ok(judge(&record, rate))
    };
    match once()? {
        Ok(held) => Ok(Ok(held)),
        Err(_) => once(),
    }
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
    let workload = Workload::fixed("Tell of a river and a stone.", tokens);
    let arrival = Arrival::open(Pattern::Poisson { rate });
    let scenario = Scenario {
        duration: Some(WINDOW),
        warmup: Warmup { requests: 0, duration: WARMUP },
        timeout: Some(LONGEST),
        ..Scenario::of(NAME, workload, Load::Levels(vec![arrival]))
    };
    let key = RunKey { target: NAME.into(), model: MODEL.into(), sweep: NAME.into() };
    RunOrder { max_duration: Some(LONGEST), ..RunOrder::of(key, Arc::clone(&bed.link), scenario) }
}

/// Nobody listens: the record says it all.
struct Nobody;

impl RunSink for Nobody {}
