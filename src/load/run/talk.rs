//! One session: its turns, one after the other.
//!
//! Owns thinking, and the wait of a later turn for a place at the gate. Both drives use it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    drive::Drive,
    ground::{self, Ground},
};
use crate::{
    clock::Stamp,
    workload::{Session, Turn},
};

/// How the first turn of a session comes in.
pub(super) struct Opening {
    /// When it is due.
    pub(super) due: Stamp,
    /// Its place, where there is a gate.
    pub(super) place: Option<OwnedSemaphorePermit>,
    /// How long it waited for that.
    pub(super) gated: Duration,
}

/// The places of a gate.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) free: Arc<Semaphore>,
    /// Later turns that are due and wait for one.
    waiting: AtomicU64,
}

impl Places {
    /// So many.
    pub(super) fn new(most: u32) -> Self {
        let most = usize::try_from(most.max(1)).unwrap_or(1);
        Self { free: Arc::new(Semaphore::new(most)), waiting: AtomicU64::new(0) }
    }

    /// Whether later turns are due and wait for one.
    pub(super) fn are_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits for one, first come, first served. Nobody closes them, so there is one in the end.
    async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        let _waiting = Waiting::begin(&self.waiting);
        Arc::clone(&self.free).acquire_owned().await.ok()
    }
}

/// One that waits, also if it is called away.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicU64) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What became of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talked {
    /// Its user is done, since then.
    Out(Stamp),
    /// The step is over.
    CutOff,
}

/// Carries `session` out, beginning with `first`.
pub(super) async fn talk<G: Ground>(
    drive: &Arc<Drive<G>>,
    mut session: Session,
    first: Turn,
    opening: Opening,
    gate: Option<&Arc<Places>>,
) -> Talked {
    let Opening { mut due, mut place, mut gated } = opening;
    let mut turn = first;
    loop {
        let Some(phase) = drive.begin(due, &turn.plan) else { return Talked::CutOff };
        let answer = drive.exchange(due, phase, gated, &turn).await;
        drop(place.take());
        let ended = drive.ground.now();
        let Some(next) = session.next(answer.as_deref()) else { return Talked::Out(ended) };
        turn = next;
        due = ended.after(turn.think);
        if drive.is_beyond(due) {
            // A step does not wait for a thought that ends after its window.
            return Talked::CutOff;
        }
        let ready = async {
            ground::until(&drive.ground, due).await;
            Some(enter(gate, drive, due).await)
        };
        let entered = tokio::select! {
            biased;
            () = drive.over() => None,
            entered = ready => entered,
        };
        let Some(entered) = entered else { return Talked::CutOff };
        (place, gated) = entered;
    }
}

/// Waits for a place: the place, and how long it took from `due`.
async fn enter<G: Ground>(
    gate: Option<&Arc<Places>>,
    drive: &Drive<G>,
    due: Stamp,
) -> (Option<OwnedSemaphorePermit>, Duration) {
    let Some(gate) = gate else { return (None, Duration::ZERO) };
    if let Ok(place) = Arc::clone(&gate.free).try_acquire_owned() {
        return (Some(place), Duration::ZERO);
    }
    let place = gate.wait().await;
    (place, drive.ground.now().since(due))
}
