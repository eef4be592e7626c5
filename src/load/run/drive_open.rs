//! The open loop: a schedule of due times that heeds no answer.
//!
//! A request that the runtime gets to late is sent late; none is skipped, and no due time moves.
//! With a gate, those that are due while it is full wait for a place in the order of their due
//! times. They wait as bells of the schedule, some bytes each, and not as tasks.

use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinSet, yield_now},
    time::sleep,
};

use super::{
    drive::{Drive, Ending},
    ground::{Alarm, Bell, Ground, Waiting},
    talk::{Opening, Places, talk},
};
use crate::{
    arrival::{Demand, Open},
    clock::Stamp,
    load::exchange::report,
    workload::Seat,
};

/// How often it is looked, behind the end of the window, whether all that was due has begun.
const OFTEN: Duration = Duration::from_millis(1);

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
    let mut bells = drive.ground.alarm(dues, Waiting::Watchful);
    let mut gate = Gate::new(open.max_in_flight);
    let begun = Arc::new(AtomicU64::new(0));
    // The same schedule again, for what it says of each request: the alarm has the times only.
    for (user, demand) in (0..).zip(open.demands(seed)) {
        // Drawn before it is due: drawn then, it would make itself late.
        let drawn = drive.session(seat(user, demand), 0);
        let due = start.after(demand.offset);
        let all_begun = || begun.load(Ordering::Relaxed) == user && !gate.is_awaited();
        let Some(bell) = next(drive, due, &mut bells, tasks, all_begun).await else { return };
        drive.heard(bell, gate.busy_until);
        let Some((session, first)) = drawn else {
            begun.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let Some(opening) = gate.enter(drive, bell.due, tasks).await else { return };
        let (drive, begun, gate) = (Arc::clone(drive), Arc::clone(&begun), gate.places.clone());
        tasks.spawn(async move {
            begun.fetch_add(1, Ordering::Relaxed);
            // Whether it was cut off or ended by itself, there is nothing more to do.
            let _ = talk(&drive, session, first, opening, gate.as_ref()).await;
        });
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

/// The bell of the request that is due at `due`; absent when no more exchanges are begun.
async fn next<G: Ground>(
    drive: &Drive<G>,
    due: Stamp,
    bells: &mut G::Alarm,
    tasks: &mut JoinSet<()>,
    all_begun: impl Fn() -> bool,
) -> Option<Bell> {
    // Bells go first, and where they never cease nothing else would be heard.
    while let Some(ended) = tasks.try_join_next() {
        report(ended);
    }
    // Beyond the end nothing is begun, however far that is; the sessions that go on have the time
    // until then. Whatever is due before is waited for, however late its bell comes.
    let closes = if drive.is_beyond(due) { drive.closes() } else { None };
    let mut closing = pin!(async {
        match closes {
            Some(at) => {
                sleep(at.since(drive.ground.now())).await;
                // Those that were late are not cut off before their first turn, nor later turns that
                // were due and wait at the gate: what waits longest would else never be measured.
                while !all_begun() {
                    sleep(OFTEN).await;
                }
            }
            None => pending().await,
        }
    });
    loop {
        tokio::select! {
            biased;
            () = drive.over() => return None,
            bell = bells.next(), if closes.is_none() => return bell,
            Some(ended) = tasks.join_next() => report(ended),
            () = &mut closing => {
                drive.finish(Ending::Full);
                return None;
            }
        }
    }
}

/// So many in flight at most.
struct Gate {
    places: Option<Arc<Places>>,
    /// When the schedule last got on after it had waited for a place.
    busy_until: Option<Stamp>,
}

impl Gate {
    fn new(most: Option<u32>) -> Self {
        Self { places: most.map(|most| Arc::new(Places::new(most))), busy_until: None }
    }

    /// Whether later turns wait for a place.
    fn is_awaited(&self) -> bool {
        self.places.as_ref().is_some_and(|places| places.are_awaited())
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
        let place = match Arc::clone(&places.free).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let place = wait(drive, Arc::clone(&places.free), tasks).await?;
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
