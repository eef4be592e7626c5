//! One step, from its first due time to the end of its last exchange.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    Halt,
    beside::{Beside, Witness},
    course::Course,
    decide::Decider,
    drain::drain,
    drive::{Counts, Drive, Ending, Matter},
    drive_closed::closed,
    drive_open::open,
    failures::Failures,
    ground::{Alarm, Ground, Waiting},
    held::Held,
    joined::{Own, joined},
    progress::{EVERY, Teller},
    seeds::{Draw, seed},
    stop::{is_hopeless, stops},
    words,
};
use crate::{
    analysis::cause,
    arrival::Arrival,
    clock::{Stamp, Wall},
    config::{Requests, Scenario},
    event::{RunKey, RunSink, StepRecord, dollars_per_million_tokens},
    measure::Compat,
    tally::{Looked, StepTally, Surroundings, TallySpec},
    verdict::{Slo, State},
    workload::{Sizing, Workload},
};

/// How often the runtime is asked how late it runs. A p99 needs a hundred answers, so this is what
/// a step of two seconds can do with; it costs less than a thousandth of a core.
const PULSE: Duration = Duration::from_millis(20);

/// A step to be made.
#[derive(Clone)]
pub(super) struct StepPlan {
    /// Its number.
    pub(super) step: u32,
    /// The steps that the run will have; of a search the most.
    pub(super) steps: u32,
    /// Name of the workload.
    pub(super) workload_name: Arc<str>,
    /// What is asked.
    pub(super) workload: Arc<Workload>,
    /// How requests come.
    pub(super) arrival: Arrival,
    /// What ends it early, in a search.
    pub(super) decider: Option<Decider>,
}

/// What all steps of a run have in common.
pub(super) struct Common<'a> {
    pub(super) key: &'a Arc<RunKey>,
    pub(super) sink: &'a Arc<dyn RunSink>,
    pub(super) seed: u64,
    /// How lengths become prompts.
    pub(super) sizing: &'a Sizing,
    pub(super) scenario: &'a Scenario,
    pub(super) slos: &'a [Arc<Slo>],
    pub(super) compat: Option<Compat>,
    pub(super) wall: Wall,
    pub(super) halt: &'a Halt,
    /// Longest exchange.
    pub(super) longest: Duration,
    /// Who reads what the engine and the GPUs tell.
    pub(super) witness: Option<&'a Arc<dyn Witness>>,
    /// What the target costs, in dollars an hour.
    pub(super) cost_per_hour: Option<f64>,
}

/// What became of a step.
pub(super) struct Done {
    /// Its record.
    pub(super) record: StepRecord,
    /// Why it ended.
    pub(super) ending: Ending,
    /// What has happened.
    pub(super) counts: Counts,
    /// What went wrong.
    pub(super) failures: Failures,
    /// What was judged.
    pub(super) looked: Looked,
}

/// Makes a step. Absent if not even one exchange was begun.
pub(super) async fn step<G: Ground>(
    ground: G,
    common: &Common<'_>,
    plan: &StepPlan,
) -> Option<Done> {
    // Before the engine is read, so that no beat can be counted there and not here.
    let beaten = ground.beaten();
    let mut beside = tokio::select! {
        biased;
        () = common.halt.draining() => return None,
        begun = Beside::begin(common.witness.cloned()) => begun,
    };
    let start = ground.now();
    let held = Held::begin();
    let (course, of) = course(common.scenario, plan, start);
    let teller = Teller {
        key: Arc::clone(common.key),
        sink: Arc::clone(common.sink),
        step: plan.step,
        steps: plan.steps,
        began: start,
        of,
    };
    let spec = TallySpec {
        step: plan.step,
        workload: Arc::clone(&plan.workload_name),
        arrival: plan.arrival.clone(),
        slos: common.slos.to_vec(),
        compat: common.compat,
    };
    let tally = StepTally::new(spec, common.wall);
    let matter = Matter {
        key: Arc::clone(common.key),
        sink: Arc::clone(common.sink),
        workload: Arc::clone(&plan.workload),
        sizing: common.sizing.clone(),
        seed: common.seed,
        step: plan.step,
    };
    let drive = Drive::new(ground, matter, course, tally, plan.decider.clone());
    let load = words::load(&plan.arrival);
    let mut tasks = JoinSet::new();
    let driving = async {
        match &plan.arrival {
            Arrival::Closed(users) => closed(&drive, users, start, &mut tasks).await,
            Arrival::Open(schedule) => {
                let seed = seed(common.seed, plan.step, Draw::Arrivals);
                open(&drive, schedule, seed, start, &mut tasks).await;
            }
        }
        drain(&mut tasks, common.halt, common.longest).await;
    };
    let tell = || teller.driving(&drive, &load.text);
    watch(driving, &drive, common, plan, &mut beside, tell).await;
    let remains = drive.remains().filter(|remains| remains.counts.begun > 0)?;
    let (looked, answers) = (remains.tally.look(), remains.tally.answers());
    let (throttled, pressure) = held.since();
    let surroundings = Surroundings {
        throttled,
        pressure,
        stopped: stopped(&remains.ending, &remains.failures, remains.counts, common.halt),
        scheduled: matches!(plan.arrival, Arrival::Open(_)).then_some(remains.counts.in_window),
    };
    let mut record = remains.tally.finish(load, surroundings);
    record.rates.cost_dollars_per_million_output_tokens = common
        .cost_per_hour
        .zip(record.rates.output_tokens_per_second)
        .and_then(|(per_hour, rate)| dollars_per_million_tokens(per_hour, rate));
    let (ending, counts, failures) = (remains.ending, remains.counts, remains.failures);
    let seen = beside.end(drive.opened(), common.halt).await;
    let beats = drive.ground.beaten().since(beaten);
    let own = Own {
        requests: counts.ok.saturating_add(beats.answers),
        prompt: looked.input_tokens,
        answered: looked.output_tokens,
        unanswered: counts.unanswered_tokens,
        beat_prompt: beats.prompt,
        beat_output: beats.output,
    };
    joined(&mut record, seen, &answers, own);
    withhold(&mut record);
    record.cause = cause(&record);
    Some(Done { record, ending, counts, failures, looked })
}

/// What is not valid certifies nothing, whatever was counted.
fn withhold(record: &mut StepRecord) {
    if !record.validity.is_valid() {
        record.standings.iter_mut().for_each(|standing| standing.state = State::NotEnoughData);
    }
}

/// Looks after the drive until it is over and drained.
async fn watch<G: Ground>(
    driving: impl Future<Output = ()>,
    drive: &Drive<G>,
    common: &Common<'_>,
    plan: &StepPlan,
    beside: &mut Beside,
    tell: impl Fn(),
) {
    let mut driving = pin!(driving);
    let start = drive.ground.now();
    let beats = std::iter::successors(Some(start), |last| Some(last.after(PULSE)));
    let mut pulse = drive.ground.alarm(beats, Waiting::Asleep);
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = &mut driving => return,
            () = common.halt.draining(), if !drive.is_over() => drive.finish(Ending::Halted),
            Some(bell) = pulse.next() => {
                drive.heard(bell, None);
                beside.pulse(drive.opened());
            }
            _ = looks.tick() => {
                if !drive.is_over() {
                    look(drive, common, plan);
                }
                tell();
            }
        }
    }
}

/// Ends the step if a rule says so.
fn look<G: Ground>(drive: &Drive<G>, common: &Common<'_>, plan: &StepPlan) {
    let rules = &common.scenario.stop_when;
    let quantile = |metric, quantile| drive.quantile(metric, quantile);
    if let Some(rule) = stops(rules, &drive.look(), quantile) {
        drive.finish(Ending::Rule(rule));
    } else if is_hopeless(drive.counts(), plan.arrival.concurrency()) {
        drive.finish(Ending::Hopeless);
    }
}

/// The course of a step that starts at `start`, and how many exchanges it will have, if known.
fn course(scenario: &Scenario, plan: &StepPlan, start: Stamp) -> (Course, Option<u64>) {
    let users = u64::from(plan.arrival.concurrency().unwrap_or(1));
    let count = match (&plan.decider, scenario.requests_per_step) {
        (Some(decider), _) => Some(decider.cap()),
        (None, Some(Requests::Count(count))) => Some(count),
        (None, Some(Requests::PerUser(count))) => Some(count.saturating_mul(users)),
        (None, None) => None,
    };
    let building = match (&plan.arrival, &plan.decider) {
        (Arrival::Closed(users), _) => users.building(),
        (Arrival::Open(_), Some(decider)) => decider.builds(),
        (Arrival::Open(_), None) => Duration::ZERO,
    };
    let mut warmup = scenario.warmup;
    if plan.decider.is_some() && plan.arrival.concurrency().is_some() {
        // The first requests of all users fall on the server at once, which no later ones do.
        warmup.requests = warmup.requests.max(users);
    }
    let course = Course::new(start, warmup, building, count, scenario.duration);
    (course, count.map(|count| count.saturating_add(warmup.requests)))
}

/// Why a step ended before its time, for its record.
fn stopped(ending: &Ending, failures: &Failures, counts: Counts, halt: &Halt) -> Option<String> {
    match ending {
        Ending::Full | Ending::Decided(_) => None,
        Ending::Rule(rule) => Some(rule.clone()),
        Ending::Hopeless => {
            let commonest = failures.commonest(counts.ended).unwrap_or_default();
            Some(format!("no exchange succeeded: {commonest}"))
        }
        Ending::Budget => Some("the target's budget is spent".to_owned()),
        Ending::Halted => {
            halt.reason().map(|(_, why)| why.clone()).or_else(|| Some("halted".to_owned()))
        }
    }
}
