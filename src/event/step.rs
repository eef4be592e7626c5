//! The record of a step: what was asked of the target, what was measured, what it is worth.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CauseRecord, StepEngine, StepGpu, Validity};
use crate::verdict::State;

/// The load that a step was meant to have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadRecord {
    /// `closed`, `constant`, `poisson`, `gamma`, `burst`, `ramp`, `trace`.
    pub arrival: String,
    /// Requests in flight, of a closed loop.
    pub concurrency: Option<u32>,
    /// Requests a second, of an open loop whose rate does not change.
    pub requests_per_second: Option<f64>,
    /// The gate of an open loop.
    pub max_in_flight: Option<u32>,
    /// In words, for tables: `20 users`, `5 req/s poisson`.
    pub text: String,
}

/// The load that a step in fact had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Achieved {
    /// Exchanges begun in the window ÷ window.
    pub requests_per_second: Option<f64>,
    /// `requests_per_second ÷` that of the schedule in the same window.
    pub rate_ratio: Option<f64>,
    /// Mean number in flight, over the window.
    pub in_flight_mean: Option<f64>,
    /// Most in flight.
    pub in_flight_max: u64,
    /// Exchanges that waited at the gate.
    pub gated: u64,
}

/// Which exchanges a step judges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Due time of its first exchange, in seconds since the Unix epoch.
    pub started_at: f64,
    /// From the due time of the first exchange after the warm-up to the last due time, in seconds.
    pub seconds: f64,
    /// From the first due time to the last end, in seconds.
    pub whole_run_seconds: f64,
    /// Exchanges of the warm-up, which enter no number but the rates of what happened.
    pub warmup: u64,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// Its number, 0 to 31.
    pub step: u32,
    /// The workload.
    pub workload: String,
    /// The load that was meant.
    pub load: LoadRecord,
    /// The load that there was.
    pub achieved: Achieved,
    /// What was judged.
    pub window: Window,
    /// Exchanges that were judged: all that were due in the window and are measured.
    pub n: u64,
    /// Exchanges due in the window, by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// By name: `ttft ttfo ttst tpot tpot_mlperf itl e2e service_ttft send_lag`.
    pub latencies: BTreeMap<String, Latency>,
    /// What happened a second.
    pub rates: Rates,
    /// Tokens, wanted and had.
    pub tokens: Tokens,
    /// Attempts.
    pub retried: Retried,
    /// Whether the numbers can be trusted.
    pub validity: Validity,
    /// What the engine itself says, where its metrics could be read.
    #[serde(default)]
    pub engine: Option<StepEngine>,
    /// What the GPUs say, likewise.
    #[serde(default)]
    pub gpu: Option<StepGpu>,
    /// What made it miss an SLO, if it missed one.
    #[serde(default)]
    pub cause: Option<CauseRecord>,
    /// Each SLO's standing: joint first, then its thresholds.
    pub standings: Vec<Standing>,
    /// Why the step ended before its time: the rule of `stop_when`, or the limit.
    pub stopped: Option<String>,
    /// What a reader must know.
    pub warnings: Vec<Warning>,
    /// The same exchanges by the definitions of another tool, for `--compat`, by the name of that
    /// tool's own column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compat: BTreeMap<String, Latency>,
}

/// A latency over the exchanges of a step, in seconds. Percentiles are rank statistics in which a
/// failed exchange counts as infinite; `mean`, `min`, `max` and `stddev` are over `ok` exchanges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Samples behind the percentiles: the defined values of `ok` exchanges, and the failed ones.
    pub n: u64,
    /// Those of `n` that failed, and so count as infinite.
    pub failed: u64,
    /// Samples behind `mean`, `min`, `max`, `stddev`.
    pub n_ok: u64,
    /// Whether a percentile below is `null` because it is infinite, not because it is undefined.
    pub infinite: bool,
    /// Whether the p99 is from fewer than 100 samples.
    pub n_too_small: bool,
    /// Mean.
    pub mean: Option<f64>,
    /// Least.
    pub min: Option<f64>,
    /// Most.
    pub max: Option<f64>,
    /// Standard deviation.
    pub stddev: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 75th percentile.
    pub p75: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// The finite samples: HDR histogram of nanoseconds ÷ 1000, form V2, base64.
    pub histogram: Option<String>,
}

/// What happened a second. Absent where the window is too short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rates {
    /// Exchanges that ended ok in the window ÷ window.
    pub requests_per_second: Option<f64>,
    /// Output tokens that arrived in the window ÷ window.
    pub output_tokens_per_second: Option<f64>,
    /// Good exchanges a second; absent without an SLO.
    pub goodput_requests_per_second: Option<f64>,
    /// Good ÷ all judged, failures included; absent without an SLO.
    pub goodput_ratio: Option<f64>,
    /// Ok ÷ all judged.
    pub success_ratio: Option<f64>,
    /// Ok exchanges ÷ (last end − first due).
    pub requests_per_second_whole_run: Option<f64>,
    /// Output tokens ÷ (last end − first due).
    pub output_tokens_per_second_whole_run: Option<f64>,
    /// Good exchanges ÷ (last end − first due).
    pub goodput_requests_per_second_whole_run: Option<f64>,
    /// 1 ÷ median tpot.
    pub user_tokens_per_second: Option<f64>,
    /// Dollars for a million output tokens at this rate of them; absent where the target's cost is
    /// not known.
    #[serde(default)]
    pub cost_dollars_per_million_output_tokens: Option<f64>,
}

/// Dollars for a million tokens, of what costs so many an hour and makes so many tokens a second.
pub fn dollars_per_million_tokens(per_hour: f64, tokens_per_second: f64) -> Option<f64> {
    (tokens_per_second > 0.0).then(|| per_hour / (tokens_per_second * 3600.0) * 1e6)
}

/// Tokens of a step's exchanges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// Of the prompts, as the server counts them.
    pub input: u64,
    /// Of those, from its prefix cache.
    pub cached_input: u64,
    /// Of the answers.
    pub output: u64,
    /// Of those, reasoning.
    pub reasoning: u64,
    /// Mean wanted length of a prompt.
    pub input_wanted_mean: Option<f64>,
    /// Length of prompts: `min mean max p75 p90 p99` (tokens, not seconds).
    pub input_length: Latency,
    /// Mean wanted length of an answer.
    pub output_wanted_mean: Option<f64>,
    /// Length of answers, likewise.
    pub output_length: Latency,
    /// Who counted the output: exchanges by `usage`, `tokenizer`, `events`.
    pub count_sources: BTreeMap<String, u64>,
}

/// Attempts of a step's exchanges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Retried {
    /// Attempts an exchange, mean.
    pub attempts_mean: Option<f64>,
    /// Most attempts of one exchange.
    pub attempts_max: u32,
    /// Retries by reason.
    pub reasons: BTreeMap<String, u64>,
}

/// How a step stands under an SLO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The SLO.
    pub slo: String,
    /// The threshold's metric; absent: the verdict of the SLO as it is judged.
    pub metric: Option<String>,
    /// The threshold in seconds.
    pub threshold: Option<f64>,
    /// The share that must be met.
    pub objective: f64,
    /// Judged.
    pub n: u64,
    /// Missed.
    pub misses: u64,
    /// The verdict. A step that is not valid has none, whatever was counted.
    pub state: State,
}

/// A sentence for the reader, from a closed list that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// Its stable name.
    pub code: String,
    /// What is the matter and what to do.
    pub text: String,
}
