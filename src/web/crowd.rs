//! The connections of one listener: which of them answers, and how long the others have waited.
//!
//! Owns their limit. Sockets that say nothing must lock nobody out, so where the limit is reached
//! the connection that has waited longest makes room. Must not know what is said on them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::clock::Stamp;

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Crowd {
    room: Arc<Semaphore>,
    guests: Mutex<Vec<Arc<Guest>>>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Guest {
    doing: Mutex<Doing>,
    dismissed: CancellationToken,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It has not asked yet, since then.
    Arrived(Stamp),
    /// Its request is being answered.
    Answering,
    /// It has been answered, and may ask again, since then.
    Waiting(Stamp),
}

/// A place in the crowd; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    pub(super) guest: Arc<Guest>,
    _room: OwnedSemaphorePermit,
}

impl Crowd {
    /// Room for so many.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { room: Arc::new(Semaphore::new(limit)), guests: Mutex::default() })
    }

    /// A place for one more: at once, or when the one that was dismissed for it has left.
    pub(super) async fn seat(self: &Arc<Self>) -> Option<Seat> {
        let room = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => room,
            Err(_) => {
                self.dismiss_one();
                // The semaphore is never closed, so there is a permit in the end.
                Arc::clone(&self.room).acquire_owned().await.ok()?
            }
        };
        let guest = Arc::new(Guest {
            doing: Mutex::new(Doing::Arrived(Stamp::now())),
            dismissed: CancellationToken::new(),
        });
        self.guests().push(Arc::clone(&guest));
        Some(Seat { crowd: Arc::clone(self), guest, _room: room })
    }

    fn dismiss_one(&self) {
        let guests = self.guests();
        let idle = guests.iter().filter(|guest| !guest.dismissed.is_cancelled());
        let longest = idle
            .filter_map(|guest| Some((guest.idle_since()?, guest)))
            .min_by_key(|(since, _)| *since);
        if let Some((_, guest)) = longest {
            guest.dismissed.cancel();
        }
    }

    fn guests(&self) -> MutexGuard<'_, Vec<Arc<Guest>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Says that a request is being answered.
    pub(super) fn begins(&self) {
        *self.doing() = Doing::Answering;
    }

    /// Says that it has been answered.
    pub(super) fn ends(&self) {
        *self.doing() = Doing::Waiting(Stamp::now());
    }

    /// Since when nothing is being answered; absent while something is.
    pub(super) fn idle_since(&self) -> Option<Stamp> {
        match *self.doing() {
            Doing::Arrived(since) | Doing::Waiting(since) => Some(since),
            Doing::Answering => None,
        }
    }

    /// Returns when the connection has to go: its place is needed, or it has been there for so
    /// long without a first request.
    pub(super) async fn unwelcome(&self, patience: Duration) {
        let dismissed = tokio::time::timeout(patience, self.dismissed.cancelled()).await;
        let has_asked = !matches!(*self.doing(), Doing::Arrived(_));
        if dismissed.is_err() && has_asked {
            self.dismissed.cancelled().await;
        }
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.guests().retain(|guest| !Arc::ptr_eq(guest, &self.guest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_that_has_waited_longest_makes_room() {
        let crowd = Crowd::new(3);
        let busy = crowd.seat().await.expect("room");
        busy.guest.begins();
        let idle = crowd.seat().await.expect("room");
        let asked = crowd.seat().await.expect("room");
        asked.guest.begins();
        asked.guest.ends();
        let leave = async {
            idle.guest.unwelcome(Duration::from_secs(600)).await;
            drop(idle);
        };
        let (fourth, ()) = tokio::join!(crowd.seat(), leave);
        assert!(fourth.is_some());
        for other in [&busy, &asked] {
            assert!(!other.guest.dismissed.is_cancelled());
        }
        assert_eq!(crowd.guests().len(), 3);
    }

    #[tokio::test]
    async fn only_who_never_asks_has_to_go_by_itself() {
        let crowd = Crowd::new(2);
        let (mute, asked) = (crowd.seat().await.expect("room"), crowd.seat().await.expect("room"));
        asked.guest.begins();
        asked.guest.ends();
        let patience = Duration::from_millis(1);
        mute.guest.unwelcome(patience).await;
        let stays = asked.guest.unwelcome(patience);
        assert!(tokio::time::timeout(patience * 20, stays).await.is_err());
    }
}
