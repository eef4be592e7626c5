//! The time to first token of an engine's real traffic, beside that of our beats.
//!
//! Owns the last minutes of the engine's own sums, and their comparison. Pure: is told when it is.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{
    clock::Stamp,
    measure::catalogue::{Id, Reading},
};

/// How far back it looks.
pub const WINDOW: Duration = Duration::from_secs(300);

/// Most readings that are kept: one a second.
const MOST: usize = 301;

/// With fewer there is nothing to compare.
const LEAST_BEATS: usize = 5;
const LEAST_REQUESTS: f64 = 20.0;

/// The sums of an engine over the last [`WINDOW`].
#[derive(Debug, Default)]
pub struct Traffic {
    sums: VecDeque<(Stamp, Sums)>,
}

/// Over all models: seconds to the first token, and the requests that they are of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    seconds: f64,
    requests: f64,
}

/// The beats of the window that were answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Beats {
    /// Whose.
    pub model: Arc<str>,
    /// Name of the probe.
    pub probe: Arc<str>,
    /// Their times to first token, in seconds.
    pub ttft: Vec<f64>,
}

impl Traffic {
    /// Takes in what stands at `now`; restarts must not show in it.
    pub fn told(&mut self, now: Stamp, readings: &[Reading]) {
        let sum = |id| {
            let of = readings.iter().filter(|reading| reading.id == id);
            of.map(|reading| reading.value).reduce(|one, other| one + other)
        };
        let (Some(seconds), Some(requests)) =
            (sum(Id::EngineTtftSeconds), sum(Id::EngineTtftRequests))
        else {
            return self.sums.clear();
        };
        self.sums.push_back((now, Sums { seconds, requests }));
        // The oldest that is kept is the youngest that is as old as the window.
        while self.sums.len() > MOST
            || self.sums.get(1).is_some_and(|(at, _)| now.since(*at) >= WINDOW)
        {
            self.sums.pop_front();
        }
    }

    /// The ratio of each probe in `beats`, which are all of the target's.
    pub fn ratios(&self, target: &Arc<str>, beats: &[Beats]) -> Vec<Reading> {
        let Some(theirs) = self.others(beats) else { return Vec::new() };
        let of = |one: &Beats| {
            let labels = vec![Arc::clone(target), Arc::clone(&one.model), Arc::clone(&one.probe)];
            let value = median(&one.ttft)? / theirs;
            Some(Reading { id: Id::ProbeEngineTtftRatio, labels, value })
        };
        beats.iter().filter_map(of).collect()
    }

    /// The engine's mean without our beats, each of which is taken to have been as long for the
    /// engine as it was for us.
    fn others(&self, beats: &[Beats]) -> Option<f64> {
        let ((_, first), (_, last)) = (self.sums.front()?, self.sums.back()?);
        let ours = || beats.iter().flat_map(|one| &one.ttft);
        let requests = last.requests - first.requests - ours().count() as f64;
        let seconds = last.seconds - first.seconds - ours().sum::<f64>();
        (requests >= LEAST_REQUESTS && seconds > 0.0).then(|| seconds / requests)
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    (sorted.len() >= LEAST_BEATS).then(|| sorted[sorted.len().div_ceil(2) - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Stamp {
        Stamp::from_nanos(1).after(Duration::from_secs(second))
    }

    fn readings(seconds: f64, requests: f64) -> Vec<Reading> {
        let labels: Vec<Arc<str>> = vec!["t".into(), "m".into()];
        let of = |id, value| Reading { id, labels: labels.clone(), value };
        vec![of(Id::EngineTtftSeconds, seconds), of(Id::EngineTtftRequests, requests)]
    }

    fn beats(ttft: &[f64]) -> Vec<Beats> {
        vec![Beats { model: "m".into(), probe: "p".into(), ttft: ttft.to_vec() }]
    }

    fn ratio(traffic: &Traffic, beats: &[Beats]) -> Option<f64> {
        traffic.ratios(&"t".into(), beats).first().map(|reading| reading.value)
    }

    #[test]
    fn the_median_of_ours_is_held_against_the_mean_of_the_others() {
        let mut traffic = Traffic::default();
        traffic.told(at(0), &readings(100.0, 1_000.0));
        // 5 of ours with 1 s in all, and 40 others with 0.1 s each.
        traffic.told(at(60), &readings(105.0, 1_045.0));
        let ours = beats(&[0.1, 0.15, 0.2, 0.25, 0.3]);
        assert!((ratio(&traffic, &ours).expect("a ratio") - 2.0).abs() < 1e-9);
        assert_eq!(ratio(&traffic, &beats(&[0.2; 4])), None, "too few beats");
    }

    #[test]
    fn without_other_traffic_there_is_no_ratio() {
        let mut traffic = Traffic::default();
        let ours = beats(&[0.2; 5]);
        assert_eq!(ratio(&traffic, &ours), None);
        traffic.told(at(0), &readings(0.0, 0.0));
        traffic.told(at(60), &readings(4.0, 24.0));
        assert_eq!(ratio(&traffic, &ours), None, "19 others");
        traffic.told(at(61), &readings(4.0, 25.0));
        assert!(ratio(&traffic, &ours).is_some());
        traffic.told(at(62), &[]);
        assert_eq!(ratio(&traffic, &ours), None, "what is no longer told is not known");
    }

    #[test]
    fn only_the_last_minutes_count_and_memory_is_bounded() {
        let mut traffic = Traffic::default();
        for second in 0..2_000_u64 {
            // 1 request a second: of 1 s in the first 1,600 s, of 0.1 s since.
            let seconds = second.min(1_600) as f64 + second.saturating_sub(1_600) as f64 * 0.1;
            traffic.told(at(second), &readings(seconds, second as f64));
        }
        assert!(traffic.sums.len() <= MOST, "{}", traffic.sums.len());
        let ours = beats(&[0.1; 5]);
        assert!((ratio(&traffic, &ours).expect("a ratio") - 1.0).abs() < 0.02);
    }
}
