//! The engine's slots: queue, batch, and the account of each request worked on.
//!
//! Owns who is worked on when and what that does to the metrics. A [`Slot`] closes its account
//! once, also when it is dropped because the client left. Must not know HTTP or events.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::gpu::Work;
use super::metrics::{Finish, Metrics};
use super::prefix::PrefixCache;
use super::stamps::{StampRecord, Stamps};
use super::tells::Took;
use super::wire::Wire;
use crate::clock::Stamp;

/// All slots of the engine, whatever the model.
pub(super) struct Engine {
    /// Fair: permits go out in the order in which they were asked for.
    slots: Arc<Semaphore>,
    busy: AtomicUsize,
    prefix: Mutex<PrefixCache>,
    pub(super) stamps: Stamps,
    /// For the GPUs.
    pub(super) work: Work,
    /// When work on the first request of all began.
    first: OnceLock<Stamp>,
}

/// What the engine has to know of a request.
pub(super) struct Order<'a> {
    pub(super) prompt: &'a str,
    pub(super) prompt_tokens: u32,
    /// Of its words, which are what the prefix cache holds.
    pub(super) tokens_per_word: f64,
    pub(super) arrived: Stamp,
    /// When the kernel had it, if it tells.
    pub(super) received: Option<Stamp>,
}

impl Engine {
    pub(super) fn new(slots: usize, prefix_blocks: usize, stamps: bool) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            busy: AtomicUsize::new(0),
            prefix: Mutex::new(PrefixCache::new(prefix_blocks)),
            stamps: Stamps::new(stamps),
            work: Work::default(),
            first: OnceLock::new(),
        }
    }

    /// Requests worked on now.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// How long an engine that needs `cold` to get going still needs at `now`.
    pub(super) fn warming(&self, now: Stamp, cold: Duration) -> Duration {
        self.first.get_or_init(|| now).after(cold).since(now)
    }

    /// Waits for a slot. Fails when the client leaves the queue.
    pub(super) async fn admit(
        self: &Arc<Self>,
        metrics: &Arc<Metrics>,
        wire: &mut Wire,
        order: Order<'_>,
    ) -> io::Result<Slot> {
        let place = Place::take(metrics);
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(&self.slots).acquire_owned() => {
                permit.map_err(|_| io::Error::from(io::ErrorKind::Interrupted))?
            }
            gone = wire.gone() => {
                metrics.finished(Finish::Abort);
                return Err(gone);
            }
        };
        drop(place);
        let admitted = Stamp::now();
        let mut prefix = self.prefix.lock().unwrap_or_else(PoisonError::into_inner);
        let words = prefix.look_up(order.prompt);
        drop(prefix);
        let cached = (f64::from(words) * order.tokens_per_word).round() as u32;
        add(&metrics.prefix_queries, order.prompt_tokens);
        add(&metrics.prefix_hits, cached);
        add(&metrics.prompt_tokens, order.prompt_tokens);
        add(&metrics.kv_tokens, order.prompt_tokens);
        add(&metrics.running, 1);
        metrics.queue.observe(admitted.since(order.arrived));
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.work.begun(admitted);
        Ok(Slot {
            key: self.stamps.key(order.prompt),
            engine: Arc::clone(self),
            metrics: Arc::clone(metrics),
            _permit: permit,
            arrived: order.arrived,
            received: order.received,
            admitted,
            tokens_sent: None,
            cached,
            prompt_tokens: order.prompt_tokens,
            tokens: 0,
            outcome: Finish::Abort,
        })
    }
}

fn add(counter: &AtomicU64, count: u32) {
    counter.fetch_add(u64::from(count), Ordering::Relaxed);
}

/// A place in the queue; given up when dropped.
struct Place(Arc<Metrics>);

impl Place {
    fn take(metrics: &Arc<Metrics>) -> Self {
        add(&metrics.waiting, 1);
        Self(Arc::clone(metrics))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request being worked on.
pub(super) struct Slot {
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
    key: String,
    arrived: Stamp,
    received: Option<Stamp>,
    admitted: Stamp,
    /// First and latest send.
    tokens_sent: Option<(Stamp, Stamp)>,
    cached: u32,
    prompt_tokens: u32,
    tokens: u32,
    outcome: Finish,
}

impl Slot {
    pub(super) const fn admitted(&self) -> Stamp {
        self.admitted
    }

    /// Prompt tokens that the prefix cache held.
    pub(super) const fn cached(&self) -> u32 {
        self.cached
    }

    /// Tokens generated so far.
    pub(super) const fn tokens(&self) -> u32 {
        self.tokens
    }

    /// What it took so far, in the same stamps as the metrics.
    pub(super) fn took(&self) -> Took {
        let (first, last) = self.tokens_sent.unwrap_or((self.admitted, self.admitted));
        Took {
            queue: self.admitted.since(self.arrived),
            prefill: first.since(self.admitted),
            decode: last.since(first),
            prompt: self.prompt_tokens,
            cached: self.cached,
            tokens: self.tokens,
        }
    }

    /// `count` tokens went out at `at`.
    pub(super) fn sent(&mut self, count: u32, at: Stamp) {
        let first = match self.tokens_sent {
            None => {
                self.metrics.first_token.observe(at.since(self.arrived));
                self.metrics.prefill.observe(at.since(self.admitted));
                at
            }
            Some((first, latest)) => {
                self.metrics.gap.observe(at.since(latest));
                first
            }
        };
        self.tokens_sent = Some((first, at));
        self.generated(count);
    }

    /// `count` tokens were generated that nobody gets to see.
    pub(super) fn generated(&mut self, count: u32) {
        self.tokens += count;
        add(&self.metrics.generation_tokens, count);
        add(&self.metrics.kv_tokens, count);
    }

    /// The request is put back for a while.
    pub(super) fn preempted(&self) {
        add(&self.metrics.preemptions, 1);
    }

    /// Closes the account. Done before the last bytes go out, so that whoever has seen the end of
    /// the answer finds it counted.
    pub(super) fn finish(mut self, how: Finish) {
        self.outcome = how;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let metrics = &self.metrics;
        let held = u64::from(self.prompt_tokens) + u64::from(self.tokens);
        metrics.kv_tokens.fetch_sub(held, Ordering::Relaxed);
        metrics.running.fetch_sub(1, Ordering::Relaxed);
        self.engine.busy.fetch_sub(1, Ordering::Relaxed);
        self.engine.work.ended(self.admitted, Stamp::now());
        metrics.finished(self.outcome);
        if let Some((first, last)) = self.tokens_sent {
            metrics.decode.observe(last.since(first));
            metrics.e2e.observe(last.since(self.arrived));
        }
        self.engine.stamps.push(StampRecord {
            prompt: std::mem::take(&mut self.key),
            arrived_ns: self.arrived.as_nanos(),
            received_ns: self.received.map(Stamp::as_nanos),
            first_token_ns: self.tokens_sent.map(|(first, _)| first.as_nanos()),
            last_token_ns: self.tokens_sent.map(|(_, last)| last.as_nanos()),
            tokens: self.tokens,
        });
    }
}
