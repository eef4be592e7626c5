//! What a drive stands on: a clock, alarms, and whoever makes exchanges.
//!
//! Owns the seam at which the tests put a clock that they move and exchanges that they script.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::yield_now,
};

use super::RunOrder;
use crate::{
    client::{Limits, Text},
    clock::Stamp,
    config::Connection,
    load::{Link, exchange, own_beats::Beaten},
    schedule::{Lead, Pacer, Wake},
    timeline::{Exchange, Recorder, Timeline},
    workload::RequestPlan,
};

/// Room for so many token events at most is made before an exchange begins: an answer that may be
/// endless must not cost memory before it comes.
const EXPECTED_TOKENS: u32 = 4_096;

/// How early a bell that is watched for wakes the runtime. Two threads wake one after the other, each
/// on a processor that may sleep. What is due within `along` comes with it: at 2,000 a second the
/// pacer would else often wake in the middle of a send, hold it back, and so make bunches. Of 60 to
/// 200 µs and 0 to 300 µs these have the least lag and the fewest bunches
/// (`cargo bench -- arrivals`).
const WATCHFUL: Lead =
    Lead { ahead: Duration::from_micros(200), along: Duration::from_micros(300) };

/// How a due time is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The runtime sleeps until it has come.
    Asleep,
    /// The runtime wakes shortly before, and until then looks for what has arrived instead of
    /// sleeping: at each due time of an open loop something is to be sent.
    Watchful,
}

impl Waiting {
    fn lead(self) -> Lead {
        match self {
            Self::Asleep => Lead::default(),
            Self::Watchful => WATCHFUL,
        }
    }
}

/// A due time that has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bell {
    /// When it was due.
    pub(super) due: Stamp,
    /// When it could have been heard; what passes until somebody hears it is the runtime's delay.
    pub(super) woke: Stamp,
}

/// Rings at due times.
pub(super) trait Alarm: Send + 'static {
    /// The next due time, once it has come. Absent after the last.
    fn next(&mut self) -> impl Future<Output = Option<Bell>> + Send;
}

/// What a drive stands on.
pub(super) trait Ground: Send + Sync + 'static {
    /// What rings.
    type Alarm: Alarm;

    /// The time.
    fn now(&self) -> Stamp;

    /// Rings at each of `dues`, which must ascend, and is never early.
    fn alarm(
        &self,
        dues: impl Iterator<Item = Stamp> + Send + 'static,
        waiting: Waiting,
    ) -> Self::Alarm;

    /// Makes one exchange. `on_close` receives it when it ends, also when the future is dropped.
    fn exchange(
        &self,
        due: Stamp,
        plan: &RequestPlan,
        text: Text,
        on_close: impl FnOnce(Exchange) + Send + 'static,
    ) -> impl Future<Output = ()> + Send;

    /// Spends one request with at most `output_tokens`, if the budget still has it.
    fn spend(&self, output_tokens: u64) -> bool;

    /// What our own beats had of the target so far.
    fn beaten(&self) -> Beaten;

    /// Learns from what the server counted of a prompt that was so many words long.
    fn learn(&self, words: u32, exchange: &Exchange);
}

/// Waits for one due time, by the pacer and not by the runtime's timers, which are a millisecond
/// late.
pub(super) async fn until<G: Ground>(ground: &G, due: Stamp) {
    if due > ground.now() {
        ground.alarm(std::iter::once(due), Waiting::Asleep).next().await;
    }
}

/// The real ground: the pacer and the target.
pub(super) struct Live {
    pacer: Arc<Pacer>,
    link: Arc<Link>,
    model: Arc<str>,
    sweep: Arc<str>,
    connection: Connection,
    limits: Limits,
}

impl Live {
    /// The ground of `order`.
    pub(super) fn new(order: &RunOrder, pacer: Arc<Pacer>) -> Self {
        let global = &order.global;
        let total = order.scenario.timeout.unwrap_or(global.timeout);
        Self {
            pacer,
            link: Arc::clone(&order.link),
            model: Arc::clone(&order.key.model),
            sweep: Arc::clone(&order.key.sweep),
            connection: order.scenario.connection,
            limits: exchange::limits(global, total),
        }
    }

    /// Longest exchange.
    pub(super) fn longest(&self) -> Duration {
        self.limits.total
    }
}

/// The pacer's wakes.
pub(super) struct Wakes {
    wakes: UnboundedReceiver<Wake>,
    /// The bell that is about to ring: whoever waits for it may be called away.
    near: Option<Bell>,
}

impl Alarm for Wakes {
    async fn next(&mut self) -> Option<Bell> {
        let bell = match self.near {
            Some(bell) => bell,
            None => {
                let Wake { due, woke, .. } = self.wakes.recv().await?;
                *self.near.insert(Bell { due, woke: woke.max(due) })
            }
        };
        // Whatever arrives meanwhile is read: a task that yields comes after those that are ready.
        while Stamp::now() < bell.due {
            yield_now().await;
        }
        self.near.take()
    }
}

impl Ground for Live {
    type Alarm = Wakes;

    fn now(&self) -> Stamp {
        Stamp::now()
    }

    fn alarm(&self, dues: impl Iterator<Item = Stamp> + Send + 'static, waiting: Waiting) -> Wakes {
        let (wake, wakes) = unbounded_channel();
        // The schedule ends with its receiver: no ticket need be kept.
        self.pacer.add_early(dues, waiting.lead(), wake);
        Wakes { wakes, near: None }
    }

    async fn exchange(
        &self,
        due: Stamp,
        plan: &RequestPlan,
        text: Text,
        on_close: impl FnOnce(Exchange) + Send + 'static,
    ) {
        let expected = plan.max_tokens.min(EXPECTED_TOKENS);
        let timeline = Timeline::new(due, usize::try_from(expected).unwrap_or(0));
        let order = exchange::Order {
            link: &self.link,
            model: &self.model,
            probe: &self.sweep,
            trace: None,
            plan,
            connection: self.connection,
            limits: self.limits,
            text,
        };
        exchange::run(order, Recorder::open(timeline, on_close)).await;
    }

    fn spend(&self, output_tokens: u64) -> bool {
        self.link.spend(output_tokens)
    }

    fn beaten(&self) -> Beaten {
        self.link.beaten_so_far()
    }

    fn learn(&self, words: u32, exchange: &Exchange) {
        let usage = exchange.timeline.usage;
        if let Some(tokens) = usage.and_then(|usage| usage.prompt_tokens) {
            self.link.learn(&self.model, words, tokens);
        }
    }
}
