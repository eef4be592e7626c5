//! Counts log messages by level.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::measure::catalogue::{Id, Reading};

/// The levels that are counted. The finer ones are for a person at the keyboard.
const LEVELS: [(Level, &str); 3] =
    [(Level::ERROR, "error"), (Level::WARN, "warn"), (Level::INFO, "info")];

/// A layer that counts the events that reach it. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct LogCounter {
    counts: Arc<[AtomicU64; LEVELS.len()]>,
}

impl LogCounter {
    /// The counts so far, every level at least 0.
    pub fn readings(&self) -> Vec<Reading> {
        let one = |((_, level), count): (&(Level, &'static str), &AtomicU64)| Reading {
            id: Id::LogMessages,
            labels: vec![Arc::from(*level)],
            value: count.load(Ordering::Relaxed) as f64,
        };
        LEVELS.iter().zip(self.counts.iter()).map(one).collect()
    }
}

impl<S: Subscriber> Layer<S> for LogCounter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = event.metadata().level();
        for ((known, _), count) in LEVELS.iter().zip(self.counts.iter()) {
            if known == level {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn events_are_counted_by_level() {
        let counter = LogCounter::default();
        let subscriber = tracing_subscriber::registry().with(counter.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!("one");
            tracing::warn!("two");
            tracing::error!("three");
            tracing::debug!("not counted");
        });
        let readings = counter.readings();
        let counts: Vec<_> = readings.iter().map(|one| (&*one.labels[0], one.value)).collect();
        assert_eq!(counts, [("error", 1.0), ("warn", 2.0), ("info", 0.0)]);
    }
}
