//! One source, collected from at its interval for as long as its task lives.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::telemetry::{Sheet, Slot};

/// How long one request of a collection may take, whatever the interval: an engine such as llama.cpp
/// answers between two batches, which under load is later than the shortest intervals.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(10);

/// The models of a target, as they are known now.
pub(super) type Models = Vec<Arc<str>>;

/// A source of telemetry.
pub(super) trait Collect: Send {
    /// What it collects, for the log.
    const WHAT: &'static str;

    /// How often.
    fn interval(&self) -> Duration;

    /// Collects once. Fails in words for a person; what it has to say for itself then stands in
    /// its sheets.
    fn collect(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// What stands now, for each slot that the source has.
    fn sheets(&self, models: &[Arc<str>]) -> Vec<Sheet>;
}

/// What one request of a collection may take.
pub(super) fn limit(interval: Duration) -> Duration {
    interval.clamp(SHORTEST, LONGEST)
}

/// Collects until the task is dropped; the sheets go with their slots.
pub(super) async fn watch(
    mut source: impl Collect,
    target: Arc<str>,
    mut models: watch::Receiver<Models>,
    slots: Vec<Slot>,
) {
    let mut tick = interval(source.interval());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let result = source.collect().await;
                tell(&target, &result, told.as_ref(), what(&source));
                told = Some(result);
            }
            changed = models.changed() => if changed.is_err() { return },
        }
        let sheets = source.sheets(&models.borrow_and_update());
        slots.iter().zip(sheets).for_each(|(slot, sheet)| slot.set(sheet));
    }
}

fn what<T: Collect>(_: &T) -> &'static str {
    T::WHAT
}

/// Logs a failure when it begins, when it is another one, and when it ends.
fn tell(
    target: &str,
    now: &Result<(), String>,
    before: Option<&Result<(), String>>,
    what: &'static str,
) {
    match now {
        Err(reason) if before != Some(now) => {
            tracing::warn!(target = named(target), reason, "{what} cannot be read");
        }
        Ok(()) if before.is_some_and(Result::is_err) => {
            tracing::info!(target = named(target), "{what} can be read again");
        }
        _ => {}
    }
}

/// The target of a source, if it is one target's.
fn named(target: &str) -> Option<&str> {
    (!target.is_empty()).then_some(target)
}
