//! What is known of a target at the moment at which a run would begin.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::super::telemetry::{EngineMetricsSource, identified, recognised};
use crate::{
    clock::{Stamp, Wall},
    config::Guard,
    event::Engine,
    load::Link,
    schedule::{Beating, Circumstances, HeldBack, held_back},
    sinks::recent::Recent,
    telemetry::Told,
};

/// How long the engine's metrics may take.
const METRICS: Duration = Duration::from_secs(5);

/// Beats that are older than this are not recent.
const RECENT: Duration = Duration::from_secs(600);

/// What holds a run at `link` back, if anything does.
pub(super) async fn held(link: Arc<Link>, guard: Guard, recent: Arc<Recent>) -> Option<HeldBack> {
    found(async move { seen(&link, &guard, &recent).await }).await
}

/// The engine behind `link`, if it tells in time.
pub(super) async fn engine(link: Arc<Link>) -> Option<Engine> {
    found(async move {
        let recognised = recognised(&link).await?;
        Some(identified(&link, recognised).await)
    })
    .await
}

/// What `look` finds. Where it panics, that is nothing: what is not known holds nothing back, and
/// the target does not stay taken for a run that never begins.
async fn found<T: Send + 'static>(
    look: impl Future<Output = Option<T>> + Send + 'static,
) -> Option<T> {
    let mut looks = JoinSet::new();
    looks.spawn(look);
    looks.join_next().await?.unwrap_or_else(|error| {
        tracing::error!(%error, "looking at a target panicked; this is a bug");
        None
    })
}

async fn seen(link: &Arc<Link>, guard: &Guard, recent: &Recent) -> Option<HeldBack> {
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

/// Requests that wait in the engine's queue. Where that cannot be told, the guard is no guard, and
/// that is said each time.
async fn waiting(link: &Arc<Link>) -> Option<f64> {
    let target = &link.target().name;
    let why = match EngineMetricsSource::of(link) {
        Some(source) => match source.told(METRICS).await {
            Ok(told) => match told.iter().map(Told::requests_waiting).sum() {
                Some(waiting) => return Some(waiting),
                None => "they do not tell the length of the queue".to_owned(),
            },
            Err(why) => why,
        },
        None => "the target has no `engine_metrics`".to_owned(),
    };
    tracing::warn!(%target, why, "the queue of the engine is not known: the guard lets the sweep run");
    None
}

/// The time now less `ago`, in nanoseconds since the Unix epoch.
fn now(ago: Duration) -> i64 {
    Wall::anchor().unix_nanos(Stamp::now().before(ago))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_that_panics_has_found_nothing() {
        assert_eq!(found(async { Some(1) }).await, Some(1));
        assert_eq!(found::<u8>(async { panic!("on purpose") }).await, None);
    }
}
