//! The client's numbers of a step beside those of its engine and GPUs.
//!
//! Owns what follows from both: how much of the load was not ours, the gap between the two views of
//! the first token, energy a token. Pure.

use super::beside::SeenBeside;
use crate::{
    event::{Mark, StepEngine, StepGpu, StepRecord, Warning},
    measure::catalogue::Id,
    telemetry::{EngineStretched, GpuStretched},
};

/// The share of generated tokens that may be for others.
const FOREIGN_SHARE: f64 = 0.05;

/// So few tokens of others are never too many: beats of our own probes are among them.
const FOREIGN_TOKENS: f64 = 128.0;

/// Name of the warning that something was not read.
const UNTOLD: &str = "telemetry_untold";

/// Our own output tokens of a whole step, warm-up included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    /// Those that came.
    pub(super) answered: u64,
    /// Those that exchanges had asked for that did not end well.
    pub(super) unanswered: u64,
}

/// Adds to the record of a step what was seen beside it, and the mark if others loaded the engine.
pub(super) fn joined(record: &mut StepRecord, seen: SeenBeside, own: Own) {
    record.engine = seen.engine.map(|(whole, window)| engine(record, own, whole, window));
    record.gpu = seen.gpus.as_ref().map(|gpus| gpu(gpus, own));
    let warning = |text| Warning { code: UNTOLD.to_owned(), text };
    record.warnings.extend(seen.untold.into_iter().map(warning));
    if record.engine.as_ref().is_some_and(is_contaminated) {
        record.validity.marks.push(Mark::Contaminated);
    }
}

/// Whether somebody else loaded the engine.
fn is_contaminated(engine: &StepEngine) -> bool {
    let (Some(share), Some(all)) = (engine.foreign_token_ratio, engine.generation_tokens) else {
        return false;
    };
    share > FOREIGN_SHARE && share * all > FOREIGN_TOKENS
}

fn engine(
    step: &StepRecord,
    own: Own,
    whole: EngineStretched,
    window: EngineStretched,
) -> StepEngine {
    let (ttft, queue) = (window.ttft.mean(), window.queue.mean());
    let client = step.latencies.get("ttft").and_then(|ttft| ttft.mean);
    let own_output_tokens = own.answered.saturating_add(own.unanswered);
    // Other counts than the server's may be too low, and would make out others that are not there.
    let counted = step.tokens.count_sources.iter().all(|(by, n)| by == "usage" || *n == 0);
    let foreign = |all: f64| ((all - own_output_tokens as f64) / all).max(0.0);
    StepEngine {
        ttft_mean: ttft,
        ttft_gap: client.zip(ttft).map(|(client, engine)| client - engine),
        queue_mean: queue,
        queue_ratio: ratio(queue, ttft),
        prefill_mean: window.prefill.mean(),
        decode_mean: window.decode.mean(),
        requests: window.ttft.requests.or(window.queue.requests),
        prefix_hit_ratio: ratio(window.prefix_hits, window.prefix_queries),
        kv_usage_max: window.kv_usage_max,
        preemptions: window.preemptions,
        running_max: window.running_max,
        waiting_max: window.waiting_max,
        prompt_tokens: whole.prompt_tokens,
        generation_tokens: whole.generation_tokens,
        own_output_tokens,
        foreign_token_ratio: whole
            .generation_tokens
            .filter(|all| counted && *all > 0.0)
            .map(foreign),
        restarts: whole.restarts,
        was_fresh: window.was_fresh,
        readings: whole.readings,
    }
}

fn gpu(seen: &GpuStretched, own: Own) -> StepGpu {
    let mean = |id| seen.means.get(&(id, None)).copied();
    let traffic = |id, direction| seen.means.get(&(id, Some(direction))).copied();
    let tokens = own.answered as f64;
    let energy = seen.energy_joules;
    let watts = energy.map(|joules| joules / seen.seconds.max(f64::MIN_POSITIVE));
    let gpus = f64::from(seen.gpus);
    StepGpu {
        gpus: seen.gpus,
        utilization_mean: mean(Id::GpuUtilization),
        sm_active_mean: mean(Id::GpuSmActive),
        dram_active_mean: mean(Id::GpuDramActive),
        pcie_transmit_bytes_per_second_mean: traffic(Id::GpuPcieRate, "transmit"),
        pcie_receive_bytes_per_second_mean: traffic(Id::GpuPcieRate, "receive"),
        nvlink_transmit_bytes_per_second_mean: traffic(Id::GpuNvlinkRate, "transmit"),
        nvlink_receive_bytes_per_second_mean: traffic(Id::GpuNvlinkRate, "receive"),
        memory_used_bytes_max: seen.most_of_all.get(&(Id::GpuMemoryUsed, None)).copied(),
        power_watts_mean: watts.or(mean(Id::GpuPower).map(|one| one * gpus)),
        temperature_celsius_max: seen.most.get(&(Id::GpuTemperature, None)).copied(),
        sm_clock_hertz_mean: mean(Id::GpuSmClock),
        energy_joules: energy,
        joules_per_output_token: ratio(energy, (tokens > 0.0).then_some(tokens)),
        throttle_ratios: seen
            .throttle_ratios
            .iter()
            .map(|(reason, ratio)| ((*reason).to_owned(), *ratio))
            .collect(),
        readings: seen.readings,
    }
}

fn ratio(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let whole = whole.filter(|whole| *whole > 0.0)?;
    Some(part? / whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::sample, telemetry::Span};

    fn told(generated: f64) -> EngineStretched {
        let span = |seconds| Span { seconds: Some(seconds), requests: Some(100.0) };
        EngineStretched {
            ttft: span(20.0),
            queue: span(15.0),
            prefix_queries: Some(1000.0),
            prefix_hits: Some(250.0),
            generation_tokens: Some(generated),
            readings: 2,
            ..EngineStretched::default()
        }
    }

    /// The middle step of the sample, beside an engine that generated so many tokens, with so many
    /// of them ours, as `counted` by the server or not.
    fn step(generated: f64, answered: u64, unanswered: u64, counted: &str) -> StepRecord {
        let mut record = sample::sweep().steps.remove(1);
        record.tokens.count_sources = [(counted.to_owned(), 100)].into();
        let engine = Some((told(generated), told(generated)));
        let seen = SeenBeside { engine, ..SeenBeside::default() };
        joined(&mut record, seen, Own { answered, unanswered });
        record
    }

    #[test]
    fn more_than_a_twentieth_of_the_tokens_for_others_is_contamination() {
        for (generated, answered, unanswered, counted, contaminated) in [
            (10_000.0, 10_000, 0, "usage", false),
            (10_000.0, 9_500, 0, "usage", false),
            (10_000.0, 9_499, 0, "usage", true),
            // Not while what failed may have had the tokens.
            (10_000.0, 9_000, 600, "usage", false),
            // Not on the word of anybody but the server.
            (10_000.0, 5_000, 0, "events", false),
            // Not by a few beats.
            (200.0, 80, 0, "usage", false),
            (200.0, 60, 0, "usage", true),
            (9_000.0, 10_000, 0, "usage", false),
            (0.0, 0, 0, "usage", false),
        ] {
            let record = step(generated, answered, unanswered, counted);
            let marked = record.validity.marks.contains(&Mark::Contaminated);
            assert_eq!(marked, contaminated, "{generated} {answered} {unanswered} {counted}");
            assert_eq!(record.validity.is_valid(), !contaminated);
        }
    }

    #[test]
    fn both_views_stand_side_by_side() {
        let record = step(10_000.0, 10_000, 0, "usage");
        let client = record.latencies["ttft"].mean.expect("a mean");
        let engine = record.engine.expect("told");
        assert_eq!((engine.ttft_mean, engine.queue_mean), (Some(0.2), Some(0.15)));
        assert_eq!(engine.ttft_gap, Some(client - 0.2));
        assert_eq!((engine.prefix_hit_ratio, engine.prefill_mean), (Some(0.25), None));
        assert!((engine.queue_ratio.expect("a share") - 0.75).abs() < 1e-12);
        assert_eq!(engine.foreign_token_ratio, Some(0.0));
    }

    #[test]
    fn energy_is_that_of_our_tokens() {
        let seen = GpuStretched {
            gpus: 2,
            energy_joules: Some(3_000.0),
            seconds: 10.0,
            throttle_ratios: [("power", 0.25)].into(),
            ..GpuStretched::default()
        };
        let told = gpu(&seen, Own { answered: 1_000, unanswered: 500 });
        assert_eq!((told.joules_per_output_token, told.power_watts_mean), (Some(3.0), Some(300.0)));
        assert_eq!(told.throttle_ratios["power"], 0.25);
        assert_eq!(gpu(&seen, Own::default()).joules_per_output_token, None);
    }

    #[test]
    fn what_could_not_be_read_is_said() {
        let mut record = sample::sweep().steps.remove(1);
        let untold = vec!["the engine's own metrics could not be read: refused".to_owned()];
        joined(&mut record, SeenBeside { untold, ..SeenBeside::default() }, Own::default());
        assert_eq!(record.warnings.last().map(|warning| warning.code.as_str()), Some(UNTOLD));
        assert!(record.validity.is_valid() && record.engine.is_none());
    }
}
