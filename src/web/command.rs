//! What the web side asks of the daemon.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::subject::Slot;
use crate::event::{Beat, BeatKey, RunKey};

/// A request to the daemon. Every command carries where to answer; dropping it is an answer too
/// (the daemon is stopping).
#[derive(Debug)]
pub enum Command {
    /// Read the configuration again and apply it.
    Reload {
        /// Takes the result: nothing, or why the old configuration stays, in words for a person.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// Make one beat now that enters no counter.
    Probe {
        /// Whose beat.
        key: Arc<BeatKey>,
        /// Longest beat: the probe's own timeout, or less.
        timeout: Duration,
        /// Takes the beat.
        reply: ProbeReply,
    },
    /// Run a sweep now.
    RunSweep {
        /// Its name.
        sweep: String,
        /// One of its targets; all if absent.
        target: Option<String>,
        /// One model; all if absent.
        model: Option<String>,
        /// Takes what runs and what does not.
        reply: SweepReply,
    },
    /// Drain a run: what is in flight is let end, and its steps so far are kept.
    CancelRun {
        /// Its id.
        id: String,
        /// Takes the result.
        reply: oneshot::Sender<Result<(), CancelRefused>>,
    },
}

/// Takes what became of [`Command::RunSweep`]: nothing, if no such sweep is configured.
pub type SweepReply = oneshot::Sender<Option<SweepAsked>>;

/// What became of the wish to run a sweep.
#[derive(Clone, Debug, Default)]
pub struct SweepAsked {
    /// The runs that there are now, with their ids; those of one target run one after the other.
    pub runs: Vec<(Arc<str>, Arc<RunKey>)>,
    /// What is not run, and why, in words that begin with the kind of reason.
    pub refused: Vec<(Arc<RunKey>, String)>,
}

/// Why a run was not cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CancelRefused {
    /// No run of that id runs or waits.
    #[error("no such run is under way")]
    Unknown,
}

/// Why a beat on demand was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeRefused {
    /// The target's budget is spent.
    #[error("the budget of the target is spent")]
    Budget,
    /// A reload removed the probe between the question and the answer.
    #[error("the probe is no longer configured")]
    Gone,
    /// The daemon is stopping.
    #[error("tokenbeat is stopping")]
    Stopping,
}

/// Where the beat of [`Command::Probe`] goes. The subject counts as in flight until this is used
/// or dropped, even when the client that asked is gone: its tokens are still being spent.
#[derive(Debug)]
pub struct ProbeReply {
    send: oneshot::Sender<Result<Box<Beat>, ProbeRefused>>,
    slot: Slot,
}

impl ProbeReply {
    pub(super) const fn new(
        send: oneshot::Sender<Result<Box<Beat>, ProbeRefused>>,
        slot: Slot,
    ) -> Self {
        Self { send, slot }
    }

    /// Answers. Whether anyone still listens does not matter to the daemon.
    pub fn send(self, answer: Result<Box<Beat>, ProbeRefused>) {
        // The slot is freed first: a client that asks again right after the answer is not refused.
        drop(self.slot);
        let _ = self.send.send(answer);
    }
}
