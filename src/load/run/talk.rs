//! One session: its turns, one after the other.
//!
//! Owns thinking, and the wait of a later turn for a place at the gate. Both drives use it.

use std::{sync::Arc, time::Duration};

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
    gate: Option<&Arc<Semaphore>>,
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

/// Waits for a place, first come, first served: the place, and how long it took from `due`.
async fn enter<G: Ground>(
    gate: Option<&Arc<Semaphore>>,
    drive: &Drive<G>,
    due: Stamp,
) -> (Option<OwnedSemaphorePermit>, Duration) {
    let Some(gate) = gate else { return (None, Duration::ZERO) };
    if let Ok(place) = Arc::clone(gate).try_acquire_owned() {
        return (Some(place), Duration::ZERO);
    }
    // Nobody closes the gate, so there is always a place in the end.
    let place = Arc::clone(gate).acquire_owned().await.ok();
    (place, drive.ground.now().since(due))
}
