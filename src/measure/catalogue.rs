//! The metric catalogue: one row a metric.
//!
//! The Prometheus families, `docs/metrics.md`, `tokenbeat metrics` and the contract test follow
//! from the rows. A new metric is one row here, and the line that counts it. Names are the public
//! interface: rows are added, never renamed.

mod words;

use std::sync::Arc;

pub use words::{Buckets, Family, Kind, Unit};

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which one.
    pub id: Id,
    /// Its full name; a counter's ends in `_total`.
    pub name: &'static str,
    /// What kind of instrument it is.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// Its label names.
    pub labels: &'static [&'static str],
    /// The values of its last label, if they are a closed set.
    pub values: &'static [&'static str],
    /// What it is about.
    pub family: Family,
    /// What it says, in one line without a full stop at its end.
    pub help: &'static str,
}

/// The value of a metric that is read when it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Which metric.
    pub id: Id,
    /// The values of its labels, in the order of the row.
    pub labels: Vec<Arc<str>>,
    /// The value.
    pub value: f64,
}

impl Reading {
    /// The value of a metric without labels.
    pub const fn plain(id: Id, value: f64) -> Self {
        Self { id, labels: Vec::new(), value }
    }
}

macro_rules! catalogue {
    ($($family:ident $id:ident $name:literal $kind:expr, $unit:ident, [$($label:ident)* $(: $($value:tt)*)?] $help:literal)*) => {
        /// The name of a row of the catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Id {
            $(#[doc = $help] $id,)*
        }

        /// Every metric, in the order of the documentation.
        pub const CATALOGUE: &[Row] = &[
            $(Row {
                id: Id::$id,
                name: $name,
                kind: $kind,
                unit: Unit::$unit,
                labels: &[$(stringify!($label)),*],
                values: &[$($(stringify!($value)),*)?],
                family: Family::$family,
                help: $help,
            },)*
        ];
    };
}

impl Id {
    /// The row of this metric.
    pub const fn row(self) -> &'static Row {
        &CATALOGUE[self as usize]
    }
}

use Buckets::{Answer, Lateness, Phase, Token};
use Kind::{Counter, Gauge, Histogram};

catalogue! {
    Probe ProbeAttempts "tokenbeat_probe_attempts_total" Counter, None, [target model probe]
        "Beats that ended and say something about the target, whatever their number of retries"
    Probe ProbeFailures "tokenbeat_probe_failures_total" Counter, None, [target model probe reason:
            dns connect tls reset http_malformed http_401 http_404 http_429 http_3xx http_4xx http_5xx
            too_large timeout_first_token stream_malformed stream_error stall timeout_total
            stream_truncated empty model_mismatch usage_mismatch length_mismatch garbage
            content_mismatch]
        "Beats that failed, by outcome; moves together with the attempts"
    Probe ProbeUnmeasured "tokenbeat_probe_unmeasured_total" Counter, None, [target model probe reason: aborted local]
        "Beats that say nothing about the target, because we gave up or were short of something ourselves; in neither attempts nor failures"
    Probe ProbeSpoiled "tokenbeat_probe_spoiled_total" Counter, None, [target model probe reason: send_lag read_delay]
        "Beats whose latencies our own lateness spoiled; they enter no histogram and no SLO"
    Probe ProbeSkipped "tokenbeat_probe_skipped_total" Counter, None, [target model probe reason: budget maintenance shutdown]
        "Beats that were due and not sent; never because an earlier one is slow"
    Probe ProbeRetries "tokenbeat_probe_retries_total" Counter, None, [target model probe reason: stale_connection refused_field configured]
        "Attempts within beats beyond the first of each"
    Probe ProbeSuccess "tokenbeat_probe_success" Gauge, None, [target model probe]
        "Whether the beat with the latest due time that has ended was ok; absent before the first"
    Probe ProbeLastAttempt "tokenbeat_probe_last_attempt_timestamp_seconds" Gauge, Seconds, [target model probe]
        "Due time of the latest beat that has ended; absent before the first"
    Probe ProbeLastSuccess "tokenbeat_probe_last_success_timestamp_seconds" Gauge, Seconds, [target model probe]
        "Due time of the latest beat that has ended ok; absent before the first"
    Probe ProbeInterval "tokenbeat_probe_interval_seconds" Gauge, Seconds, [target model probe]
        "Time between two beats"
    Probe ProbeTimeout "tokenbeat_probe_timeout_seconds" Gauge, Seconds, [target model probe]
        "Longest beat"
    Probe ProbeInflight "tokenbeat_probe_inflight" Gauge, None, [target model probe]
        "Beats that were sent and have not ended"
    Probe ProbeTtft "tokenbeat_probe_ttft_seconds" Histogram(Answer), Seconds, [target model probe]
        "Time from the due time to the first token, of ok beats only: read it beside the failures"
    Probe ProbeTtfo "tokenbeat_probe_ttfo_seconds" Histogram(Answer), Seconds, [target model probe]
        "Time from the due time to the first token that is not reasoning, of ok beats only: read it beside the failures"
    Probe ProbeTtst "tokenbeat_probe_ttst_seconds" Histogram(Token), Seconds, [target model probe]
        "Time from the first to the second token, of ok beats only: read it beside the failures"
    Probe ProbeTpot "tokenbeat_probe_tpot_seconds" Histogram(Token), Seconds, [target model probe]
        "Time per output token after the first event, of ok beats only: read it beside the failures"
    Probe ProbeItl "tokenbeat_probe_itl_seconds" Histogram(Token), Seconds, [target model probe]
        "Gaps between token-bearing events, one observation a gap, of ok beats only: read it beside the failures"
    Probe ProbeE2e "tokenbeat_probe_e2e_seconds" Histogram(Answer), Seconds, [target model probe]
        "Time from the due time to the end of the answer, of ok beats only: read it beside the failures"
    Probe ProbePhase "tokenbeat_probe_phase_seconds" Histogram(Phase), Seconds, [target model probe phase: dns connect tls send wait first_token decode]
        "Parts of a beat, of ok beats only; dns, connect and tls only where a connection was dialled"
    Probe ProbeInputTokens "tokenbeat_probe_input_tokens_total" Counter, None, [target model probe]
        "Tokens of the prompts, as the server counts them"
    Probe ProbeCachedInputTokens "tokenbeat_probe_cached_input_tokens_total" Counter, None, [target model probe]
        "Those of the input tokens that came from the server's prefix cache"
    Probe ProbeOutputTokens "tokenbeat_probe_output_tokens_total" Counter, None, [target model probe]
        "Tokens of the answers"
    Probe ProbeReasoningTokens "tokenbeat_probe_reasoning_tokens_total" Counter, None, [target model probe]
        "Those of the output tokens that are reasoning"

    Slo SloRequests "tokenbeat_slo_requests_total" Counter, None, [target model probe slo]
        "Beats that were held against the SLO"
    Slo SloGood "tokenbeat_slo_good_requests_total" Counter, None, [target model probe slo]
        "Beats that were ok and met every threshold of the SLO"
    Slo SloBad "tokenbeat_slo_bad_requests_total" Counter, None, [target model probe slo cause: failed undefined ttft tpot e2e ttfo ttst itl tpot_mlperf]
        "Beats that were not good: failed, without a latency that the SLO asks for, or by the first threshold missed"
    Slo SloThresholdMet "tokenbeat_slo_threshold_met_total" Counter, None, [target model probe slo metric: ttft tpot e2e ttfo ttst itl tpot_mlperf]
        "Beats that met this threshold, each threshold alone"
    Slo SloExcluded "tokenbeat_slo_excluded_requests_total" Counter, None, [target model probe slo reason: own_sweep client aborted]
        "Beats that were not held against the SLO, because they say nothing about the target"
    Slo SloObjective "tokenbeat_slo_objective_ratio" Gauge, Ratio, [target model probe slo]
        "Share of beats that must be good"
    Slo SloThreshold "tokenbeat_slo_threshold_seconds" Gauge, Seconds, [target model probe slo metric: ttft tpot e2e ttfo ttst itl tpot_mlperf]
        "Largest latency that is good"
    Slo SloThresholdObjective "tokenbeat_slo_threshold_objective_ratio" Gauge, Ratio, [target model probe slo metric: ttft tpot e2e ttfo ttst itl tpot_mlperf]
        "Share of beats that must meet this threshold: its own, or the SLO's"
    Slo SloVerdict "tokenbeat_slo_verdict" Gauge, None, [target model probe slo state: pass fail not_enough_data]
        "1 for the state of the SLO's verdict over its window, 0 for the others"

    Sweep SweepRunning "tokenbeat_sweep_running" Gauge, None, [target model sweep]
        "Whether a run is on"
    Sweep SweepProgress "tokenbeat_sweep_progress_ratio" Gauge, Ratio, [target model sweep]
        "How far the run is, a guess in a search; absent while none is on"
    Sweep SweepLastDue "tokenbeat_sweep_last_due_timestamp_seconds" Gauge, Seconds, [target model sweep]
        "When a run was last due, whether it was begun or skipped; absent before the first"
    Sweep SweepLastStart "tokenbeat_sweep_last_start_timestamp_seconds" Gauge, Seconds, [target model sweep]
        "When the latest run began; absent before the first"
    Sweep SweepLastEnd "tokenbeat_sweep_last_end_timestamp_seconds" Gauge, Seconds, [target model sweep]
        "When the latest run that has ended did, whatever became of it; absent before the first"
    Sweep SweepLastSuccess "tokenbeat_sweep_last_success_timestamp_seconds" Gauge, Seconds, [target model sweep]
        "When the latest run of which every step is valid ended, whatever its verdict; absent before the first"
    Sweep SweepNextRun "tokenbeat_sweep_next_run_timestamp_seconds" Gauge, Seconds, [target model sweep]
        "When the schedule has its next run; absent without one"
    Sweep SweepResultTimestamp "tokenbeat_sweep_result_timestamp_seconds" Gauge, Seconds, [target model sweep]
        "When the run ended that the gauges of steps and results are of: the latest that was carried out to its end"
    Sweep SweepLastDuration "tokenbeat_sweep_last_duration_seconds" Gauge, Seconds, [target model sweep]
        "How long the latest run that has ended took"
    Sweep SweepMaxDuration "tokenbeat_sweep_max_duration_seconds" Gauge, Seconds, [target model sweep]
        "How long a run may take before it is drained"
    Sweep SweepRuns "tokenbeat_sweep_runs_total" Counter, None, [target model sweep result: success failed invalid interrupted cancelled]
        "Runs that ended"
    Sweep SweepSkipped "tokenbeat_sweep_skipped_total" Counter, None, [target model sweep reason: overlap budget guard maintenance not_leader]
        "Runs that were due and not begun"
    Sweep SweepRequests "tokenbeat_sweep_requests_total" Counter, None, [target model sweep outcome:
            aborted local dns connect tls reset http_malformed http_401 http_404 http_429 http_3xx
            http_4xx http_5xx too_large timeout_first_token stream_malformed stream_error stall
            timeout_total stream_truncated empty model_mismatch usage_mismatch length_mismatch
            garbage content_mismatch ok]
        "Requests of runs by how they ended, those of warm-up and sizing included"
    Sweep StepConcurrency "tokenbeat_sweep_step_concurrency" Gauge, None, [target model sweep step]
        "Requests in flight that the step was to have; of closed loops only"
    Sweep StepOffered "tokenbeat_sweep_step_offered_requests_per_second" Gauge, None, [target model sweep step]
        "Requests a second that the step was to have; of open loops of a steady rate only"
    Sweep StepTtft "tokenbeat_sweep_step_ttft_seconds" Gauge, Seconds, [target model sweep step q: 0.5 0.9 0.95 0.99]
        "Percentile of the time to first token, in which a failed request counts as infinite"
    Sweep StepTpot "tokenbeat_sweep_step_tpot_seconds" Gauge, Seconds, [target model sweep step q: 0.5 0.9 0.95 0.99]
        "Percentile of the time per output token, in which a failed request counts as infinite"
    Sweep StepItl "tokenbeat_sweep_step_itl_seconds" Gauge, Seconds, [target model sweep step q: 0.5 0.9 0.95 0.99]
        "Percentile of the gaps between token-bearing events, in which a failed request counts as infinite"
    Sweep StepE2e "tokenbeat_sweep_step_e2e_seconds" Gauge, Seconds, [target model sweep step q: 0.5 0.9 0.95 0.99]
        "Percentile of the time to the end of the answer, in which a failed request counts as infinite"
    Sweep StepRequestRate "tokenbeat_sweep_step_requests_per_second" Gauge, None, [target model sweep step]
        "Requests a second that ended ok in the step's window; absent where that is too short"
    Sweep StepOutputTokenRate "tokenbeat_sweep_step_output_tokens_per_second" Gauge, None, [target model sweep step]
        "Output tokens a second that arrived in the step's window; absent where that is too short"
    Sweep StepGoodputRate "tokenbeat_sweep_step_goodput_requests_per_second" Gauge, None, [target model sweep step]
        "Requests a second that were ok and met every threshold of the SLO; absent without one"
    Sweep StepGoodputRatio "tokenbeat_sweep_step_goodput_ratio" Gauge, Ratio, [target model sweep step]
        "Share of the judged requests, failures included, that met every threshold of the SLO; absent without one"
    Sweep StepSuccessRatio "tokenbeat_sweep_step_success_ratio" Gauge, Ratio, [target model sweep step]
        "Share of the judged requests that were ok"
    Sweep StepSamples "tokenbeat_sweep_step_samples" Gauge, None, [target model sweep step]
        "Requests that the step judged"
    Sweep StepValid "tokenbeat_sweep_step_valid" Gauge, None, [target model sweep step]
        "Whether nothing speaks against the step's numbers"
    Sweep StepInvalid "tokenbeat_sweep_step_invalid" Gauge, None, [target model sweep step reason: client_saturated rate_not_met throttled window_too_short contaminated]
        "1 for what speaks against the step's numbers, 0 for what does not"
    Sweep SweepMaxGoodput "tokenbeat_sweep_max_goodput_requests_per_second" Gauge, None, [target model sweep]
        "Most good requests a second: a search's answer, or the best certified step's; absent without one"
    Sweep SweepMaxOutputTokens "tokenbeat_sweep_max_output_tokens_per_second" Gauge, None, [target model sweep]
        "Most output tokens a second of any step"
    Sweep SweepKneeConcurrency "tokenbeat_sweep_knee_concurrency" Gauge, None, [target model sweep]
        "Requests in flight beyond which latency grows faster than throughput; absent if there is no such step"
    Sweep SweepKneeRate "tokenbeat_sweep_knee_requests_per_second" Gauge, None, [target model sweep]
        "Requests a second beyond which latency grows faster than throughput; absent if there is no such step"
    Sweep SweepCost "tokenbeat_sweep_cost_dollars_per_million_output_tokens" Gauge, None, [target model sweep]
        "Price of a million output tokens at the most of them a second; absent where the target's cost is not known"
    Sweep SweepJoules "tokenbeat_sweep_joules_per_output_token" Gauge, None, [target model sweep]
        "Energy of the target's GPUs for an output token at the most of them a second; absent where the energy is not known"
    Sweep SweepVerdict "tokenbeat_sweep_verdict" Gauge, None, [target model sweep slo state: pass fail not_enough_data]
        "1 for the state of the run under the SLO, 0 for the others"
    Sweep RegressionActive "tokenbeat_regression_active" Gauge, None, [target model sweep step metric:
            ttft_p50 ttft_p99 tpot_p50 tpot_p99
            e2e_p50 e2e_p99 output_tokens max_goodput max_output_tokens]
        "1 while a number of the sweep is worse than its baseline in two of the last three runs; absent below five runs to compare with"
    Sweep RegressionChange "tokenbeat_regression_change_ratio" Gauge, Ratio, [target model sweep step metric:
            ttft_p50 ttft_p99 tpot_p50 tpot_p99
            e2e_p50 e2e_p99 output_tokens max_goodput max_output_tokens]
        "The latest run's value ÷ its baseline − 1, for better or worse; +Inf where the value is infinite"
    Sweep RegressionChance "tokenbeat_regression_p_value" Gauge, None, [target model sweep step metric:
            ttft_p50 ttft_p99 tpot_p50 tpot_p99
            e2e_p50 e2e_p99 output_tokens max_goodput max_output_tokens]
        "How likely chance alone makes a change as large, of this number alone: not corrected for how many there are"
    Sweep RegressionLastChange "tokenbeat_regression_last_change_timestamp_seconds" Gauge, Seconds, [target model sweep step metric:
            ttft_p50 ttft_p99 tpot_p50 tpot_p99
            e2e_p50 e2e_p99 output_tokens max_goodput max_output_tokens]
        "End of the run with which tokenbeat_regression_active last changed; absent if it never did"

    Telemetry GpuInfo "tokenbeat_gpu_info" Gauge, None, [target gpu uuid mig name driver]
        "1, labelled with what the GPU is; its target is empty where no target claims it"
    Telemetry GpuUtilization "tokenbeat_gpu_utilization_ratio" Gauge, Ratio, [target gpu uuid mig]
        "Share of the time in which at least one kernel ran: high also where nearly all of the GPU is idle"
    Telemetry GpuSmActive "tokenbeat_gpu_sm_active_ratio" Gauge, Ratio, [target gpu uuid mig]
        "Share of cycles in which a multiprocessor had work, averaged over all of them"
    Telemetry GpuSmOccupancy "tokenbeat_gpu_sm_occupancy_ratio" Gauge, Ratio, [target gpu uuid mig]
        "Share of the warps that could be resident that were"
    Telemetry GpuTensorActive "tokenbeat_gpu_tensor_active_ratio" Gauge, Ratio, [target gpu uuid mig]
        "Share of cycles in which the tensor cores were busy"
    Telemetry GpuDramActive "tokenbeat_gpu_dram_active_ratio" Gauge, Ratio, [target gpu uuid mig]
        "Share of cycles in which the memory sent or received"
    Telemetry GpuPcieRate "tokenbeat_gpu_pcie_bytes_per_second" Gauge, None, [target gpu uuid mig direction: transmit receive]
        "Bytes a second over PCIe, from the GPU (transmit) and to it (receive); absent where the source does not tell"
    Telemetry GpuNvlinkRate "tokenbeat_gpu_nvlink_bytes_per_second" Gauge, None, [target gpu uuid mig direction: transmit receive]
        "Bytes a second over all of its NVLinks, from the GPU (transmit) and to it (receive); absent without any"
    Telemetry GpuMemoryUsed "tokenbeat_gpu_memory_used_bytes" Gauge, Bytes, [target gpu uuid mig]
        "Memory in use"
    Telemetry GpuMemoryTotal "tokenbeat_gpu_memory_total_bytes" Gauge, Bytes, [target gpu uuid mig]
        "Memory that there is"
    Telemetry GpuProcessMemory "tokenbeat_gpu_process_memory_bytes" Gauge, Bytes, [target gpu uuid mig process]
        "Memory that processes hold, by the name of their program; at most 8 names, the rest is other, and unknown what may not be read"
    Telemetry GpuPower "tokenbeat_gpu_power_watts" Gauge, Watts, [target gpu uuid mig]
        "Power that the board draws"
    Telemetry GpuPowerLimit "tokenbeat_gpu_power_limit_watts" Gauge, Watts, [target gpu uuid mig]
        "Power above which it is slowed down"
    Telemetry GpuTemperature "tokenbeat_gpu_temperature_celsius" Gauge, Celsius, [target gpu uuid mig]
        "Temperature of the chip"
    Telemetry GpuSmClock "tokenbeat_gpu_sm_clock_hertz" Gauge, Hertz, [target gpu uuid mig]
        "Clock of the multiprocessors"
    Telemetry GpuMemoryClock "tokenbeat_gpu_memory_clock_hertz" Gauge, Hertz, [target gpu uuid mig]
        "Clock of the memory"
    Telemetry GpuEnergy "tokenbeat_gpu_energy_joules_total" Counter, Joules, [target gpu uuid mig]
        "Energy since the driver was loaded; no reset of its counter shows"
    Telemetry GpuThrottle "tokenbeat_gpu_throttle_seconds_total" Counter, Seconds, [target gpu uuid mig reason: power thermal sync_boost board_limit low_utilization reliability]
        "Time for which its clocks were held down, by what held them; reasons overlap. 0 also where the source does not tell"
    Telemetry GpuEccErrors "tokenbeat_gpu_ecc_errors_total" Counter, None, [target gpu uuid mig kind: corrected uncorrected remapped_corrected remapped_uncorrected]
        "Memory errors, and rows of memory that were put out of use because of them. 0 also where the source does not tell"
    Telemetry GpuXidErrors "tokenbeat_gpu_xid_errors_total" Counter, None, [target gpu uuid mig xid: 48 62 63 64 74 79 94 95 119 120]
        "XID errors seen since the GPU was first seen; those named here exist at 0, others once they were seen"
    Telemetry GpuCollectorUp "tokenbeat_gpu_collector_up" Gauge, None, [target source]
        "Whether the last collection succeeded; one that finds no GPU has not"
    Telemetry GpuCollectorLastSuccess "tokenbeat_gpu_collector_last_success_timestamp_seconds" Gauge, Seconds, [target source]
        "When a collection last did; absent before the first"
    Telemetry ProbeEngineTtftRatio "tokenbeat_probe_engine_ttft_ratio" Gauge, Ratio, [target model probe]
        "Median time to first token of our beats, as they see it, divided by the mean of the engine's other requests, as it sees it, over 5 min; absent with fewer than 5 beats or 20 such requests"
    Telemetry ProbeWindowCause "tokenbeat_probe_window_cause" Gauge, None, [target model probe cause:
            client network queue prefill decode preemption gpu_throttle cold_start unknown]
        "1 for what makes the beats of the last 5 min miss an SLO, 0 for what does not; absent while they meet it, or are fewer than 5 with 3 misses"
    Telemetry EngineUp "tokenbeat_engine_up" Gauge, None, [target]
        "Whether the engine's own metrics could be read at the last scrape; absent before the first"
    Telemetry EngineInfo "tokenbeat_engine_info" Gauge, None, [target engine version]
        "1, labelled with the engine behind the target, by its metrics; the version is empty where it does not tell"
    Telemetry EngineRunning "tokenbeat_engine_requests_running" Gauge, None, [target model]
        "Requests that the engine works on, of all of its processes"
    Telemetry EngineWaiting "tokenbeat_engine_requests_waiting" Gauge, None, [target model]
        "Requests that wait in the engine's queue, of all of its processes"
    Telemetry EngineKvUsage "tokenbeat_engine_kv_cache_usage_ratio" Gauge, Ratio, [target model]
        "Share of the KV cache in use, of the fullest of its processes"
    Telemetry EnginePrefixQueries "tokenbeat_engine_prefix_cache_queries_total" Counter, None, [target model]
        "Prompt tokens that were looked up in the prefix cache"
    Telemetry EnginePrefixHits "tokenbeat_engine_prefix_cache_hits_total" Counter, None, [target model]
        "Those of them that were found there"
    Telemetry EnginePreemptions "tokenbeat_engine_preemptions_total" Counter, None, [target model]
        "Requests that were put back into the queue for want of KV cache"
    Telemetry EnginePromptTokens "tokenbeat_engine_prompt_tokens_total" Counter, None, [target model]
        "Prompt tokens that the engine worked through"
    Telemetry EngineGenerationTokens "tokenbeat_engine_generation_tokens_total" Counter, None, [target model]
        "Tokens that the engine generated"
    Telemetry EngineTtftSeconds "tokenbeat_engine_ttft_seconds_total" Counter, Seconds, [target model]
        "Sum over requests of the time to first token, as the engine itself sees it"
    Telemetry EngineTtftRequests "tokenbeat_engine_ttft_requests_total" Counter, None, [target model]
        "Requests in tokenbeat_engine_ttft_seconds_total"
    Telemetry EngineQueueSeconds "tokenbeat_engine_queue_seconds_total" Counter, Seconds, [target model]
        "Sum over requests of the time in the engine's queue"
    Telemetry EngineQueueRequests "tokenbeat_engine_queue_requests_total" Counter, None, [target model]
        "Requests in tokenbeat_engine_queue_seconds_total"
    Telemetry EnginePrefillSeconds "tokenbeat_engine_prefill_seconds_total" Counter, Seconds, [target model]
        "Sum over requests of the time from the queue to the first token"
    Telemetry EnginePrefillRequests "tokenbeat_engine_prefill_requests_total" Counter, None, [target model]
        "Requests in tokenbeat_engine_prefill_seconds_total"
    Telemetry EngineDecodeSeconds "tokenbeat_engine_decode_seconds_total" Counter, Seconds, [target model]
        "Sum over requests of the time from the first token to the last"
    Telemetry EngineDecodeRequests "tokenbeat_engine_decode_requests_total" Counter, None, [target model]
        "Requests in tokenbeat_engine_decode_seconds_total"

    Daemon BuildInfo "tokenbeat_build_info" Gauge, None, [version revision]
        "1, labelled with what was built"
    Daemon TargetInfo "tokenbeat_target_info" Gauge, None, [target model api]
        "1, labelled with the target's own labels besides"
    Daemon ConfigLastReloadSuccessful "tokenbeat_config_last_reload_successful" Gauge, None, []
        "Whether the configuration was applied at the last attempt"
    Daemon ConfigLastReloadSuccess "tokenbeat_config_last_reload_success_timestamp_seconds" Gauge, Seconds, []
        "When a configuration was last applied"
    Daemon ConfigHash "tokenbeat_config_hash" Gauge, None, []
        "Hash of the configuration in force; replicas agree on it"
    Daemon SendLag "tokenbeat_send_lag_seconds" Histogram(Lateness), Seconds, []
        "By how much we began a beat later than it was due"
    Daemon ReadDelay "tokenbeat_read_delay_seconds" Histogram(Lateness), Seconds, []
        "How long the bytes of tokens had waited in the kernel when we read them, one observation a read"
    Daemon RuntimeStall "tokenbeat_runtime_stall_seconds" Histogram(Lateness), Seconds, []
        "By how much a timer of the measuring runtime fired late"
    Daemon CpuThrottled "tokenbeat_cpu_throttled_seconds_total" Counter, Seconds, []
        "Time for which the CPU quota of our control group held us; absent where unknown"
    Daemon CpuPressure "tokenbeat_cpu_pressure_seconds_total" Counter, Seconds, []
        "Time for which something of ours, or of the machine where there is no control group, waited for a CPU; absent where unknown"
    Daemon DiscoveryTargets "tokenbeat_discovery_targets" Gauge, None, []
        "Models of targets found by discovery and in force"
    Daemon DiscoveryFailures "tokenbeat_discovery_failures_total" Counter, None, []
        "Discoveries that failed; what was found before stays in force"
    Daemon DiscoveryDroppedModels "tokenbeat_discovery_dropped_models" Gauge, None, []
        "Models found at the last discovery and left out because of a target's limit"
    Daemon StoreErrors "tokenbeat_store_errors_total" Counter, None, []
        "Reads and writes of the store of runs that failed"
    Daemon SinkEvents "tokenbeat_sink_events_total" Counter, None, [sink: traces]
        "What was handed to a sink that may drop"
    Daemon SinkDropped "tokenbeat_sink_dropped_total" Counter, None, [sink: traces]
        "What a sink could not keep or deliver, of what was handed to it"
    Daemon OtlpExports "tokenbeat_otlp_exports_total" Counter, None, [outcome: ok partial rejected failed]
        "Exports over OTLP by how they ended: taken, taken in part, refused by the collector, not delivered in time"
    Daemon LogMessages "tokenbeat_log_messages_total" Counter, None, [level: error warn info]
        "Log messages by level, as far as the level is logged"

    Process ProcessCpu "process_cpu_seconds_total" Counter, Seconds, []
        "User and system CPU time"
    Process ProcessResidentMemory "process_resident_memory_bytes" Gauge, Bytes, []
        "Resident memory"
    Process ProcessVirtualMemory "process_virtual_memory_bytes" Gauge, Bytes, []
        "Virtual memory"
    Process ProcessOpenFds "process_open_fds" Gauge, None, []
        "Open file descriptors"
    Process ProcessMaxFds "process_max_fds" Gauge, None, []
        "Most file descriptors that may be open"
    Process ProcessStartTime "process_start_time_seconds" Gauge, Seconds, []
        "Start of the process, in seconds since the Unix epoch"
    Process ProcessThreads "process_threads" Gauge, None, []
        "Threads of the process"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_where_their_id_points() {
        assert!(CATALOGUE.iter().all(|row| row.id.row().name == row.name));
        let names: std::collections::BTreeSet<_> = CATALOGUE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
    }

    #[test]
    fn names_say_kind_and_unit() {
        for row in CATALOGUE {
            let total = row.name.strip_suffix("_total");
            assert_eq!(total.is_some(), row.kind == Counter, "{}", row.name);
            assert!(total.unwrap_or(row.name).ends_with(row.unit.as_str()), "{}", row.name);
            assert!(row.name.starts_with("tokenbeat_") != (row.family == Family::Process));
            assert!(!row.help.ends_with('.'), "{}", row.name);
        }
    }

    #[test]
    fn boundaries_rise() {
        for buckets in [Answer, Token, Phase, Lateness] {
            assert!(buckets.bounds().windows(2).all(|pair| pair[0] < pair[1]), "{buckets:?}");
        }
    }
}
