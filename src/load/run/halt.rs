//! How a run is ended from outside.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why a run is to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaltReason {
    /// Somebody cancelled it: the result is `cancelled`.
    Cancelled,
    /// The process ends, or the run took too long: the result is `interrupted`.
    Interrupted,
}

/// The handle by which a run is ended. Clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Halt {
    drain: CancellationToken,
    abort: CancellationToken,
    reason: Arc<OnceLock<(HaltReason, String)>>,
}

impl Halt {
    /// Nothing more comes due; what is in flight is let end. The first reason stands; `why` is one
    /// line for the record.
    pub fn drain(&self, reason: HaltReason, why: impl Into<String>) {
        // A later reason is none.
        let _ = self.reason.set((reason, why.into()));
        self.drain.cancel();
    }

    /// As [`Self::drain`], and what is in flight is given up.
    pub fn abort(&self, reason: HaltReason, why: impl Into<String>) {
        self.drain(reason, why);
        self.abort.cancel();
    }

    /// Why it was halted, if it was.
    pub fn reason(&self) -> Option<&(HaltReason, String)> {
        self.reason.get()
    }

    /// Returns when it is to drain.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Returns when what is in flight is to be given up.
    pub async fn aborting(&self) {
        self.abort.cancelled().await;
    }

    /// Whether it is to drain.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }
}
