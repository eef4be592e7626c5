//! Where a run stands, told a few times a second.

use std::{sync::Arc, time::Duration};

use super::{drive::Drive, ground::Ground};
use crate::{
    clock::Stamp,
    event::{Progress, RunKey, RunSink},
};

/// Time between two reports.
pub(super) const EVERY: Duration = Duration::from_millis(250);

/// Tells where one step of a run stands.
pub(super) struct Teller {
    /// Whose run.
    pub(super) key: Arc<RunKey>,
    /// Who listens.
    pub(super) sink: Arc<dyn RunSink>,
    /// The step.
    pub(super) step: u32,
    /// The steps that there will be; of a search the most.
    pub(super) steps: u32,
    /// When it began.
    pub(super) began: Stamp,
    /// Exchanges that it will have, if that is known.
    pub(super) of: Option<u64>,
}

impl Teller {
    /// Tells how far the drive of the step is.
    pub(super) fn driving<G: Ground>(&self, drive: &Drive<G>, load: &str) {
        let (counts, looked) = (drive.counts(), drive.look());
        let by_count = self.of.map(|of| counts.ended as f64 / of.max(1) as f64);
        let done = drive.elapsed().unwrap_or(0.0).max(by_count.unwrap_or(0.0)).min(1.0);
        let seconds = drive.ground.now().since(self.began).as_secs_f64();
        let rate = looked.output_tokens as f64 / seconds;
        self.sink.progress(&Progress {
            key: Arc::clone(&self.key),
            step: self.step,
            steps: self.steps,
            doing: if drive.is_over() { "draining".to_owned() } else { load.to_owned() },
            ratio: self.ratio(done),
            ended: counts.ended,
            of: self.of,
            failed: counts.failed,
            in_flight: counts.in_flight(),
            ttft_p50: looked.ttft_p50,
            output_tokens_per_second: rate.is_finite().then_some(rate),
        });
    }

    /// Tells what is done before the step begins, with so many exchanges.
    pub(super) fn before(&self, doing: &str, in_flight: u64) {
        self.sink.progress(&Progress {
            key: Arc::clone(&self.key),
            step: self.step,
            steps: self.steps,
            doing: doing.to_owned(),
            ratio: self.ratio(0.0),
            ended: 0,
            of: self.of,
            failed: 0,
            in_flight,
            ttft_p50: None,
            output_tokens_per_second: None,
        });
    }

    fn ratio(&self, done: f64) -> f64 {
        ((f64::from(self.step) + done) / f64::from(self.steps.max(1))).min(1.0)
    }
}
