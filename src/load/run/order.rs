//! What a run is to do.

use std::{sync::Arc, time::Duration};

use super::Witness;
use crate::{
    clock::{Stamp, Wall},
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
    /// Who reads what the target's engine and GPUs tell of themselves, if they do.
    pub witness: Option<Arc<dyn Witness>>,
}

impl RunOrder {
    /// A run of `scenario` at once, held against nothing, with the usual limits. Its id is the name
    /// of its sweep.
    pub fn of(key: RunKey, link: Arc<Link>, scenario: Scenario) -> Self {
        Self {
            id: Arc::clone(&key.sweep),
            key: Arc::new(key),
            trigger: Trigger::Bench,
            due_unix_nanos: Wall::anchor().unix_nanos(Stamp::now()),
            link,
            seed: scenario.seed.unwrap_or(1),
            scenario: Arc::new(scenario),
            slos: Vec::new(),
            global: Arc::new(Global::default()),
            known_answer: None,
            max_duration: None,
            compat: None,
            engine: None,
            calibration: None,
            witness: None,
        }
    }
}
