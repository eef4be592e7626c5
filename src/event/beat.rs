//! One beat that has ended.

use std::sync::Arc;

use super::TraceContext;
use crate::{
    measure::{Measurement, Spoiled},
    timeline::Exchange,
    verdict::{Judgement, Slo, State},
};

/// Which series a beat belongs to: a probe of one model of one target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BeatKey {
    /// Name of the target.
    pub target: Arc<str>,
    /// Name of the model.
    pub model: Arc<str>,
    /// Name of the probe.
    pub probe: Arc<str>,
}

/// One beat that has ended.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Whose beat it is: the very key that its subject was made with, which tells one life of a
    /// series from the next of that name.
    pub key: Arc<BeatKey>,
    /// The ids that its request carried, and its trace has.
    pub trace: TraceContext,
    /// When it was due, in nanoseconds since the Unix epoch.
    pub due_unix_nanos: i64,
    /// What happened.
    pub exchange: Exchange,
    /// The numbers.
    pub measurement: Measurement,
    /// What it is held against: the SLOs of its probe when it was sent. A reload may have brought
    /// others since.
    pub slos: Arc<[Arc<Slo>]>,
    /// The judgement of each of `slos`, in their order; empty for a beat that enters no SLO
    /// (unmeasured, spoiled, or beside a sweep of our own).
    pub judgements: Vec<Judgement>,
    /// The continuous verdict of each of `slos`, in their order, where this beat renewed it.
    pub verdicts: Vec<Option<State>>,
    /// Why the beat says nothing about the target, if the client was late.
    pub spoiled: Option<Spoiled>,
    /// Whether one of our own sweeps ran on the endpoint between the beat's due time and its end:
    /// it is told and shown, but enters no histogram, no SLO and no verdict.
    pub own_sweep: bool,
}

/// Why a beat was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// The target's budget is spent.
    Budget,
    /// A maintenance window is open.
    Maintenance,
    /// The daemon is stopping.
    Shutdown,
}

impl Skipped {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Budget, Self::Maintenance, Self::Shutdown];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Maintenance => "maintenance",
            Self::Shutdown => "shutdown",
        }
    }
}
