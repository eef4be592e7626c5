//! What stood beside a step, or beside a probe's last minutes: what the engine and the GPUs told
//! meanwhile, and what made it miss.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the engine says of a step: in its own metrics, all of its processes and models together,
/// and, where those do not have a quantity, in its answers; see [`EngineSource`]. Means and maxima
/// are of the window; tokens and `foreign_token_ratio` of the whole step, warm-up included, because
/// at both of its ends nothing of ours is under way. Of a probe's last minutes everything is of the
/// same stretch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepEngine {
    /// Time to first token as the engine sees it: mean, in seconds.
    pub ttft_mean: Option<f64>,
    /// The client's mean time to first token less the engine's, in seconds.
    pub ttft_gap: Option<f64>,
    /// Seconds in the engine's queue, a request.
    pub queue_mean: Option<f64>,
    /// `queue_mean ÷ ttft_mean`.
    pub queue_ratio: Option<f64>,
    /// Seconds from the queue to the first token, a request.
    pub prefill_mean: Option<f64>,
    /// Seconds from the first token to the last, a request.
    pub decode_mean: Option<f64>,
    /// Requests that got their first token.
    pub requests: Option<f64>,
    /// Share of the prompt tokens that its prefix cache held.
    pub prefix_hit_ratio: Option<f64>,
    /// The most of the KV cache that was in use at a reading, 0 to 1.
    pub kv_usage_max: Option<f64>,
    /// The part of it that was in use, 0 to 1: mean over readings.
    pub kv_usage_mean: Option<f64>,
    /// Requests that were put back for want of KV cache.
    pub preemptions: Option<f64>,
    /// Most requests that were worked on at a reading.
    pub running_max: Option<f64>,
    /// Most requests in its queue at a reading.
    pub waiting_max: Option<f64>,
    /// Prompt tokens, of the whole step.
    pub prompt_tokens: Option<f64>,
    /// Tokens generated, of the whole step.
    pub generation_tokens: Option<f64>,
    /// Prompt tokens of our answers, as it counted them; absent in records of before there was
    /// this.
    pub own_prompt_tokens: Option<u64>,
    /// Tokens that it may have generated for us: those of our answers, and of requests that failed
    /// as many as they asked for.
    pub own_output_tokens: u64,
    /// Prompt tokens of the beats of our own probes that ended beside the step.
    #[serde(default)]
    pub beat_prompt_tokens: u64,
    /// Tokens that it may have generated for the beats of our own probes.
    #[serde(default)]
    pub beat_output_tokens: u64,
    /// Share of the generated tokens that were not for us; absent where the server did not count
    /// ours.
    pub foreign_token_ratio: Option<f64>,
    /// How often a process of it began anew.
    pub restarts: u32,
    /// Whether it had generated nothing since its start when the window opened.
    pub was_fresh: bool,
    /// Readings of its metrics that this rests on; 0 where there are none, and all is from answers.
    pub readings: u32,
    /// Answers, of those that were judged and ended well, in which it told something of itself.
    #[serde(default)]
    pub answers: u64,
    /// Where those of `ttft_mean`, `queue_mean`, `prefill_mean`, `decode_mean` and
    /// `prefix_hit_ratio` that are there come from.
    #[serde(default)]
    pub sources: BTreeMap<String, EngineSource>,
}

impl StepEngine {
    /// Says of the numbers that can have several sources, are there and have none yet, that they
    /// come from `source`.
    pub fn credit(&mut self, source: EngineSource) {
        let numbers = [
            ("ttft_mean", self.ttft_mean),
            ("queue_mean", self.queue_mean),
            ("prefill_mean", self.prefill_mean),
            ("decode_mean", self.decode_mean),
            ("prefix_hit_ratio", self.prefix_hit_ratio),
        ];
        for (name, _) in numbers.into_iter().filter(|(_, value)| value.is_some()) {
            self.sources.entry(name.to_owned()).or_insert(source);
        }
    }
}

/// Where a number of the engine comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineSource {
    /// The counters of its metrics: all of its requests in that time, those of others too.
    Counters,
    /// What it told in its answers to us.
    Answers,
    /// Its counters of the whole step and our own requests, if it had no others.
    Inferred,
}

/// What the target's GPUs told during a step, or a probe's last minutes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepGpu {
    /// How many told.
    pub gpus: u32,
    /// Share of the time in which a kernel ran: mean over readings and GPUs.
    pub utilization_mean: Option<f64>,
    /// Share of cycles in which a multiprocessor had work, likewise.
    pub sm_active_mean: Option<f64>,
    /// Share of cycles in which the memory was busy, likewise.
    pub dram_active_mean: Option<f64>,
    /// Bytes that a GPU sent over PCIe each second: mean over readings and GPUs.
    pub pcie_transmit_bytes_per_second_mean: Option<f64>,
    /// Bytes that a GPU received over PCIe each second, likewise.
    pub pcie_receive_bytes_per_second_mean: Option<f64>,
    /// Bytes that a GPU sent over its NVLinks each second, likewise.
    pub nvlink_transmit_bytes_per_second_mean: Option<f64>,
    /// Bytes that a GPU received over its NVLinks each second, likewise.
    pub nvlink_receive_bytes_per_second_mean: Option<f64>,
    /// Most memory in use at a reading, of all GPUs, in bytes.
    pub memory_used_bytes_max: Option<f64>,
    /// Power of all GPUs, in watts: energy ÷ time, else the mean over readings.
    pub power_watts_mean: Option<f64>,
    /// Hottest GPU at a reading, in degrees Celsius.
    pub temperature_celsius_max: Option<f64>,
    /// Clock of the multiprocessors in hertz: mean over readings and GPUs.
    pub sm_clock_hertz_mean: Option<f64>,
    /// Energy of all GPUs, in joules; absent where no counter of it moved.
    pub energy_joules: Option<f64>,
    /// Energy ÷ our output tokens, of the whole step.
    pub joules_per_output_token: Option<f64>,
    /// Share of the time for which clocks were held down, of the GPU that was so longest, by
    /// reason.
    pub throttle_ratios: BTreeMap<String, f64>,
    /// Readings that this rests on.
    pub readings: u32,
}

/// What made a step, or a window of beats, miss its SLO.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Our own machine was late, or the request waited on our side.
    Client,
    /// The way to the engine and back, and what stands in between.
    Network,
    /// Requests waited in the engine's queue.
    Queue,
    /// The engine took long from the queue to the first token.
    Prefill,
    /// The engine took long from token to token.
    Decode,
    /// The engine put requests back for want of KV cache.
    Preemption,
    /// The GPUs' clocks were held down.
    GpuThrottle,
    /// The engine had just been started.
    ColdStart,
    /// What is known does not say.
    Unknown,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 9] = [
        Self::Client,
        Self::Network,
        Self::Queue,
        Self::Prefill,
        Self::Decode,
        Self::Preemption,
        Self::GpuThrottle,
        Self::ColdStart,
        Self::Unknown,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Network => "network",
            Self::Queue => "queue",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Preemption => "preemption",
            Self::GpuThrottle => "gpu_throttle",
            Self::ColdStart => "cold_start",
            Self::Unknown => "unknown",
        }
    }
}

/// A cause, and the numbers that it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CauseRecord {
    /// What it is.
    pub cause: Cause,
    /// What was missed most: `ttft`, `tpot` …, or `failed`.
    pub missed: String,
    /// The numbers, by name; times in seconds.
    pub evidence: BTreeMap<String, f64>,
}
