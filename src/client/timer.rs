//! One timer an attempt. It is moved only when it fires too early, so a token costs no timer.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::clock::Stamp;

/// A timer whose deadline may move on while it runs.
pub(crate) struct Timer(Pin<Box<Sleep>>);

impl Timer {
    /// A timer that first fires at `at`.
    pub(crate) fn new(at: Stamp) -> Self {
        Self(Box::pin(sleep(at.since(Stamp::now()))))
    }

    /// Ready once `deadline` has passed. A deadline later than the one the timer is set to costs
    /// nothing until that one comes; an earlier one is set at once.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Stamp) -> Poll<()> {
        let now = Stamp::now();
        let left = deadline.since(now);
        let set_for = self.0.deadline();
        let wanted = Instant::now() + left;
        // A millisecond is the runtime's own granularity.
        if set_for > wanted + Duration::from_millis(1) {
            self.0.as_mut().reset(wanted);
        }
        while self.0.as_mut().poll(cx).is_ready() {
            if deadline.since(Stamp::now()).is_zero() {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(Instant::now() + deadline.since(Stamp::now()));
        }
        Poll::Pending
    }
}
