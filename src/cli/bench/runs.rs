//! The runs of a benchmark, one after the other: a run a model.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};

use super::{
    args::Args,
    output::Outputs,
    progress::{Display, News, Told, listen},
    scenario::Bench,
    signals::Signals,
    target::Subjects,
};
use crate::{
    clock::{Stamp, Wall},
    daemon::Onlooker,
    event::{Calibration, RunKey, RunRecord, Trigger},
    load::{Halt, HaltReason, Loader, RunOrder, Witness},
    telemetry::{Moment, Nvml},
};

/// Name of the sweep of a one-shot run.
const SWEEP: &str = "bench";

/// How long a run that was told to give up may still take.
const GIVE_UP: Duration = Duration::from_secs(5);

/// What came of the runs.
#[derive(Default)]
pub(super) struct Runs {
    /// Their records, also of one that was cut short.
    pub(super) records: Vec<Arc<RunRecord>>,
    /// The signal that ended them, if one did.
    pub(super) signal: Option<u8>,
    /// Why the last of them has no end, if it has none.
    pub(super) broken: Option<&'static str>,
}

/// What is kept of a run.
struct Kept {
    /// Absent if not one step had ended.
    record: Option<Arc<RunRecord>>,
    /// Why it is not the whole run, if it is not.
    broken: Option<&'static str>,
}

impl Runs {
    /// Ended before the first run.
    pub(super) fn ended_by(signal: u8) -> Self {
        Self { signal: Some(signal), ..Self::default() }
    }
}

/// Makes a run for each model, until a signal comes or one breaks off.
///
/// # Errors
/// If the system gives no thread.
pub(super) async fn all(
    args: &Args,
    bench: &Bench,
    subjects: &Subjects,
    calibration: Option<Calibration>,
    outputs: &Outputs,
    signals: &mut Signals,
) -> anyhow::Result<Runs> {
    let wall = Wall::anchor();
    let loader = Loader::start(wall)?;
    let display = Display::of_stderr();
    let mut runs = Runs::default();
    if let Some(beside) = &subjects.beside {
        display.say(beside);
    }
    // One for all of them: a driver that was loaded stays so.
    let witness = Onlooker::of(&subjects.link, &Nvml::default());
    if let (Some(witness), false) = (&witness, args.whom.gpus.is_empty()) {
        tokio::select! {
            said = gpus(witness.as_ref()) => display.say(&said),
            signal = signals.next() => return Ok(Runs::ended_by(signal)),
        }
    }
    for model in &subjects.models {
        let now = wall.unix_nanos(Stamp::now());
        let order = RunOrder {
            id: id(now),
            key: Arc::new(RunKey {
                target: Arc::clone(&subjects.link.target().name),
                model: Arc::clone(model),
                sweep: SWEEP.into(),
            }),
            trigger: Trigger::Bench,
            due_unix_nanos: now,
            link: Arc::clone(&subjects.link),
            scenario: Arc::clone(&bench.scenario),
            slos: bench.slos.clone(),
            seed: bench.scenario.seed.unwrap_or_else(|| drawn(now)),
            global: Arc::new(subjects.global.clone()),
            known_answer: None,
            max_duration: None,
            compat: args.judging.compat,
            engine: subjects.engine.clone(),
            calibration: calibration.clone(),
            witness: witness.clone(),
        };
        display.say(&format!(
            "{} of {model} at {}",
            bench.scenario.name,
            subjects.link.target().name
        ));
        let (listener, told) = listen();
        let halt = Halt::default();
        let record = loader.run(order, listener, halt.clone());
        let save = |so_far: &RunRecord| {
            let records: Vec<_> = runs.records.iter().map(AsRef::as_ref).chain([so_far]).collect();
            outputs.save_so_far(&records)
        };
        let kept = follow(record, told, &halt, &display, save, signals).await;
        display.clear();
        runs.records.extend(kept.record);
        runs.broken = kept.broken;
        if signals.first().is_some() || runs.broken.is_some() {
            break;
        }
    }
    // Its thread ends with its last run, which has ended or is given up.
    drop(loader);
    runs.signal = signals.first();
    Ok(runs)
}

/// What the runs will have of the GPUs that were named, in words: whoever named the wrong ones would
/// else learn it at the end.
async fn gpus(witness: &dyn Witness) -> String {
    let seen = witness.look(Moment::Within).await.ok().and_then(|sight| sight.gpus);
    match seen {
        Some(Ok(seen)) => format!("beside it GPUs of this machine: {}", seen.gpus.len()),
        Some(Err(why)) => format!("without the GPUs of this machine: {why}"),
        None => "without the GPUs of this machine: nobody can be asked".to_owned(),
    }
}

/// Shows how far a run is until it has ended, and saves what there is after each step. The first
/// signal lets what is in flight end, the second gives it up.
async fn follow(
    record: oneshot::Receiver<Arc<RunRecord>>,
    mut told: Told,
    halt: &Halt,
    display: &Display,
    save: impl Fn(&RunRecord) -> anyhow::Result<()>,
    signals: &mut Signals,
) -> Kept {
    let mut record = pin!(record);
    let mut ticks = interval_at(Instant::now() + display.interval(), display.interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut given_up: Option<Instant> = None;
    let mut latest = None;
    let mut hear = |news: News| match news {
        News::Line(line) => display.say(&line),
        News::SoFar(record) => {
            if let Err(error) = save(&record) {
                display.say(&format!("{error:#}; the end of the run tries again"));
            }
            latest = Some(Arc::from(record));
        }
    };
    let broken = loop {
        tokio::select! {
            ended = &mut record => {
                while let Ok(news) = told.news.try_recv() {
                    hear(news);
                }
                match ended {
                    Ok(record) => return Kept { record: Some(record), broken: None },
                    Err(_) => break "the run broke off, this is a bug: the results are of the steps before",
                }
            }
            Some(news) = told.news.recv() => hear(news),
            _ = ticks.tick() => {
                if let Some(progress) = told.progress.borrow_and_update().as_ref() {
                    display.show(progress);
                }
            }
            () = sleep_until(given_up.unwrap_or_else(Instant::now)), if given_up.is_some() => {
                break "the run does not end: the results are of the steps before";
            }
            _ = signals.next() => {
                if halt.is_draining() {
                    display.say("giving up what is in flight");
                    halt.abort(HaltReason::Cancelled, "interrupted twice");
                    given_up.get_or_insert_with(|| Instant::now() + GIVE_UP);
                } else {
                    display.say("letting what is in flight end; once more gives it up");
                    halt.drain(HaltReason::Cancelled, "interrupted");
                }
            }
        }
    };
    Kept { record: latest, broken: Some(broken) }
}

/// An id that sorts by time, and differs between processes of the same moment.
fn id(unix_nanos: i64) -> Arc<str> {
    format!("{unix_nanos:016x}-{:x}", std::process::id()).into()
}

/// A seed where nobody gave one: of the time, and short enough to be typed again.
const fn drawn(unix_nanos: i64) -> u64 {
    (unix_nanos.cast_unsigned() / 1_000) % 1_000_000_000
}
