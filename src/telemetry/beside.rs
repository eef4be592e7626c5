//! What an engine and GPUs did in a stretch, as it stands beside the numbers of a client.
//!
//! Owns what follows from their own numbers alone. What follows from both views (the gap, whose
//! tokens they were, energy a token) is added by whoever has the client's.

use super::{EngineStretched, GpuStretched};
use crate::{
    event::{EngineSource, StepEngine, StepGpu},
    measure::catalogue::Id,
};

impl EngineStretched {
    /// The engine's part of what stands beside a client's numbers.
    pub fn beside(&self) -> StepEngine {
        let (ttft, queue) = (self.ttft.mean(), self.queue.mean());
        let mut told = StepEngine {
            ttft_mean: ttft,
            queue_mean: queue,
            queue_ratio: ratio(queue, ttft),
            prefill_mean: self.prefill.mean(),
            decode_mean: self.decode.mean(),
            requests: self.ttft.requests.or(self.queue.requests),
            prefix_hit_ratio: ratio(self.prefix_hits, self.prefix_queries),
            kv_usage_max: self.kv_usage_max,
            kv_usage_mean: self.kv_usage_mean,
            preemptions: self.preemptions,
            running_max: self.running_max,
            waiting_max: self.waiting_max,
            prompt_tokens: self.prompt_tokens,
            generation_tokens: self.generation_tokens,
            restarts: self.restarts,
            was_fresh: self.was_fresh,
            readings: self.readings,
            ..StepEngine::default()
        };
        told.credit(EngineSource::Counters);
        told
    }
}

impl GpuStretched {
    /// The GPUs' part of what stands beside a client's numbers.
    pub fn beside(&self) -> StepGpu {
        let mean = |id| self.means.get(&(id, None)).copied();
        let traffic = |id, direction| self.means.get(&(id, Some(direction))).copied();
        let watts = self.energy_joules.map(|joules| joules / self.seconds.max(f64::MIN_POSITIVE));
        let gpus = f64::from(self.gpus);
        let throttled = self.throttle_ratios.iter();
        StepGpu {
            gpus: self.gpus,
            utilization_mean: mean(Id::GpuUtilization),
            sm_active_mean: mean(Id::GpuSmActive),
            dram_active_mean: mean(Id::GpuDramActive),
            pcie_transmit_bytes_per_second_mean: traffic(Id::GpuPcieRate, "transmit"),
            pcie_receive_bytes_per_second_mean: traffic(Id::GpuPcieRate, "receive"),
            nvlink_transmit_bytes_per_second_mean: traffic(Id::GpuNvlinkRate, "transmit"),
            nvlink_receive_bytes_per_second_mean: traffic(Id::GpuNvlinkRate, "receive"),
            memory_used_bytes_max: self.most_of_all.get(&(Id::GpuMemoryUsed, None)).copied(),
            power_watts_mean: watts.or(mean(Id::GpuPower).map(|one| one * gpus)),
            temperature_celsius_max: self.most.get(&(Id::GpuTemperature, None)).copied(),
            sm_clock_hertz_mean: mean(Id::GpuSmClock),
            energy_joules: self.energy_joules,
            joules_per_output_token: None,
            throttle_ratios: throttled.map(|(reason, of)| ((*reason).to_owned(), *of)).collect(),
            readings: self.readings,
        }
    }
}

/// A part of a whole; absent of nothing.
fn ratio(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let whole = whole.filter(|whole| *whole > 0.0)?;
    Some(part? / whole)
}
