//! How a run stands against the runs before it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is compared from run to run: of a step, or of the run as a whole.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// Median time to first token of a step.
    TtftP50,
    /// Its p99, of enough exchanges.
    TtftP99,
    /// Median time per output token of a step.
    TpotP50,
    /// Its p99, likewise.
    TpotP99,
    /// Median time to the end of the answer of a step.
    E2eP50,
    /// Its p99, likewise.
    E2eP99,
    /// Output tokens a second of a step.
    OutputTokens,
    /// The most good requests a second of the run.
    MaxGoodput,
    /// The most output tokens a second of the run.
    MaxOutputTokens,
}

impl Compared {
    /// Everything that is compared.
    pub const ALL: [Self; 9] = [
        Self::TtftP50,
        Self::TtftP99,
        Self::TpotP50,
        Self::TpotP99,
        Self::E2eP50,
        Self::E2eP99,
        Self::OutputTokens,
        Self::MaxGoodput,
        Self::MaxOutputTokens,
    ];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TtftP50 => "ttft_p50",
            Self::TtftP99 => "ttft_p99",
            Self::TpotP50 => "tpot_p50",
            Self::TpotP99 => "tpot_p99",
            Self::E2eP50 => "e2e_p50",
            Self::E2eP99 => "e2e_p99",
            Self::OutputTokens => "output_tokens",
            Self::MaxGoodput => "max_goodput",
            Self::MaxOutputTokens => "max_output_tokens",
        }
    }

    /// Whether a larger value is a worse one: of latencies, not of rates.
    pub const fn worse_if_more(self) -> bool {
        match self {
            Self::TtftP50
            | Self::TtftP99
            | Self::TpotP50
            | Self::TpotP99
            | Self::E2eP50
            | Self::E2eP99 => true,
            Self::OutputTokens | Self::MaxGoodput | Self::MaxOutputTokens => false,
        }
    }
}

/// One number of a run, held against that of the runs before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Regression {
    /// The step; absent: the run as a whole.
    pub step: Option<u32>,
    /// Which number.
    pub metric: Compared,
    /// Whether it is worse than its baseline, and not in this run alone.
    pub active: bool,
    /// Value ÷ baseline − 1; absent: the value is infinite.
    pub change_ratio: Option<f64>,
    /// How likely chance alone makes a value as far from the baseline, either way; of this number
    /// alone, not corrected for how many there are.
    pub p_value: f64,
    /// Runs in the baseline.
    pub baseline_runs: u32,
    /// When `active` last changed, in seconds since the Unix epoch; absent if it never did.
    pub last_change_at: Option<f64>,
}

impl Regression {
    /// Those of `all` that are active, in words for a person: `step 2 ttft_p50 +12.0 %`.
    pub fn in_words(all: &[Self]) -> impl Iterator<Item = String> {
        let active = all.iter().filter(|one| one.active);
        active.map(|one| {
            let whose = one.step.map_or_else(|| "run".to_owned(), |step| format!("step {step}"));
            let metric = one.metric.as_str();
            match one.change_ratio {
                Some(ratio) => format!("{whose} {metric} {:+.1} %", ratio * 100.0),
                None => format!("{whose} {metric} infinite"),
            }
        })
    }
}
