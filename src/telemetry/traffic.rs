//! The time to first token of an engine's real traffic, beside that of our beats. Pure.

use std::sync::Arc;

use super::engine::Span;
use crate::measure::catalogue::{Id, Reading};

/// With fewer there is nothing to compare.
const LEAST_BEATS: usize = 5;
const LEAST_REQUESTS: f64 = 20.0;

/// The beats of one probe that were answered in the stretch that is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Beats {
    /// Whose.
    pub model: Arc<str>,
    /// Name of the probe.
    pub probe: Arc<str>,
    /// Their times to first token, in seconds.
    pub ttft: Vec<f64>,
}

/// The ratio of each probe in `beats`, which are all of the target's, to the others among the
/// requests that the `engine` had meanwhile.
pub fn ratios(target: &Arc<str>, engine: Span, beats: &[Beats]) -> Vec<Reading> {
    let Some(theirs) = others(engine, beats) else { return Vec::new() };
    let of = |one: &Beats| {
        let labels = vec![Arc::clone(target), Arc::clone(&one.model), Arc::clone(&one.probe)];
        let value = median(&one.ttft)? / theirs;
        Some(Reading { id: Id::ProbeEngineTtftRatio, labels, value })
    };
    beats.iter().filter_map(of).collect()
}

/// The engine's mean without our beats, each of which is taken to have been as long for the engine
/// as it was for us.
fn others(engine: Span, beats: &[Beats]) -> Option<f64> {
    let ours = || beats.iter().flat_map(|one| &one.ttft);
    let requests = engine.requests? - ours().count() as f64;
    let seconds = engine.seconds? - ours().sum::<f64>();
    (requests >= LEAST_REQUESTS && seconds > 0.0).then(|| seconds / requests)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    (sorted.len() >= LEAST_BEATS).then(|| sorted[sorted.len().div_ceil(2) - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(seconds: f64, requests: f64, ttft: &[f64]) -> Option<f64> {
        let engine = Span { seconds: Some(seconds), requests: Some(requests) };
        let beats = [Beats { model: "m".into(), probe: "p".into(), ttft: ttft.to_vec() }];
        ratios(&"t".into(), engine, &beats).first().map(|reading| reading.value)
    }

    #[test]
    fn the_median_of_ours_is_held_against_the_mean_of_the_others() {
        // 5 of ours with 1 s in all, and 40 others with 0.1 s each.
        let found = ratio(5.0, 45.0, &[0.1, 0.15, 0.2, 0.25, 0.3]).expect("a ratio");
        assert!((found - 2.0).abs() < 1e-9, "{found}");
        assert_eq!(ratio(5.0, 45.0, &[0.2; 4]), None, "too few beats");
    }

    #[test]
    fn without_other_traffic_there_is_no_ratio() {
        assert_eq!(ratio(4.0, 24.0, &[0.2; 5]), None, "19 others");
        assert!(ratio(4.0, 25.0, &[0.2; 5]).is_some());
        let beats = [Beats { model: "m".into(), probe: "p".into(), ttft: vec![0.2; 5] }];
        assert!(
            ratios(&"t".into(), Span::default(), &beats).is_empty(),
            "the engine does not tell"
        );
    }
}
