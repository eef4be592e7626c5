//! What is known of a target at the moment at which a run would begin.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    check,
    clock::{Stamp, Wall},
    config::Guard,
    event::Engine,
    load::Link,
    schedule::{Beating, Circumstances, HeldBack, held_back},
    sinks::recent::Recent,
    telemetry,
};

/// How long the engine's metrics may take.
const METRICS: Duration = Duration::from_secs(5);

/// How long the engine may take to be recognised: each request, and all of them.
const EACH: Duration = Duration::from_secs(2);
const RECOGNISED: Duration = Duration::from_secs(10);

/// Beats that are older than this are not recent.
const RECENT: Duration = Duration::from_secs(600);

/// What holds a run at `link` back, if anything does.
pub(super) async fn held(link: &Link, guard: &Guard, recent: &Recent) -> Option<HeldBack> {
    let (measured, failed) = recent.failed_of(&link.target().name, now(RECENT));
    let seen = Circumstances {
        budget_spent: link.is_spent(),
        beats: Beating { measured, failed },
        engine_requests_waiting: match guard.engine_requests_waiting {
            Some(_) => waiting(link).await,
            None => None,
        },
    };
    held_back(guard, &seen)
}

/// The engine behind `link`, if it tells in time.
pub(super) async fn engine(link: &Link) -> Option<Engine> {
    let recognised = timeout(RECOGNISED, check::recognised(link, EACH)).await.ok()??;
    Some(Engine { name: recognised.name.to_owned(), version: recognised.version })
}

/// Requests that wait in the engine's queue. Where that cannot be told, the guard is no guard, and
/// that is said each time.
async fn waiting(link: &Link) -> Option<f64> {
    let target = &link.target().name;
    let why = match check::engine_metrics(link, METRICS).await {
        Ok(Some(text)) => match telemetry::requests_waiting(&text) {
            Some(waiting) => return Some(waiting),
            None => "they do not tell the length of the queue".to_owned(),
        },
        Ok(None) => "the target has no `engine_metrics`".to_owned(),
        Err(why) => why,
    };
    tracing::warn!(%target, why, "the queue of the engine is not known: the guard lets the sweep run");
    None
}

/// The time now less `ago`, in nanoseconds since the Unix epoch.
fn now(ago: Duration) -> i64 {
    Wall::anchor().unix_nanos(Stamp::now().before(ago))
}
