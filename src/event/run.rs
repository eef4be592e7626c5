//! The record of a run: the unit of storage, report, comparison and replay.
//!
//! Versioned JSON; `docs/run-record.schema.json` describes it. Times are seconds, tokens are
//! counts, undefined is absent (`null`), never 0.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Regression, SizingRecord, StepRecord, Warning, WorkloadRecord};
use crate::verdict::State;

/// The version of the form. A reader refuses what is newer than itself.
pub const SCHEMA_VERSION: u32 = 1;

/// Whose run it is: a sweep of one model of one target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// Name of the target.
    pub target: Arc<str>,
    /// Name of the model.
    pub model: Arc<str>,
    /// Name of the sweep; `bench` for a one-shot run.
    pub sweep: Arc<str>,
}

/// Why a run was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Its schedule.
    Schedule,
    /// Its schedule, of a time at which the daemon was down or busy.
    Missed,
    /// Somebody asked for it.
    Manual,
    /// `tokenbeat bench`.
    Bench,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// It ended and every step is valid, whatever the verdict.
    Success,
    /// It could not be carried out: a step measured nothing.
    Failed,
    /// It ended, and at least one step is not valid.
    Invalid,
    /// It was cut off: by the end of the daemon or a limit of time; or it had not ended when the
    /// record was written.
    Interrupted,
    /// Somebody cancelled it.
    Cancelled,
}

impl RunResult {
    /// Every result.
    pub const ALL: [Self; 5] =
        [Self::Success, Self::Failed, Self::Invalid, Self::Interrupted, Self::Cancelled];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Unique; sorts by time.
    pub id: String,
    /// Version of tokenbeat.
    pub tokenbeat_version: String,
    /// Why it was started.
    pub trigger: Trigger,
    /// What became of it.
    pub result: RunResult,
    /// Why, where the result is not `success`: one line for a person.
    pub reason: Option<String>,
    /// When it was due, in seconds since the Unix epoch.
    pub due_at: f64,
    /// When it began, likewise.
    pub started_at: f64,
    /// When it ended, likewise.
    pub ended_at: f64,
    /// The sweep; `bench` for a one-shot run.
    pub sweep: String,
    /// The scenario.
    pub scenario: String,
    /// The target.
    pub target: String,
    /// Its origin: scheme, host and port, nothing that could hold a secret.
    pub origin: String,
    /// The model.
    pub model: String,
    /// What the target speaks.
    pub api: String,
    /// The engine behind the target, where it tells.
    pub engine: Option<Engine>,
    /// Where we measured from.
    pub environment: Environment,
    /// The user's labels of the target.
    pub labels: BTreeMap<String, String>,
    /// Dollars an hour, if known.
    pub cost_per_hour: Option<f64>,
    /// What was asked, by the name that the steps have.
    #[serde(default)]
    pub workloads: BTreeMap<String, WorkloadRecord>,
    /// The seed of prompts and arrivals.
    pub seed: u64,
    /// How the run learnt the length of its prompts; absent where it asked nothing for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizing: Option<SizingRecord>,
    /// What this machine's client costs, where it was measured.
    pub calibration: Option<Calibration>,
    /// The steps.
    pub steps: Vec<StepRecord>,
    /// What follows from them.
    pub findings: Findings,
}

/// The engine behind a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Engine {
    /// `vllm`, `llamacpp` …
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// What it has loaded.
    #[serde(flatten)]
    pub facts: EngineFacts,
}

/// What an engine has loaded, as far as it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EngineFacts {
    /// The model, by the engine's own name or path: not the name that requests have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The most tokens that a prompt and its answer may have together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_model_tokens: Option<u64>,
    /// Blocks of its KV cache, of all of its processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_blocks: Option<u64>,
    /// Tokens in such a block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_block_tokens: Option<u64>,
}

/// Where we measured from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// Operating system and kernel release.
    pub system: String,
    /// CPUs that this process may use.
    pub cpus: u32,
    /// `kernel` or `read`: where arrival stamps come from.
    pub stamps: String,
    /// A hash of the above: numbers of different fingerprints are not compared blindly.
    pub fingerprint: String,
}

/// What this machine's client costs, measured against the built-in simulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// By how much a time to first token reads too long, median and p99, in seconds.
    pub ttft_overhead_p50: f64,
    /// Its p99.
    pub ttft_overhead_p99: f64,
    /// p99 of the send lag, in seconds, at the highest trusted rate.
    pub send_lag_p99: f64,
    /// The highest rate, in requests a second, at which every rule of validity held.
    pub trusted_requests_per_second: f64,
    /// The highest rate of streamed tokens a second at which they held.
    pub trusted_tokens_per_second: f64,
}

/// What follows from the steps of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// The step of the least median e2e.
    pub best_latency_step: Option<u32>,
    /// The step of the most output tokens a second.
    pub peak_throughput_step: Option<u32>,
    /// Output tokens a second there.
    pub max_output_tokens_per_second: Option<f64>,
    /// The knee: beyond it, latency grows faster than throughput. Its step.
    pub knee_step: Option<u32>,
    /// The load there, if it is a concurrency.
    pub knee_concurrency: Option<f64>,
    /// The load there, if it is a rate.
    pub knee_requests_per_second: Option<f64>,
    /// The first step at which more load brings no more throughput.
    pub saturation_step: Option<u32>,
    /// Of a search, or the best certified step of a sweep: good requests a second.
    pub max_goodput_requests_per_second: Option<f64>,
    /// Of a search: the highest level certified to pass.
    pub bracket_low: Option<f64>,
    /// The lowest level certified to fail.
    pub bracket_high: Option<f64>,
    /// The level at which the SLO is just met, as far as the steps about it tell: the best answer,
    /// not certified, and where the sweep's next search begins.
    pub bracket_estimate: Option<f64>,
    /// Confidence of each end of the bracket; absent if there is none.
    pub bracket_confidence: Option<f64>,
    /// Dollars for a million output tokens at peak throughput.
    pub cost_dollars_per_million_output_tokens: Option<f64>,
    /// Joules an output token at peak throughput, of all GPUs of the target.
    #[serde(default)]
    pub joules_per_output_token: Option<f64>,
    /// The worst standing of every SLO over the valid steps.
    pub verdicts: BTreeMap<String, State>,
    /// Rules of a benchmark pack that the run did not meet: judged all the same, and named, each with
    /// its SLO and its step.
    pub unmet_rules: Vec<String>,
    /// Cold median ttft ÷ warm median ttft, of a scenario with a warm workload.
    pub prefix_cache_speedup: Option<f64>,
    /// How the run stands against the runs of its sweep before it, where there are enough of them;
    /// never of a one-shot run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<Regression>,
    /// What a reader must know.
    pub warnings: Vec<Warning>,
}

impl Findings {
    /// A rule that a step did not meet, as `unmet_rules` has it.
    pub fn unmet_rule(slo: &str, step: u32, rule: &str) -> String {
        format!("{slo}: step {step}: {rule}")
    }

    /// The rules that one step did not meet.
    pub fn unmet_rules_of(&self, step: u32) -> impl Iterator<Item = &str> {
        let of = format!("step {step}");
        let rules = self.unmet_rules.iter().map(String::as_str);
        rules.filter(move |rule| rule.split(": ").nth(1) == Some(&of))
    }
}
