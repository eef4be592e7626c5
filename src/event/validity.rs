//! Whether a step's numbers can be trusted, and why not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a step's numbers cannot be trusted. The order is that of the label values.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// We sent or read late ourselves.
    ClientSaturated,
    /// Less was sent than was due.
    RateNotMet,
    /// The cgroup throttled our CPU.
    Throttled,
    /// The window is shorter than twice the median exchange.
    WindowTooShort,
    /// Somebody else loaded the engine.
    Contaminated,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 5] = [
        Self::ClientSaturated,
        Self::RateNotMet,
        Self::Throttled,
        Self::WindowTooShort,
        Self::Contaminated,
    ];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSaturated => "client_saturated",
            Self::RateNotMet => "rate_not_met",
            Self::Throttled => "throttled",
            Self::WindowTooShort => "window_too_short",
            Self::Contaminated => "contaminated",
        }
    }
}

/// Whether a step's numbers can be trusted, and the evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Validity {
    /// Why not; empty if they can.
    pub marks: Vec<Mark>,
    /// p99 of the send lag, in seconds, waits at the gate left out.
    pub send_lag_p99: Option<f64>,
    /// p99 of by how much the first token's stamp may be late, in seconds.
    pub stamp_late_p99: Option<f64>,
    /// The most that either may be: max(1 ms, 1 % of the median ttft).
    pub tolerated: f64,
    /// p99 of the runtime's stalls, in seconds.
    pub stall_p99: Option<f64>,
    /// Seconds for which the cgroup throttled us.
    pub throttled_seconds: Option<f64>,
}

impl Validity {
    /// Whether nothing speaks against the numbers.
    pub fn is_valid(&self) -> bool {
        self.marks.is_empty()
    }
}
