//! Who listens to what the load does.

use std::{sync::Arc, time::Duration};

use super::{Beat, BeatKey, RunKey, RunRecord, Skipped, StepRecord};
use crate::timeline::Outcome;

/// Who listens to what the load does. Called on the measuring runtime: an implementation never
/// blocks.
pub trait Sink: Send + Sync {
    /// A beat is on its way. Here and below, `key` is the very one that its subject was made with.
    fn started(&self, key: &BeatKey);
    /// A beat has ended.
    fn ended(&self, beat: &Beat);
    /// A beat was due but not sent.
    fn skipped(&self, key: &BeatKey, why: Skipped);
    /// A wake of the pacer waited so long for the measuring runtime.
    fn stalled(&self, wait: Duration);
}

/// A run that has begun.
#[derive(Clone, Debug)]
pub struct RunStarted {
    /// Whose run.
    pub key: Arc<RunKey>,
    /// Its id.
    pub id: Arc<str>,
    /// When, in nanoseconds since the Unix epoch.
    pub at_unix_nanos: i64,
    /// Steps that it will have; of a search the most.
    pub steps: u32,
}

/// Where a run stands. Told a few times a second, never per exchange.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Whose run.
    pub key: Arc<RunKey>,
    /// The step that runs, from 0.
    pub step: u32,
    /// The steps that it will have; of a search the most.
    pub steps: u32,
    /// What is being done, in a few words: the load of the step, `sizing prompts`, `settling`,
    /// `draining`.
    pub doing: String,
    /// How far the whole run is, 0 to 1; a guess in a search.
    pub ratio: f64,
    /// Exchanges of this step that have ended, and how many there will be, if that is known.
    pub ended: u64,
    /// Exchanges that this step will have, if that is known.
    pub of: Option<u64>,
    /// Those of `ended` that failed.
    pub failed: u64,
    /// In flight now.
    pub in_flight: u64,
    /// Median time to first token of this step so far, in seconds.
    pub ttft_p50: Option<f64>,
    /// Output tokens a second of this step so far.
    pub output_tokens_per_second: Option<f64>,
}

/// Who listens to runs, to as much of them as it cares for: what is left out is not heard. Called on
/// the thread that loads: an implementation never blocks.
pub trait RunSink: Send + Sync {
    /// A run has begun.
    fn started(&self, _run: &RunStarted) {}
    /// An exchange of a run has ended, those of the sizing and of the warm-up included.
    fn exchange(&self, _key: &RunKey, _outcome: Outcome) {}
    /// Where the run stands.
    fn progress(&self, _progress: &Progress) {}
    /// A step has ended.
    fn step(&self, _key: &RunKey, _step: &StepRecord) {}
    /// Called behind [`Self::step`]: `record` makes the record as it would be if nothing more came
    /// of the run, for whoever keeps it so that a later failure loses nothing.
    fn so_far(&self, _record: &dyn Fn() -> RunRecord) {}
    /// A run has ended.
    fn ended(&self, _run: &Arc<RunRecord>) {}
}
