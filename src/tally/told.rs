//! What a tally is told, and what it says while the step runs.

use std::{sync::Arc, time::Duration};

use crate::{
    arrival::Arrival,
    event::PressureOf,
    measure::Compat,
    timeline::Exchange,
    verdict::{Clustered, Slo},
};

/// What a tally must know beforehand.
#[derive(Clone, Debug)]
pub struct TallySpec {
    /// Number of the step.
    pub step: u32,
    /// Name of the workload.
    pub workload: Arc<str>,
    /// The load that is meant.
    pub arrival: Arrival,
    /// What the exchanges are held against. Goodput counts those that are good under every one.
    pub slos: Vec<Arc<Slo>>,
    /// Whose definitions are computed beside ours.
    pub compat: Option<Compat>,
}

/// Whether an exchange is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It was due before the window.
    Warmup,
    /// It was due in the window.
    Window,
}

/// An exchange that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// What happened.
    pub exchange: &'a Exchange,
    /// Of which phase.
    pub phase: Phase,
    /// Tokens that the prompt was to have, where lengths are drawn.
    pub wanted_input_tokens: Option<u32>,
    /// Tokens that the answer was to have, where lengths are drawn.
    pub wanted_output_tokens: Option<u32>,
    /// How long it waited at the gate; no lateness of ours.
    pub gated: Duration,
}

/// What a stop rule, a search or a progress bar looks at while the step runs.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// Judged so far.
    pub n: u64,
    /// Failed, of those.
    pub failed: u64,
    /// Unmeasured: aborted, or short of something on our side.
    pub unmeasured: u64,
    /// For each SLO what the misses show: of all thresholds jointly, then of each.
    pub misses: Vec<Vec<Clustered>>,
    /// Median time to first token, in seconds; absent without values, and where half have failed.
    pub ttft_p50: Option<f64>,
    /// Prompt tokens so far, in all phases.
    pub input_tokens: u64,
    /// Output tokens so far, in all phases.
    pub output_tokens: u64,
}

/// Tasks that waited for a CPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// The share of the time in which at least one did, from 0 to 1.
    pub ratio: f64,
    /// Whose.
    pub of: PressureOf,
}

/// What the tally cannot know by itself, at the end.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Seconds for which our cgroup was throttled during the step; absent where it cannot be told.
    pub throttled: Option<Duration>,
    /// For what share of it tasks waited for a CPU; likewise.
    pub pressure: Option<Pressure>,
    /// Why the step ended early.
    pub stopped: Option<String>,
    /// Exchanges due in the window by the schedule, whether begun or not: what the achieved rate is
    /// held against. Absent for a closed loop.
    pub scheduled: Option<u64>,
}
