//! What stands beside a step: readings of its engine and GPUs, from before its first request until
//! after its last.
//!
//! Owns when they are read, and the deadlines. Who reads them, and on which thread, is the
//! witness's affair: nothing here waits for a socket, and nothing waits while requests are under
//! way.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot::{Receiver, error::TryRecvError},
    time::{sleep, timeout},
};

use super::Halt;
use crate::{
    clock::Stamp,
    telemetry::{
        EngineStretch, EngineStretched, GpuStretch, GpuStretched, GpusSeen, Moment, Stretch as _,
        Told,
    },
};

/// How long a reading before or after the step may take.
const LONGEST: Duration = Duration::from_secs(6);

/// What is left of that once the run was told to end: whoever ends it does not wait for an engine
/// that may be gone, and one that is there answers sooner.
const HURRIED: Duration = Duration::from_secs(1);

/// Reads what a target's engine and GPUs tell of themselves, on threads that measure nothing.
pub trait Witness: Send + Sync {
    /// How often it is to be asked during a step, at most.
    fn interval(&self) -> Duration;

    /// Begins to read; returns at once. Whoever gives up waiting drops the receiver.
    fn look(&self, moment: Moment) -> Receiver<Sight>;
}

/// What was read at one moment. `None` is what the target does not have.
#[derive(Debug, Default)]
pub struct Sight {
    /// What every process of the engine tells, or why not, in words for a person.
    pub engine: Option<Result<Vec<Told>, String>>,
    /// What the GPUs tell, likewise.
    pub gpus: Option<Result<GpusSeen, String>>,
}

/// The readings beside one step.
pub(super) struct Beside {
    witness: Option<Arc<dyn Witness>>,
    engine: Part<Engine>,
    gpus: Part<Gpus>,
    /// The reading that is under way, and what it is for.
    pending: Option<(Receiver<Sight>, For)>,
    /// When it was last asked for one.
    asked: Stamp,
    /// Whether it was asked for the reading that begins the window's own stretch.
    opening_asked: bool,
}

/// The engine, from the begin of the step, and from that of its window if that is another.
struct Engine {
    whole: EngineStretch,
    window: Option<EngineStretch>,
    /// When its first reading was.
    began: Stamp,
}

/// The GPUs, from their first reading to their latest.
struct Gpus {
    stretch: GpuStretch,
    began: Stamp,
    latest: Stamp,
}

/// What is known of the engine, or of the GPUs.
enum Part<T> {
    /// The target has none.
    None,
    /// Begun, and every necessary reading was had.
    Told(T),
    /// A necessary one was not: why.
    Untold(String),
}

/// What a reading is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// The begin of the window.
    Opening,
    /// Gauges.
    Gauges,
}

/// What was seen beside a step.
#[derive(Debug, Default)]
pub(super) struct SeenBeside {
    /// The engine: over the whole step, and over its window.
    pub(super) engine: Option<(EngineStretched, EngineStretched)>,
    /// Seconds from its first reading to the end of the step.
    pub(super) engine_seconds: f64,
    /// The GPUs, over the whole step.
    pub(super) gpus: Option<GpuStretched>,
    /// What should have been read and could not be: why.
    pub(super) untold: Vec<String>,
}

impl<T> Part<T> {
    fn begin<R>(first: Option<Result<R, String>>, begin: impl FnOnce(R) -> T) -> Self {
        match first {
            None => Self::None,
            Some(Ok(told)) => Self::Told(begin(told)),
            Some(Err(why)) => Self::Untold(why),
        }
    }

    fn told(&mut self) -> Option<&mut T> {
        match self {
            Self::Told(told) => Some(told),
            Self::None | Self::Untold(_) => None,
        }
    }

    /// Takes in the last reading, without which the stretch has no end; `silent` says why there is
    /// none of it where nothing else does.
    fn end<R>(
        &mut self,
        last: Option<Result<R, String>>,
        silent: &str,
        take: impl FnOnce(&mut T, R),
    ) {
        match (&mut *self, last) {
            (Self::Told(told), Some(Ok(last))) => take(told, last),
            (Self::Told(_), Some(Err(why))) => *self = Self::Untold(why),
            (Self::Told(_), None) => *self = Self::Untold(silent.to_owned()),
            (Self::None | Self::Untold(_), _) => {}
        }
    }
}

impl Beside {
    /// The first reading. Nothing of the step may have been sent.
    pub(super) async fn begin(witness: Option<Arc<dyn Witness>>) -> Self {
        let first = look(witness.as_ref(), Moment::Begin).await;
        let now = Stamp::now();
        let engine = Part::begin(first.engine, |told| Engine {
            whole: EngineStretch::begin(&told),
            window: None,
            began: now,
        });
        let gpus = Part::begin(first.gpus, |seen| Gpus::begin(&seen));
        Self { witness, engine, gpus, pending: None, asked: now, opening_asked: false }
    }

    /// To be called often while the step runs: asks for a reading when it is time, and takes in
    /// one that has come. `opened` says whether the window has opened, and whether anything was
    /// asked before it.
    pub(super) fn pulse(&mut self, opened: Option<Warmed>) {
        let Some(witness) = &self.witness else { return };
        if let Some((receiver, what)) = &mut self.pending {
            match receiver.try_recv() {
                Ok(sight) => {
                    let what = *what;
                    self.pending = None;
                    self.take(sight, what);
                }
                Err(TryRecvError::Empty) if ago(self.asked) < LONGEST => {}
                Err(_) => self.pending = None,
            }
            return;
        }
        let opening = opened == Some(Warmed::Up) && !self.opening_asked;
        let due = ago(self.asked) >= witness.interval();
        let what = opening.then_some(For::Opening).or(due.then_some(For::Gauges));
        if let Some(what) = what {
            self.opening_asked |= opening;
            self.pending = Some((witness.look(Moment::Within), what));
            self.asked = Stamp::now();
        }
    }

    /// The last reading. Everything of the step must have ended; `opened` as it is at its end.
    pub(super) async fn end(mut self, opened: Option<Warmed>, halt: &Halt) -> SeenBeside {
        let ended = Stamp::now();
        let (last, silent) = tokio::select! {
            biased;
            last = self.last() => (last, "it did not answer in time"),
            () = hurried(halt) => (Sight::default(), "the run was ended before it answered"),
        };
        self.engine.end(last.engine, silent, |engine, told| engine.end(&told));
        self.gpus.end(last.gpus, silent, |gpus, seen| gpus.told(&seen));
        let mut seen = SeenBeside::default();
        match self.engine {
            Part::None => {}
            Part::Told(Engine { whole, window, began }) => {
                // Without what the last reading took: nothing was under way meanwhile.
                seen.engine_seconds = ended.since(began).as_secs_f64();
                let whole = whole.stretched();
                if opened == Some(Warmed::Up) && window.is_none() {
                    seen.untold.push(
                        "the engine's own metrics could not be read when the window opened: they \
                         are of the whole step, its warm-up included"
                            .to_owned(),
                    );
                }
                let window = window.map_or(whole, |window| window.stretched());
                seen.engine = Some((whole, window));
            }
            Part::Untold(why) => {
                seen.untold.push(format!("the engine's own metrics could not be read: {why}"));
            }
        }
        match self.gpus {
            Part::None => {}
            Part::Told(gpus) => {
                let stretched = gpus.stretched();
                seen.untold.extend(impossible(&stretched));
                seen.gpus = Some(stretched);
            }
            Part::Untold(why) => {
                seen.untold.push(format!("the metrics of the GPUs could not be read: {why}"));
            }
        }
        seen
    }

    /// What is still to be read after a step.
    async fn last(&mut self) -> Sight {
        if let Some((receiver, what)) = self.pending.take()
            && let Ok(Ok(sight)) = timeout(LONGEST, receiver).await
        {
            self.take(sight, what);
        }
        look(self.witness.as_ref(), Moment::End).await
    }

    /// Takes in a reading of the step. One that failed is left out: the next tells the same.
    fn take(&mut self, sight: Sight, what: For) {
        if let (Some(engine), Some(Ok(told))) = (self.engine.told(), sight.engine) {
            engine.told(&told);
            if what == For::Opening {
                engine.window = Some(EngineStretch::begin(&told));
            }
        }
        if let (Some(gpus), Some(Ok(seen))) = (self.gpus.told(), sight.gpus) {
            gpus.told(&seen);
        }
    }
}

impl Engine {
    fn told(&mut self, told: &[Told]) {
        self.whole.told(told);
        if let Some(window) = &mut self.window {
            window.told(told);
        }
    }

    fn end(&mut self, told: &[Told]) {
        self.whole.end(told);
        if let Some(window) = &mut self.window {
            window.end(told);
        }
    }
}

impl Gpus {
    fn begin(first: &GpusSeen) -> Self {
        Self { stretch: GpuStretch::begin(&first.gpus), began: first.at, latest: first.at }
    }

    fn told(&mut self, seen: &GpusSeen) {
        self.stretch.told(&seen.gpus);
        self.latest = seen.at;
    }

    /// Over the time between their own first and last readings: those of the engine beside them may
    /// have taken longer.
    fn stretched(&self) -> GpuStretched {
        self.stretch.stretched(self.latest.since(self.began))
    }
}

/// What is left out because it cannot be.
fn impossible(gpus: &GpuStretched) -> impl Iterator<Item = String> {
    let long = gpus.seconds;
    gpus.impossible_seconds.iter().map(move |(reason, seconds)| {
        format!(
            "a GPU counts {seconds:.1} s of throttling ({reason}) in {long:.1} s, which is left out: \
             its source tells of the time before the step, or in another unit"
        )
    })
}

/// Whether a window that has opened had a warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warmed {
    /// It had.
    Up,
    /// Its first request was the step's first.
    Not,
}

/// A reading that is waited for. What did not come in time has not been told.
async fn look(witness: Option<&Arc<dyn Witness>>, moment: Moment) -> Sight {
    let Some(witness) = witness else { return Sight::default() };
    match timeout(LONGEST, witness.look(moment)).await {
        Ok(Ok(sight)) => sight,
        Ok(Err(_)) | Err(_) => Sight::default(),
    }
}

/// Returns when nothing is waited for any longer because the run is to end.
async fn hurried(halt: &Halt) {
    halt.draining().await;
    tokio::select! {
        () = halt.aborting() => {}
        () = sleep(HURRIED) => {}
    }
}

fn ago(then: Stamp) -> Duration {
    Stamp::now().since(then)
}

#[cfg(test)]
#[path = "beside/tests.rs"]
mod tests;
