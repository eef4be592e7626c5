//! The closed loop: users, each with one request in flight.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    drive::{Drive, Ending},
    ground::{Alarm, Ground, Waiting},
    talk::{Opening, Talked, talk},
};
use crate::{arrival::Closed, clock::Stamp, load::exchange::report, workload::Seat};

/// Lets the users of `closed` in, each at its time from `start` on, and returns when no more
/// exchanges are begun. What is in flight then is left in `tasks`.
pub(super) async fn closed<G: Ground>(
    drive: &Arc<Drive<G>>,
    closed: &Closed,
    start: Stamp,
    tasks: &mut JoinSet<()>,
) {
    let mut entries =
        drive.ground.alarm(closed.entries().map(move |entry| start.after(entry)), Waiting::Asleep);
    let mut user = 0;
    let mut entering = true;
    while entering || !tasks.is_empty() {
        tokio::select! {
            biased;
            () = drive.over() => return,
            bell = entries.next(), if entering => match bell {
                Some(_) => {
                    tasks.spawn(user_loop(Arc::clone(drive), user));
                    user += 1;
                }
                None => entering = false,
            },
            Some(ended) = tasks.join_next() => report(ended),
        }
    }
    // Every user has nothing more to ask.
    drive.finish(Ending::Full);
}

/// One user: a session after the other. The first request is due as the user enters, each further
/// session's the moment the slot came free.
async fn user_loop<G: Ground>(drive: Arc<Drive<G>>, user: u64) {
    let seat = Seat { user, ..Seat::default() };
    let mut number = 0;
    let mut drawn = drive.session(seat, number);
    let mut due = drive.ground.now();
    while let Some((session, first)) = drawn {
        let opening = Opening { due, place: None, gated: Duration::ZERO };
        number += 1;
        // The next session is drawn while this one waits for its answer: drawn later, it would
        // make its own request late.
        let (talked, next) = tokio::join!(biased; talk(&drive, session, first, opening, None), async {
            drive.session(seat, number)
        });
        let Talked::Out(since) = talked else { return };
        (drawn, due) = (next, since);
    }
}
