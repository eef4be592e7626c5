//! One timer an attempt. It is moved only when it fires too early, so a token costs no timer.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::clock::Stamp;

/// The runtime's own granularity: a timer set this much too late need not be set anew.
const GRANULARITY: Duration = Duration::from_millis(1);

/// A timer whose deadline may move on while it runs.
pub(crate) struct Timer {
    sleep: Pin<Box<Sleep>>,
    set_for: Stamp,
}

impl Timer {
    /// A timer that first fires at `at`.
    pub(crate) fn new(at: Stamp) -> Self {
        Self { sleep: Box::pin(sleep(at.since(Stamp::now()))), set_for: at }
    }

    /// Ready once `deadline` has passed. A deadline later than the one the timer is set to costs
    /// nothing until that one comes, not even a reading of the clock; an earlier one is set at
    /// once.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Stamp) -> Poll<()> {
        if self.set_for > deadline.after(GRANULARITY) {
            self.set(deadline, Stamp::now());
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Stamp::now();
            if deadline.since(now).is_zero() {
                return Poll::Ready(());
            }
            self.set(deadline, now);
        }
        Poll::Pending
    }

    fn set(&mut self, deadline: Stamp, now: Stamp) {
        self.sleep.as_mut().reset(Instant::now() + deadline.since(now));
        self.set_for = deadline;
    }
}
