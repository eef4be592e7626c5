//! What a run is to do.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{Global, Scenario},
    event::{Calibration, Engine, RunKey, Trigger},
    load::Link,
    measure::Compat,
    verdict::Slo,
};

/// A run to be made.
#[derive(Clone)]
pub struct RunOrder {
    /// Its id.
    pub id: Arc<str>,
    /// Whose.
    pub key: Arc<RunKey>,
    /// Why.
    pub trigger: Trigger,
    /// When it was due, in nanoseconds since the Unix epoch.
    pub due_unix_nanos: i64,
    /// With whom.
    pub link: Arc<Link>,
    /// What.
    pub scenario: Arc<Scenario>,
    /// What it is held against.
    pub slos: Vec<Arc<Slo>>,
    /// Seed of prompts and arrivals.
    pub seed: u64,
    /// Limits.
    pub global: Arc<Global>,
    /// The level that the last search of this sweep ended with.
    pub known_answer: Option<f64>,
    /// Longest run; then it is drained and counts as interrupted.
    pub max_duration: Option<Duration>,
    /// Whose definitions are computed beside ours.
    pub compat: Option<Compat>,
    /// The engine behind the target, if known.
    pub engine: Option<Engine>,
    /// What this machine's client costs, if measured.
    pub calibration: Option<Calibration>,
}
