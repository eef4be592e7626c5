//! What the engine and the GPUs said of a step, and the cause of what it missed, in sentences.

use super::{
    Frame,
    marks::{Line, Tone},
    number::{grouped, percent, seconds},
};
use crate::event::{Cause, CauseRecord, EngineSource, StepEngine, StepGpu, StepRecord};

/// What was missed where exchanges failed, in place of a latency.
const FAILED: &str = "failed";

/// The lines of a step; none where nothing is known.
pub(super) fn lines(step: &StepRecord, frame: Frame) -> Vec<Line> {
    let joined = |parts: Vec<String>| parts.join(frame.dot());
    let plain = |label: &str, parts| Line::new(Tone::Plain, label, joined(parts));
    let mut lines = Vec::new();
    lines.extend(step.cause.as_ref().map(|cause| {
        let parts = [cause_words(cause, step.engine.is_some()).to_owned()]
            .into_iter()
            .chain(cause_evidence(cause))
            .collect();
        Line::new(Tone::Warning, format!("cause: {}", cause.cause.as_str()), joined(parts))
    }));
    lines.extend(step.engine.as_ref().map(|told| plain("engine", engine(told))));
    lines.extend(step.gpu.as_ref().map(|told| plain("GPUs", gpu(told))));
    let cost = step.rates.cost_dollars_per_million_output_tokens;
    let cost = cost.map(|dollars| format!("${dollars:.2} for a million output tokens"));
    lines.extend(cost.map(|cost| plain("cost", vec![cost])));
    lines
}

/// A cause in words. `told` says whether the engine's own metrics are known.
pub fn cause_words(cause: &CauseRecord, told: bool) -> &'static str {
    match cause.cause {
        Cause::Client => "requests were late or waited on our own side",
        Cause::Network => "time was lost between us and the engine",
        Cause::Queue => "requests waited in the engine's queue",
        Cause::Prefill => "the engine was long at the prompts",
        Cause::Decode => "the engine was long from token to token",
        Cause::Preemption => "the engine put requests back for want of KV cache",
        Cause::GpuThrottle => "the clocks of the GPUs were held down",
        Cause::ColdStart => "the engine had just been started",
        Cause::Unknown if cause.missed == FAILED => {
            "the target answered with failures: its log says why"
        }
        Cause::Unknown if told => "what is known does not say",
        Cause::Unknown => "what is known does not say; `engine_metrics` of the target may",
    }
}

/// What a cause rests on: `missed ttft`, then each number under its name.
pub fn cause_evidence(cause: &CauseRecord) -> impl Iterator<Item = String> {
    let number = |(name, value): (&String, &f64)| {
        let value = match name.ends_with("_mean") || name.ends_with("_p99") {
            true => seconds(*value),
            false => grouped(*value, 2),
        };
        format!("{name} {value}")
    };
    let missed = std::iter::once(format!("missed {}", cause.missed));
    missed.chain(cause.evidence.iter().map(number))
}

fn engine(told: &StepEngine) -> Vec<String> {
    let time =
        |name: &str, value: Option<f64>| value.map(|value| format!("{name} {}", seconds(value)));
    let share =
        |name: &str, value: Option<f64>| value.map(|value| format!("{name} {}", percent(value)));
    let count =
        |name: &str, value: Option<f64>| value.map(|value| format!("{name} {}", grouped(value, 0)));
    let from = |words: &str, source: EngineSource| {
        let its = told.sources.iter().filter(|(_, of)| **of == source);
        let names: Vec<_> = its.map(|(name, _)| name.trim_end_matches("_mean")).collect();
        (!names.is_empty()).then(|| format!("{words}: {}", names.join(", ").replace('_', " ")))
    };
    let parts = [
        time("ttft mean", told.ttft_mean),
        time("ours less its", told.ttft_gap),
        time("queue", told.queue_mean),
        time("prefill", told.prefill_mean),
        time("decode", told.decode_mean),
        share("prefix hits", told.prefix_hit_ratio),
        share("KV cache at most", told.kv_usage_max),
        count("preemptions", told.preemptions.filter(|of| *of > 0.0)),
        count("running at most", told.running_max),
        count("waiting at most", told.waiting_max),
        share("tokens of others", told.foreign_token_ratio),
        from("from answers", EngineSource::Answers),
        from("inferred", EngineSource::Inferred),
    ];
    parts.into_iter().flatten().collect()
}

fn gpu(told: &StepGpu) -> Vec<String> {
    let mut parts = vec![grouped(told.gpus.into(), 0)];
    let share =
        |name: &str, value: Option<f64>| value.map(|value| format!("{name} {}", percent(value)));
    parts.extend(share("SMs active", told.sm_active_mean));
    parts.extend(share("memory active", told.dram_active_mean));
    parts.extend(told.power_watts_mean.map(|watts| format!("{} W", grouped(watts, 0))));
    parts.extend(
        told.joules_per_output_token.map(|joules| format!("{} J a token", grouped(joules, 3))),
    );
    let held = told.throttle_ratios.iter().filter(|(_, ratio)| **ratio > 0.0);
    parts.extend(held.map(|(reason, ratio)| format!("held down by {reason} {}", percent(*ratio))));
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::sample;

    #[test]
    fn a_cause_is_told_with_its_numbers() {
        let mut step = sample::sweep().steps.remove(1);
        step.rates.cost_dollars_per_million_output_tokens = None;
        assert_eq!(lines(&step, Frame::Ascii), []);
        step.cause = Some(CauseRecord {
            cause: Cause::Queue,
            missed: "ttft".to_owned(),
            evidence: [("queue_mean".to_owned(), 0.75)].into(),
        });
        step.engine = Some(StepEngine {
            ttft_mean: Some(0.9),
            sources: [
                ("prefill_mean".to_owned(), EngineSource::Answers),
                ("ttft_mean".to_owned(), EngineSource::Counters),
                ("prefix_hit_ratio".to_owned(), EngineSource::Answers),
                ("queue_mean".to_owned(), EngineSource::Inferred),
            ]
            .into(),
            ..StepEngine::default()
        });
        step.gpu = Some(StepGpu { gpus: 2, energy_joules: None, ..StepGpu::default() });
        let told = lines(&step, Frame::Ascii);
        let labels: Vec<_> = told.iter().map(|line| line.label.as_str()).collect();
        assert_eq!(labels, ["cause: queue", "engine", "GPUs"]);
        assert!(told[0].text.contains("missed ttft") && told[0].text.contains("queue_mean 750"));
        let sources = ["from answers: prefill, prefix hit ratio", "inferred: queue"];
        assert!(told[1].text.ends_with(&sources.join(Frame::Ascii.dot())), "{told:?}");
        assert_eq!(told[2].text, "2");
    }

    #[test]
    fn nobody_is_sent_for_metrics_that_are_there() {
        let unknown = |missed: &str| CauseRecord {
            cause: Cause::Unknown,
            missed: missed.to_owned(),
            evidence: BTreeMap::new(),
        };
        assert!(cause_words(&unknown("ttft"), false).contains("engine_metrics"));
        assert!(!cause_words(&unknown("ttft"), true).contains("engine_metrics"));
        for told in [false, true] {
            assert!(cause_words(&unknown(FAILED), told).contains("its log"));
        }
    }
}
