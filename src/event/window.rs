//! A probe's last minutes, and the sources that told of its engine and its GPUs meanwhile.

use serde::Serialize;

use super::{CauseRecord, EngineFacts, StepEngine, StepGpu};

/// The beats of one probe over the last minutes, beside what its engine and its GPUs told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProbeWindow {
    /// Beats that were held against the SLOs.
    pub judged: u64,
    /// Beats that our own lateness kept out of them.
    pub spoiled: u64,
    /// How far back the numbers below reach, in seconds.
    pub seconds: f64,
    /// Our mean time to first token, of the beats that were ok.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft_mean: Option<f64>,
    /// Our mean time to the end of the answer, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e2e_mean: Option<f64>,
    /// Requests of ours to the target that were answered, of all of its probes: to be held against
    /// `engine.requests`.
    pub own_requests: u64,
    /// What the engine told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<StepEngine>,
    /// What the GPUs told; energy a token is of all tokens that the engine generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<StepGpu>,
    /// Dollars for a million tokens at the rate at which the engine generated them, for everybody;
    /// absent where that or the target's cost is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_dollars_per_million_output_tokens: Option<f64>,
    /// What was missed, and why; absent of a window that is healthy, or has too few beats to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degraded>,
}

/// What a window missed, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Degraded {
    /// The SLO that was missed most.
    pub slo: String,
    /// The share of beats that it wants to be good.
    pub objective_ratio: f64,
    /// Beats that were held against it.
    pub judged: u64,
    /// Those that were not good.
    pub misses: u64,
    /// What made them so.
    #[serde(flatten)]
    pub cause: CauseRecord,
}

/// A source of telemetry, and how its last reading went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetrySource {
    /// `engine`, or what collects from the GPUs: `dcgm`, `nvml`.
    pub source: &'static str,
    /// The engine, or the GPUs; empty while not known.
    pub name: String,
    /// Version of the engine, or of the driver; empty while not known.
    pub version: String,
    /// What the engine has loaded.
    pub facts: EngineFacts,
    /// When it was last read, in nanoseconds since the Unix epoch; absent before.
    pub read_unix_nanos: Option<i64>,
    /// Why the last reading failed; absent if it did not.
    pub error: Option<String>,
}

impl TelemetrySource {
    /// Whether it is read; absent before the first reading.
    pub fn is_up(&self) -> Option<bool> {
        match (&self.error, self.read_unix_nanos) {
            (Some(_), _) => Some(false),
            (None, Some(_)) => Some(true),
            (None, None) => None,
        }
    }
}
