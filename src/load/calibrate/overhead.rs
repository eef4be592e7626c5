//! By how much a time to first token reads too long.
//!
//! The simulator stamps its first token S right before the write, and the end of the request's
//! arrival R; the client has the due time D, the end W' of its write, and its stamp F of the first
//! token. All are readings of one clock. On loopback a write has delivered when it returns, so the
//! request arrived at A = min(R, W'), and the overhead is (F − D) − (S − A): all that lies between
//! a due request and its number but the simulator's own time.

use std::{collections::HashMap, sync::Arc, thread, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
};

use super::{
    CalibrateError,
    bed::{Bed, MODEL, NAME},
};
use crate::{
    client::{self, Limits, Text},
    clock::Stamp,
    config::Connection,
    load::{Link, Order, run, runtime},
    schedule::{Pacer, Wake},
    sim::StampRecord,
    timeline::{Exchange, Outcome, Recorder, Timeline},
    workload::RequestPlan,
};

/// Exchanges that are made.
const EXCHANGES: u32 = 300;

/// The distance of their due times.
const GAP: Duration = Duration::from_millis(5);

/// How long before the first everything is set up.
const LEAD: Duration = Duration::from_millis(50);

/// Tokens of an answer.
const TOKENS: u32 = 8;

/// The first so many characters of a prompt name the exchange to the simulator's stamps.
const KEY: usize = 64;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    first_token: Duration::from_secs(4),
    total: Duration::from_secs(4),
    idle: Duration::from_secs(4),
    response_bytes: 1 << 20,
};

/// The overhead.
pub(super) struct Overhead {
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

/// Measures it.
pub(super) fn measure() -> Result<Overhead, CalibrateError> {
    let bed = Bed::start()?;
    client::keep_stamping_on();
    let runtime = runtime().map_err(CalibrateError::Client)?;
    let pacer = Pacer::start().map_err(CalibrateError::Client)?;
    let link = Arc::clone(&bed.link);
    let measuring = thread::Builder::new().name("load".to_owned()).spawn(move || {
        let (wake, wakes) = unbounded_channel();
        let start = Stamp::now().after(LEAD);
        pacer.add((0..EXCHANGES).map(move |number| start.after(GAP * number)), wake);
        let exchanges = runtime.block_on(exchanges(&link, wakes));
        runtime.shutdown_background();
        exchanges
    });
    let exchanges =
        measuring.map_err(CalibrateError::Client)?.join().map_err(|_| CalibrateError::BrokenOff)?;
    let truth: HashMap<String, StampRecord> = (bed.sim.handle().stamps().into_iter())
        .map(|record| (record.prompt.trim_end().to_owned(), record))
        .collect();
    let failure = exchanges.iter().find_map(|(_, exchange)| exchange.detail.clone());
    let mut overheads: Vec<Duration> = (exchanges.iter())
        // A dial is a part of its exchange's time, not an error of it.
        .filter(|(_, exchange)| exchange.timeline.reused_connection)
        .filter(|(_, exchange)| exchange.outcome == Outcome::Ok)
        .filter_map(|(key, exchange)| overhead(&exchange.timeline, truth.get(key)?))
        .collect();
    overheads.sort_unstable();
    match (rank(&overheads, 0.50), rank(&overheads, 0.99)) {
        (Some(p50), Some(p99)) => Ok(Overhead { p50, p99 }),
        _ => Err(CalibrateError::NothingMeasured(
            failure.unwrap_or_else(|| "none has a stamp of the simulator".to_owned()),
        )),
    }
}

/// Makes an exchange at each wake, until the schedule is over and all have ended.
async fn exchanges(
    link: &Arc<Link>,
    mut wakes: UnboundedReceiver<Wake>,
) -> Vec<(String, Exchange)> {
    let (mut tasks, mut number) = (JoinSet::new(), 0_u32);
    while let Some(wake) = wakes.recv().await {
        tasks.spawn(exchange(Arc::clone(link), wake.due, number.to_string()));
        number += 1;
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

async fn exchange(link: Arc<Link>, due: Stamp, key: String) -> Option<(String, Exchange)> {
    let prompt = format!("{key:<KEY$} Tell of a river and a stone.");
    let plan = RequestPlan::completion(prompt, TOKENS);
    let order = Order {
        link: &link,
        model: MODEL,
        probe: NAME,
        trace: None,
        plan: &plan,
        connection: Connection::Reuse,
        limits: LIMITS,
        text: Text::Dropped,
    };
    let (tell, mut told) = unbounded_channel();
    let timeline = Timeline::new(due, usize::try_from(TOKENS).unwrap_or(0));
    let recorder = Recorder::open(timeline, move |exchange| {
        // The receiver lives until the exchange has ended.
        let _ = tell.send(exchange);
    });
    run(order, recorder).await;
    told.try_recv().ok().map(|exchange| (key, exchange))
}

/// (F − D) − (S − A); zero where it would be negative.
fn overhead(ours: &Timeline, truth: &StampRecord) -> Option<Duration> {
    let first = Stamp::from_nanos(truth.first_token_ns?);
    let read = Stamp::from_nanos(truth.arrived_ns);
    let arrived = ours.sent_after.map_or(read, |written| written.min(read));
    let ttft = ours.first_token()?.at.since(ours.due);
    Some(ttft.saturating_sub(first.since(arrived)))
}

/// The value at rank `⌈q·n⌉` of sorted values.
fn rank(sorted: &[Duration], q: f64) -> Option<Duration> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{TokenEvent, TokenKind};

    #[test]
    fn the_overhead_is_what_the_simulator_did_not_spend() {
        let at = |micros: u64| Stamp::from_nanos(micros * 1_000);
        let mut ours = Timeline::new(at(0), 1);
        ours.sent_after = Some(at(120));
        let kind = TokenKind::Text;
        ours.note_token(TokenEvent { at: at(20_150), read_delay: None, kind, read: 1 });
        let truth = |read: u64, first: u64| StampRecord {
            prompt: String::new(),
            arrived_ns: read * 1_000,
            received_ns: None,
            first_token_ns: Some(first * 1_000),
            last_token_ns: None,
            tokens: 1,
        };
        // Delivered by the write at 120 µs, although the simulator read it at 400.
        assert_eq!(overhead(&ours, &truth(400, 20_100)), Some(Duration::from_micros(170)));
        // Read before our write had even returned: we were preempted inside it.
        assert_eq!(overhead(&ours, &truth(100, 20_100)), Some(Duration::from_micros(150)));
        assert_eq!(overhead(&ours, &truth(100, 30_100)), Some(Duration::ZERO));
    }
}
