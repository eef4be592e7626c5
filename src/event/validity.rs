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
    /// Share of the step in which at least one task waited for a CPU, from 0 to 1; absent where the
    /// kernel does not tell.
    pub cpu_pressure_ratio: Option<f64>,
    /// Whose tasks these were.
    pub cpu_pressure_of: Option<PressureOf>,
}

/// Whose tasks waited for a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PressureOf {
    /// Ours: those of our control group, whose CPU time we used nearly alone. Only this one can
    /// mark a step.
    Own,
    /// Those of our control group, which others keep busy too.
    Group,
    /// Those of the whole machine.
    Machine,
}

impl Validity {
    /// The most that the runtime may stall at p99, in seconds.
    pub const STALL: f64 = 0.010;

    /// The most of the time in which something of ours may wait for a CPU. What such waits do to
    /// stamps and to the moments of sending has limits of its own. This one is for what is not seen
    /// there: users whose answers are read late ask again later, so that less is asked. Short waits at
    /// every wake-up are usual on a machine with neighbours, and add up to a share that harms nothing;
    /// half of the time is more than that.
    pub const PRESSURE: f64 = 0.5;

    /// The share of the step in which something of our own waited for a CPU, where that is known.
    pub fn own_cpu_pressure(&self) -> Option<f64> {
        self.cpu_pressure_ratio.filter(|_| self.cpu_pressure_of == Some(PressureOf::Own))
    }

    /// Whether nothing speaks against the numbers.
    pub fn is_valid(&self) -> bool {
        self.marks.is_empty()
    }
}
