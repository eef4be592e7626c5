//! The open loop: a schedule of due times that heeds no answer.
//!
//! A request that the runtime gets to late is sent late; none is skipped, and no due time moves.
//! With a gate, those that are due while it is full wait for a place in the order of their due
//! times. They wait as bells of the schedule, some bytes each, and not as tasks.

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinSet, yield_now},
    time::sleep,
};

use super::{
    drain::report,
    drive::{Drive, Ending},
    ground::{Alarm, Bell, Ground},
    talk::{Opening, talk},
};
use crate::{
    arrival::{Demand, Open},
    clock::Stamp,
    workload::{Seat, Session, Turn},
};

/// How long after the end of the window a due time of its last moment may still be handed over.
const GRACE: Duration = Duration::from_millis(20);

/// Makes the requests of `open` at their times from `start` on, and returns when no more exchanges
/// are begun. What is in flight then is left in `tasks`.
pub(super) async fn open<G: Ground>(
    drive: &Arc<Drive<G>>,
    open: &Open,
    seed: u64,
    start: Stamp,
    tasks: &mut JoinSet<()>,
) {
    let dues = open.demands(seed).map(move |demand| start.after(demand.offset));
    let mut bells = drive.ground.alarm(dues);
    let mut gate = Gate::new(open.max_in_flight);
    // The same schedule again, for what it says of each request: the alarm has the times only.
    for (user, demand) in (0..).zip(open.demands(seed)) {
        // Drawn before it is due: drawn then, it would make itself late.
        let drawn = drive.session(seat(user, demand), 0);
        let Some(bell) = next(drive, &mut bells, tasks).await else { return };
        drive.heard(bell, gate.busy_until);
        let Some((session, first)) = drawn else { continue };
        let Some(opening) = gate.enter(drive, bell.due, tasks).await else { return };
        tasks.spawn(carry_out(Arc::clone(drive), session, first, opening, gate.places.clone()));
        // Let it be sent before the next one is drawn.
        yield_now().await;
    }
    // A trace is over; its sessions go on to their ends.
    while !tasks.is_empty() {
        tokio::select! {
            biased;
            () = drive.over() => return,
            Some(ended) = tasks.join_next() => report(ended),
        }
    }
    drive.finish(Ending::Full);
}

fn seat(user: u64, demand: Demand) -> Seat {
    Seat { user, input_tokens: demand.input_tokens, output_tokens: demand.output_tokens }
}

/// The next due time; absent when no more exchanges are begun.
async fn next<G: Ground>(
    drive: &Drive<G>,
    bells: &mut G::Alarm,
    tasks: &mut JoinSet<()>,
) -> Option<Bell> {
    // Bells go first, and where they never cease nothing else would be heard.
    while let Some(ended) = tasks.try_join_next() {
        report(ended);
    }
    loop {
        // Not known before the window opens, which happens at a bell.
        let closes = drive.closes();
        let closing = async {
            match closes {
                Some(at) => sleep(at.after(GRACE).since(drive.ground.now())).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = drive.over() => return None,
            bell = bells.next() => return bell,
            Some(ended) = tasks.join_next() => report(ended),
            // The next due time lies far beyond the end.
            () = closing => {
                drive.finish(Ending::Full);
                return None;
            }
        }
    }
}

async fn carry_out<G: Ground>(
    drive: Arc<Drive<G>>,
    session: Session,
    first: Turn,
    opening: Opening,
    gate: Option<Arc<Semaphore>>,
) {
    // Whether it was cut off or ended by itself, there is nothing more to do.
    let _ = talk(&drive, session, first, opening, gate.as_ref()).await;
}

/// So many in flight at most.
struct Gate {
    places: Option<Arc<Semaphore>>,
    /// When the schedule last got on after it had waited for a place.
    busy_until: Option<Stamp>,
}

impl Gate {
    fn new(most: Option<u32>) -> Self {
        let places =
            |most: u32| Arc::new(Semaphore::new(usize::try_from(most.max(1)).unwrap_or(1)));
        Self { places: most.map(places), busy_until: None }
    }

    /// Waits for a place for the request that is due at `due`; absent when no more exchanges are
    /// begun. Requests behind it in the schedule wait behind it.
    async fn enter<G: Ground>(
        &mut self,
        drive: &Drive<G>,
        due: Stamp,
        tasks: &mut JoinSet<()>,
    ) -> Option<Opening> {
        let Some(places) = &self.places else {
            return Some(Opening { due, place: None, gated: Duration::ZERO });
        };
        let place = match Arc::clone(places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let place = wait(drive, Arc::clone(places), tasks).await?;
                self.busy_until = Some(drive.ground.now());
                place
            }
        };
        let gated = self.busy_until.map_or(Duration::ZERO, |busy| busy.since(due));
        Some(Opening { due, place: Some(place), gated })
    }
}

/// Waits for a place while exchanges end.
async fn wait<G: Ground>(
    drive: &Drive<G>,
    places: Arc<Semaphore>,
    tasks: &mut JoinSet<()>,
) -> Option<OwnedSemaphorePermit> {
    let mut place = pin!(places.acquire_owned());
    loop {
        tokio::select! {
            biased;
            () = drive.over() => return None,
            place = &mut place => return place.ok(),
            Some(ended) = tasks.join_next() => report(ended),
        }
    }
}
