//! Whether the runs of one subject get worse.
//!
//! Owns the subject's history in memory, so that a run that ends waits for no disk. What the store
//! has is taken in once, on a thread that may wait; runs that end meanwhile come behind it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    analysis::{History, Point},
    event::{Regression, RunKey, RunRecord},
    store::Store,
};

/// Most records of a subject that are read: two whole baselines and what lies between.
const MOST_READ: usize = 64;

/// Regressions that one line of the log names.
const MOST_NAMED: usize = 3;

/// What is known of the runs of one subject.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    history: History,
    store: Stored,
}

/// What the store has.
#[derive(Debug)]
enum Stored {
    /// It was not read yet; the runs that have ended since the start.
    Unread(Vec<Point>),
    /// It is in the history.
    Read,
}

impl Default for Stored {
    fn default() -> Self {
        Self::Unread(Vec::new())
    }
}

impl Watch {
    /// The record of a run that has ended, with how it stands against those before it. One that is
    /// not complete and valid is not compared.
    pub(super) fn judged(&self, run: &Arc<RunRecord>) -> Arc<RunRecord> {
        let Some(point) = Point::of(run) else { return Arc::clone(run) };
        let regressions = self.judge(point);
        tell(run, &regressions);
        let mut run = RunRecord::clone(run);
        run.findings.regressions = regressions;
        Arc::new(run)
    }

    fn judge(&self, point: Point) -> Vec<Regression> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.history.judge(&point);
        if let Stored::Unread(ended) = &mut known.store {
            // So many runs without a look at the store: there is none.
            if ended.len() < MOST_READ {
                ended.push(point);
            }
        }
        found
    }

    /// Takes in what `store` has of the runs of `key`, once. Waits for the disk.
    pub(super) fn restore(&self, store: &Store, key: &RunKey) {
        let mut stored = Vec::new();
        store.runs_of(key, MOST_READ, |run| stored.extend(Point::of(run)));
        stored.reverse();
        self.take_in(&stored);
    }

    /// Takes in runs of the past, the oldest first.
    fn take_in(&self, stored: &[Point]) {
        let mut history = History::default();
        for point in stored {
            history.judge(point);
        }
        let last = stored.last().map_or(f64::NEG_INFINITY, Point::ended_at);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Stored::Unread(ended) = std::mem::replace(&mut known.store, Stored::Read) else {
            return;
        };
        // The store may have those already that ended since the start.
        for point in ended.iter().filter(|point| point.ended_at() > last) {
            history.judge(point);
        }
        known.history = history;
    }
}

/// Says in the log what is worse.
fn tell(run: &RunRecord, regressions: &[Regression]) {
    let worse: Vec<String> = Regression::in_words(regressions).collect();
    if worse.is_empty() {
        return;
    }
    let what = worse[..worse.len().min(MOST_NAMED)].join(", ");
    let RunRecord { id, sweep, target, model, .. } = run;
    tracing::warn!(run = %id, %sweep, %target, %model, numbers = worse.len(), what, "the run is worse than those before it, and not the first");
}

#[cfg(test)]
mod tests;
