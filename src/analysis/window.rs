//! Whether a probe's last minutes missed an SLO, and what made them.
//!
//! Owns when a window is degraded, and how the numbers of an engine that mostly serves others are
//! held against ours. The rules of the cause itself are those of steps. Pure: whoever asks has
//! gathered the beats, and what engine and GPUs told meanwhile.

use std::{cmp::Ordering, sync::Arc};

use super::cause::{Clues, EngineClues, Failed, Missed, cause_of, is_missed, is_told};
use crate::{
    event::{Cause, Degraded, EngineSource, StepEngine, StepGpu},
    verdict::{self, Metric, Slo},
};

/// With fewer judged beats, or fewer misses, there is nothing to say.
const LEAST_BEATS: u64 = 5;
const LEAST_MISSES: u64 = 3;

/// One beat, as far as it bears on its window. Times are in seconds.
#[derive(Clone, Debug)]
pub struct WindowBeat<'a> {
    /// How it ended.
    pub outcome: &'a str,
    /// For each SLO of the probe why it is not good; empty for a beat that was not judged.
    pub judged: &'a [Option<verdict::Cause>],
    /// Whether our own lateness kept it from being judged.
    pub spoiled: bool,
    /// From when it was due to the first token.
    pub ttft: Option<f64>,
    /// The same from when it was sent.
    pub service_ttft: Option<f64>,
    /// From when it was due to the end of the answer.
    pub e2e: Option<f64>,
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
}

/// Means over the ok beats of a window that nothing spoiled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WindowMeans {
    /// Time to first token.
    pub ttft: Option<f64>,
    /// The same from when the beat was sent.
    pub service_ttft: Option<f64>,
    /// The slowest time to first token ÷ the median.
    pub ttft_spread: Option<f64>,
    /// Time to the end of the answer.
    pub e2e: Option<f64>,
    /// Tokens of the prompt.
    pub input_tokens: Option<f64>,
    /// Tokens of the answer.
    pub output_tokens: Option<f64>,
}

impl WindowMeans {
    /// Those of `beats`.
    pub fn of(beats: &[WindowBeat<'_>]) -> Self {
        let timed = || beats.iter().filter(|beat| beat.outcome == "ok" && !beat.spoiled);
        let mean = |of: fn(&WindowBeat<'_>) -> Option<f64>| {
            let values: Vec<f64> = timed().filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let mut ttft: Vec<f64> = timed().filter_map(|beat| beat.ttft).collect();
        ttft.sort_unstable_by(f64::total_cmp);
        let median = ttft.len().div_ceil(2).checked_sub(1).map(|at| ttft[at]);
        let slowest = ttft.last().copied();
        Self {
            ttft: mean(|beat| beat.ttft),
            service_ttft: mean(|beat| beat.service_ttft),
            ttft_spread: slowest
                .zip(median.filter(|median| *median > 0.0))
                .map(|(slowest, median)| slowest / median),
            e2e: mean(|beat| beat.e2e),
            input_tokens: mean(|beat| Some(beat.input_tokens? as f64)),
            output_tokens: mean(|beat| Some(beat.output_tokens? as f64)),
        }
    }
}

/// What a window missed, and why; `None` if it is healthy or too few beats say so. `beats` are all of
/// its beats, `means` of those that came while `engine` and `gpu` were told of.
pub fn degraded(
    slos: &[Arc<Slo>],
    beats: &[WindowBeat<'_>],
    means: WindowMeans,
    engine: Option<&StepEngine>,
    gpu: Option<&StepGpu>,
) -> Option<Degraded> {
    let tallies = slos.iter().enumerate().map(|(place, slo)| Tally::of(place, slo, beats));
    let missed = tallies.filter(Tally::is_degraded);
    let worst = missed.reduce(|worst, one| if one.misses > worst.misses { one } else { worst })?;
    let spoiled = beats.iter().filter(|beat| beat.spoiled).count() as u64;
    let (missed, name) = worst.missed(beats);
    let clues = Clues {
        missed,
        name: name.to_owned(),
        client_late: spoiled > worst.judged,
        ttft: means.ttft,
        service_ttft: means.service_ttft,
        ttft_spread: means.ttft_spread,
        e2e: means.e2e,
        engine: engine.filter(|told| is_told(told, missed)).map(|told| of_our_length(told, means)),
        throttle: gpu.map(|gpu| gpu.throttle_ratios.clone()).unwrap_or_default(),
    };
    let mut cause = cause_of(&clues);
    if cause.cause == Cause::Client && clues.client_late {
        let counts = [("beats_spoiled", spoiled), ("beats_judged", worst.judged)];
        let counts = counts.into_iter().map(|(name, count)| (name.to_owned(), count as f64));
        cause.evidence.extend(counts);
    }
    let slo = worst.slo;
    Some(Degraded {
        slo: slo.name.to_string(),
        objective_ratio: slo.objective,
        judged: worst.judged,
        misses: worst.misses,
        cause,
    })
}

/// A window held against one SLO.
struct Tally<'a> {
    place: usize,
    slo: &'a Slo,
    judged: u64,
    misses: u64,
}

impl<'a> Tally<'a> {
    fn of(place: usize, slo: &'a Slo, beats: &[WindowBeat<'_>]) -> Self {
        let judged = beats.iter().filter_map(|beat| beat.judged.get(place));
        let (judged, misses) = judged
            .fold((0, 0), |(judged, misses), bad| (judged + 1, misses + u64::from(bad.is_some())));
        Self { place, slo, judged, misses }
    }

    fn is_degraded(&self) -> bool {
        let enough = self.judged >= LEAST_BEATS && self.misses >= LEAST_MISSES;
        enough && is_missed(self.judged, self.misses, self.slo.objective)
    }

    /// What most of the misses missed.
    fn missed(&self, beats: &[WindowBeat<'_>]) -> (Missed, &'static str) {
        let bad = || {
            let of = |beat: &WindowBeat<'_>| beat.judged.get(self.place).copied().flatten();
            beats.iter().filter_map(move |beat| Some((beat, of(beat)?)))
        };
        let mut failed = Failed::default();
        let failures = bad().filter(|(_, why)| *why == verdict::Cause::Failed);
        failures.for_each(|(beat, _)| failed.count(beat.outcome, 1));
        let first_token = bad().filter(|(beat, _)| beat.outcome == "timeout_first_token").count();
        let worst = Metric::ALL
            .into_iter()
            .map(|metric| {
                let misses = bad().filter(|(_, why)| *why == verdict::Cause::Missed(metric));
                let late = if metric == Metric::Ttft { first_token } else { 0 };
                (metric.as_str(), misses.count() + late)
            })
            .filter(|(_, misses)| *misses > 0)
            // Of equals the first: a late first token is also a late end.
            .reduce(|worst, one| match one.1.cmp(&worst.1) {
                Ordering::Greater => one,
                Ordering::Equal | Ordering::Less => worst,
            })
            .map(|(name, _)| name);
        Missed::of(failed, self.misses, worst)
    }
}

/// The engine's means for a request as long as ours. It mostly serves others, whose prompts and
/// answers have other lengths: decoding goes by the token, and so does a prefill that is longer
/// than theirs, while one that is shorter saves little.
fn of_our_length(told: &StepEngine, ours: WindowMeans) -> EngineClues {
    let mut clues = EngineClues::of(told);
    // What its answers told is of ours already.
    let counted = |name: &str| told.sources.get(name) != Some(&EngineSource::Answers);
    let Some(requests) = told.requests.filter(|requests| *requests > 0.0) else { return clues };
    let worked_on = 1.0 - told.prefix_hit_ratio.unwrap_or(0.0);
    let prompt = told.prompt_tokens.map(|tokens| tokens * worked_on / requests);
    if let (Some(prefill), Some(theirs), Some(ours)) = (clues.prefill, prompt, ours.input_tokens)
        && counted("prefill_mean")
    {
        let longer = if theirs >= 1.0 { (ours / theirs).max(1.0) } else { 1.0 };
        clues.ttft = clues.ttft.map(|ttft| ttft + prefill * (longer - 1.0));
        clues.prefill = Some(prefill * longer);
    }
    let answer = told.generation_tokens.map(|tokens| tokens / requests - 1.0);
    if let (Some(decode), Some(theirs), Some(ours)) = (clues.decode, answer, ours.output_tokens)
        && theirs > 0.0
        && counted("decode_mean")
    {
        clues.decode = Some(decode * ((ours - 1.0) / theirs).max(0.0));
    }
    clues
}

#[cfg(test)]
#[path = "window/tests.rs"]
mod tests;
