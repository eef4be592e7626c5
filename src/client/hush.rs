//! A waker that keeps an exchange from waking itself.
//!
//! A body and its connection, polled in one task, hand each other frames through hyper's channel,
//! and each hand-over wakes the task that is running them. Without this, every event costs a
//! second round of polls that finds nothing. Wakes that come while the two are being polled are
//! only noted; whether they matter shows when that round ends without a result.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use atomic_waker::AtomicWaker;

/// Wakes go to the task.
const OPEN: u8 = 0;
/// A round of polls is under way.
const HUSHED: u8 = 1;
/// A round of polls is under way, and a wake came meanwhile.
const WOKEN: u8 = 2;

/// The waker of one connection.
#[derive(Debug)]
pub(crate) struct Hush {
    shared: Arc<Shared>,
    /// Made once, so that whoever keeps it sees the same waker at every poll.
    waker: Waker,
}

#[derive(Debug)]
struct Shared {
    /// The waker of the exchange's task. Kept from poll to poll, since a task rarely changes it.
    /// A wake takes it; whoever is woken polls, and so puts it back.
    task: AtomicWaker,
    state: AtomicU8,
}

impl Hush {
    pub(crate) fn new() -> Self {
        let task = AtomicWaker::new();
        let shared = Arc::new(Shared { task, state: AtomicU8::new(OPEN) });
        Self { waker: Waker::from(Arc::clone(&shared)), shared }
    }

    /// Runs one round of polls with a hushed context. A wake that came in a round without a result
    /// may be real news, so the task gets it. After a result it need not: whoever polls for
    /// another result polls everything again.
    pub(crate) fn round<T>(
        &self,
        cx: &Context<'_>,
        round: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let state = &self.shared.state;
        self.shared.task.register(cx.waker());
        state.store(HUSHED, Ordering::SeqCst);
        let done = round(&mut Context::from_waker(&self.waker));
        if state.swap(OPEN, Ordering::SeqCst) == WOKEN && done.is_pending() {
            cx.waker().wake_by_ref();
        }
        done
    }

    /// Whether a wake came in the round that is under way. Whoever waits for one need not be polled
    /// again before.
    pub(crate) fn has_news(&self) -> bool {
        self.shared.state.load(Ordering::SeqCst) == WOKEN
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let noted = self.state.compare_exchange(HUSHED, WOKEN, Ordering::SeqCst, Ordering::SeqCst);
        if noted == Err(OPEN) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts its wakes.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The wakes of a task in whose round `wakes` came before `done`, and one more after it.
    fn wakes(wakes: usize, done: Poll<()>) -> (usize, usize) {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let hush = Hush::new();
        let mut kept = None;
        let result = hush.round(&Context::from_waker(&waker), |cx| {
            (0..wakes).for_each(|_| cx.waker().wake_by_ref());
            kept = Some(cx.waker().clone());
            done
        });
        assert_eq!(result, done);
        let within = task.0.load(Ordering::SeqCst);
        kept.expect("the round ran").wake();
        (within, task.0.load(Ordering::SeqCst))
    }

    #[test]
    fn news_shows_within_its_round_only() {
        let hush = Hush::new();
        let round = |wakes: usize| {
            hush.round(&Context::from_waker(Waker::noop()), |cx| {
                (0..wakes).for_each(|_| cx.waker().wake_by_ref());
                Poll::Ready(hush.has_news())
            })
        };
        assert_eq!([0, 1, 0].map(round), [false, true, false].map(Poll::Ready));
        assert!(!hush.has_news());
    }

    #[test]
    fn a_round_with_a_result_wakes_nobody() {
        assert_eq!(wakes(0, Poll::Ready(())), (0, 1));
        assert_eq!(wakes(2, Poll::Ready(())), (0, 1));
    }

    #[test]
    fn news_in_a_round_without_a_result_is_passed_on_once() {
        assert_eq!(wakes(0, Poll::Pending), (0, 1));
        assert_eq!(wakes(2, Poll::Pending), (1, 2));
    }
}
