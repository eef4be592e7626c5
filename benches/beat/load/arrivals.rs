//! Section: how Poisson a Poisson load still is where it arrives.
//!
//! All but the send lag is from the engine's own stamps of when it had received each request. What
//! is random in the schedule itself is in every figure too: the numbers of requests are such that the
//! promises are some standard errors wide.

use std::time::Duration;

use super::{
    super::{
        Scale,
        engine::{Engine, Wire},
        report::{Cell, Section},
    },
    runner::{Drive, Run, Runs},
};

/// By how much the rate may be off, as a share.
const RATE: f64 = 0.01;
/// By how much the coefficient of variation of the gaps may be off 1.
const CV: f64 = 0.05;
/// By how many standard errors the dispersion of the counts in slices may be off 1.
const DISPERSION: f64 = 3.0;
const SLICE: Duration = Duration::from_millis(1);
/// p99 of the send lag, in milliseconds.
const SEND_LAG: f64 = 0.2;

/// A rate, how long it is kept, and how far the gaps may be from exponential ones (Kolmogorov and
/// Smirnov's distance). Gaps under some 40 µs run into one another in any client, so the faster
/// the load, the further.
struct Case {
    per_second: f64,
    seconds: u64,
    distance: Option<f64>,
}

const CASES: [Case; 3] = [
    Case { per_second: 50.0, seconds: 80, distance: None },
    Case { per_second: 500.0, seconds: 20, distance: Some(0.05) },
    Case { per_second: 2_000.0, seconds: 20, distance: Some(0.1) },
];

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Poisson arrivals by the engine's stamps",
        &[
            "rate, 1/s",
            "n",
            "rate off, %",
            "CV of gaps off 1",
            "dispersion in 1 ms",
            "off 1, standard errors",
            "distance from exponential",
            "send lag p99, ms",
            "marked",
        ],
    );
    for case in CASES {
        let engine = Engine::start(&["--ttft", "1ms", "--itl", "1ms"], Wire::Plain)?;
        let run = Run {
            url: engine.url.to_string(),
            drive: Drive::Poisson { per_second: case.per_second },
            tokens: 2,
            requests: None,
            window_ms: scale.pick(case.seconds, 2) * 1_000,
            warmup_ms: 0,
            seed: 7,
        };
        let ran = Runs::in_turn(vec![run]).run()?;
        let step = ran.records.first().and_then(|run| run.steps.first());
        let step = step.ok_or_else(|| anyhow::anyhow!("the run has no step"))?;
        let arrivals = Arrivals { seconds: engine.arrivals()? };
        let slices = arrivals.span() / SLICE.as_secs_f64();
        let dispersion = arrivals.dispersion(SLICE);
        let off = (dispersion - 1.0).abs() / (2.0 / slices).sqrt();
        let distance = arrivals.distance(case.per_second);
        section.row([
            Cell::figure(case.per_second, 0),
            Cell::figure(arrivals.seconds.len() as f64, 0),
            // The schedule's own first and last due times bound its window.
            Cell::at_most(
                (step.window.seconds / arrivals.span() - 1.0).abs() * 100.0,
                3,
                RATE * 100.0,
            ),
            Cell::at_most((arrivals.cv() - 1.0).abs(), 3, CV),
            Cell::figure(dispersion, 3),
            Cell::at_most(off, 1, DISPERSION),
            match case.distance {
                Some(limit) => Cell::at_most(distance, 3, limit),
                None => Cell::figure(distance, 3),
            },
            Cell::at_most(step.validity.send_lag_p99.unwrap_or(f64::NAN) * 1e3, 3, SEND_LAG),
            Cell::text(marks(&step.validity.marks)),
        ]);
    }
    Ok(section)
}

fn marks(marks: &[tokenbeat::event::Mark]) -> String {
    let names: Vec<_> = marks.iter().map(|mark| mark.as_str()).collect();
    if names.is_empty() { "no".to_owned() } else { names.join(", ") }
}

/// When requests arrived, in ascending order, in seconds from the first.
struct Arrivals {
    seconds: Vec<f64>,
}

impl Arrivals {
    fn span(&self) -> f64 {
        self.seconds.last().copied().unwrap_or(f64::NAN)
    }

    fn gaps(&self) -> Vec<f64> {
        self.seconds.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// Standard deviation ÷ mean of the gaps.
    fn cv(&self) -> f64 {
        let gaps = self.gaps();
        let mean = mean(&gaps);
        variance(&gaps, mean).sqrt() / mean
    }

    /// Variance ÷ mean of the counts in slices of `width`, the last one left out.
    fn dispersion(&self, width: Duration) -> f64 {
        let place = |at: f64| (at / width.as_secs_f64()) as usize;
        let mut counts = vec![0.0; place(self.span())];
        for at in &self.seconds {
            if let Some(count) = counts.get_mut(place(*at)) {
                *count += 1.0;
            }
        }
        let mean = mean(&counts);
        variance(&counts, mean) / mean
    }

    /// The largest difference between the share of gaps up to a length and that of an exponential
    /// distribution of this rate.
    fn distance(&self, per_second: f64) -> f64 {
        let mut gaps = self.gaps();
        gaps.sort_by(f64::total_cmp);
        let share = |place: usize| place as f64 / gaps.len() as f64;
        let off = |(place, gap): (usize, &f64)| {
            let wanted = 1.0 - (-gap * per_second).exp();
            (wanted - share(place)).abs().max((share(place + 1) - wanted).abs())
        };
        gaps.iter().enumerate().map(off).fold(0.0, f64::max)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64], mean: f64) -> f64 {
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}
