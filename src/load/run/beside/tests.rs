//! Deadlines of the readings beside a step.

use std::sync::{Mutex, OnceLock};

use tokio::{
    sync::oneshot::{self, Sender},
    time::Instant,
};

use super::*;
use crate::load::HaltReason;

/// How an engine answers a look at it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    AtOnce,
    /// It holds up whoever asks for some time.
    Late,
    Never,
}

/// An engine that answers the first look at once.
struct Engine {
    /// How it answers while the step runs.
    within: Answers,
    last: Answers,
    /// When it was asked for the last time.
    asked: OnceLock<Stamp>,
    /// Looks that it owes an answer.
    owed: Mutex<Vec<Sender<Sight>>>,
}

impl Engine {
    fn new(within: Answers, last: Answers) -> Arc<Self> {
        Arc::new(Self { within, last, asked: OnceLock::new(), owed: Mutex::default() })
    }
}

impl Witness for Engine {
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn look(&self, moment: Moment) -> Receiver<Sight> {
        let (tell, told) = oneshot::channel();
        let answers = match moment {
            Moment::Begin => Answers::AtOnce,
            Moment::Within => self.within,
            Moment::End => {
                self.asked.set(Stamp::now()).expect("asked once");
                self.last
            }
        };
        match answers {
            Answers::AtOnce => {}
            Answers::Late => std::thread::sleep(Duration::from_millis(20)),
            Answers::Never => {
                self.owed.lock().expect("no panic").push(tell);
                return told;
            }
        }
        let sight = Sight { engine: Some(Ok(Vec::new())), gpus: None };
        assert!(tell.send(sight).is_ok(), "somebody listens");
        told
    }
}

/// What was seen beside a step of a run that was told to end.
async fn seen(last: Answers, halt: impl Fn(&Halt)) -> (SeenBeside, Duration) {
    let beside = Beside::begin(Some(Engine::new(Answers::AtOnce, last))).await;
    let (handle, began) = (Halt::default(), Instant::now());
    halt(&handle);
    let seen = beside.end(None, &handle).await;
    (seen, began.elapsed())
}

fn drained(halt: &Halt) {
    halt.drain(HaltReason::Cancelled, "somebody asked");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_end_has_what_is_answered_soon_and_waits_for_nothing_else() {
    let (told, _) = seen(Answers::AtOnce, drained).await;
    assert!(told.engine.is_some() && told.untold.is_empty());
    let abort = |halt: &Halt| halt.abort(HaltReason::Cancelled, "somebody asked twice");
    for (halt, waits) in [(&drained as &dyn Fn(&Halt), HURRIED), (&abort, Duration::ZERO)] {
        let (told, waited) = seen(Answers::Never, halt).await;
        assert!(told.engine.is_none() && told.untold[0].contains("ended before"), "{told:?}");
        assert!(
            (waits..waits + Duration::from_millis(10)).contains(&waited),
            "on the paused clock"
        );
    }
    let (told, waited) = seen(Answers::Never, |_| ()).await;
    assert!(told.untold[0].contains("did not answer in time"), "{told:?}");
    assert!(waited >= LONGEST);
}

#[tokio::test]
async fn the_time_of_a_step_is_without_that_of_its_last_reading() {
    let (engine, before) = (Engine::new(Answers::AtOnce, Answers::Late), Stamp::now());
    let witness: Arc<dyn Witness> = engine.clone();
    let seen = Beside::begin(Some(witness)).await.end(None, &Halt::default()).await;
    let asked = engine.asked.get().expect("asked");
    assert!(seen.engine_seconds <= asked.since(before).as_secs_f64(), "{}", seen.engine_seconds);
}

#[tokio::test(start_paused = true)]
async fn a_window_whose_opening_was_not_read_has_the_numbers_of_the_step_and_that_is_said() {
    for (within, opened, said) in [
        (Answers::AtOnce, Warmed::Up, false),
        (Answers::Never, Warmed::Up, true),
        (Answers::Never, Warmed::Not, false),
    ] {
        let engine = Engine::new(within, Answers::AtOnce);
        let mut beside = Beside::begin(Some(engine)).await;
        beside.pulse(Some(opened));
        beside.pulse(Some(opened));
        let seen = beside.end(Some(opened), &Halt::default()).await;
        assert!(seen.engine.is_some());
        let warmup = |why: &String| why.contains("its warm-up included");
        assert_eq!(seen.untold.iter().any(warmup), said, "{:?}", seen.untold);
    }
}
