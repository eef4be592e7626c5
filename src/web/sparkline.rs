//! The last beats of one latency as a small drawing.
//!
//! One slot a beat, the latest at the right. The scale is logarithmic, because the interesting
//! beat is the one that took thirty times as long as the others. Pure geometry: the template
//! turns it into SVG.

use std::{sync::Arc, time::Duration};

use super::format::duration;
use crate::sinks::recent::{BEATS, BeatSummary};

/// Size of the drawing, in its own units.
pub(super) const WIDTH: f64 = 183.0;
pub(super) const HEIGHT: f64 = 32.0;

/// Distance of two beats.
const STEP: f64 = 3.0;

/// Margin above and below the values; failures are drawn in the upper one.
const MARGIN: f64 = 4.0;

/// A place in the drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// The drawing.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparkline {
    /// Lines through beats that follow one another, as SVG writes points.
    pub(super) lines: Vec<String>,
    /// Beats that stand alone between failures.
    pub(super) alone: Vec<Point>,
    /// Abscissae of failures.
    pub(super) failures: Vec<f64>,
    /// Beats that the client was late for.
    pub(super) spoiled: Vec<Point>,
    /// Abscissae of beats that say nothing: aborted by us, or for want of our own resources.
    pub(super) unmeasured: Vec<f64>,
    /// The latest value.
    pub(super) last: Option<Point>,
    /// Ordinate of the threshold.
    pub(super) threshold: Option<f64>,
    /// Lowest and highest value, written out.
    pub(super) range: Option<(String, String)>,
}

impl Sparkline {
    /// Draws `value` of `beats`, the latest last, and the threshold.
    pub(super) fn of(
        beats: &[Arc<BeatSummary>],
        threshold: Option<Duration>,
        value: impl Fn(&BeatSummary) -> Option<Duration>,
    ) -> Self {
        let beats = &beats[beats.len().saturating_sub(BEATS)..];
        let values: Vec<_> = beats.iter().map(|beat| value(beat)).collect();
        let seen = || values.iter().copied().flatten();
        let Some(scale) = Scale::over(seen().chain(threshold)) else {
            return Self::without_values(beats);
        };
        let mut drawing = Self::without_values(beats);
        drawing.threshold = threshold.map(|threshold| scale.y(threshold));
        drawing.range =
            seen().min().zip(seen().max()).map(|(low, high)| (duration(low), duration(high)));
        let mut run: Vec<Point> = Vec::new();
        for (index, (beat, value)) in beats.iter().zip(&values).enumerate() {
            let point = value.map(|value| Point { x: x(index, beats.len()), y: scale.y(value) });
            match (point, beat.spoiled.is_some() || beat.own_sweep) {
                _ if beat.outcome.is_failure() => drawing.end_run(&mut run),
                (Some(point), true) => drawing.spoiled.push(point),
                (Some(point), false) => {
                    drawing.last = Some(point);
                    run.push(point);
                }
                (None, _) => {}
            }
        }
        drawing.end_run(&mut run);
        drawing
    }

    fn without_values(beats: &[Arc<BeatSummary>]) -> Self {
        let marks = |wanted: fn(&BeatSummary) -> bool| {
            let marked = beats.iter().enumerate().filter(|(_, beat)| wanted(beat));
            marked.map(|(index, _)| x(index, beats.len())).collect()
        };
        Self {
            failures: marks(|beat| beat.outcome.is_failure()),
            unmeasured: marks(|beat| !beat.outcome.is_measured()),
            ..Self::default()
        }
    }

    fn end_run(&mut self, run: &mut Vec<Point>) {
        match run.as_slice() {
            [] => {}
            [alone] => self.alone.push(*alone),
            points => {
                let written = points.iter().map(|point| format!("{:.1},{:.1}", point.x, point.y));
                self.lines.push(written.collect::<Vec<_>>().join(" "));
            }
        }
        run.clear();
    }
}

/// Abscissa of the beat at `index` of `n`.
fn x(index: usize, n: usize) -> f64 {
    let from_right = n.saturating_sub(index + 1) as f64;
    WIDTH - STEP - from_right * STEP
}

/// A logarithmic scale over a range of durations.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// The scale over `values`, at least a factor of two wide so that noise looks like noise.
    /// None for no values.
    fn over(values: impl Iterator<Item = Duration>) -> Option<Self> {
        let (low, high) = values.map(log).fold(None, |range, value| {
            let (low, high) = range.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        })?;
        let widen = ((1.0 - (high - low)) / 2.0).max(0.0);
        Some(Self { low: low - widen, high: high + widen })
    }

    fn y(&self, value: Duration) -> f64 {
        let share = (log(value) - self.low) / (self.high - self.low);
        HEIGHT - MARGIN - share * (HEIGHT - 3.0 * MARGIN)
    }
}

/// Binary logarithm of the microseconds; nothing is shorter than one.
fn log(value: Duration) -> f64 {
    (value.as_secs_f64() * 1e6).max(1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::Spoiled,
        sinks::recent::testing::{failed, ok},
        timeline::Outcome,
    };

    const THRESHOLD: Option<Duration> = Some(Duration::from_millis(500));

    fn draw(beats: Vec<BeatSummary>) -> Sparkline {
        let beats: Vec<_> = beats.into_iter().map(Arc::new).collect();
        Sparkline::of(&beats, THRESHOLD, |beat| beat.ttft)
    }

    #[test]
    fn a_failure_breaks_the_line() {
        let drawing = draw(vec![ok(100), ok(110), failed(Outcome::Connect), ok(120)]);
        assert_eq!(drawing.lines.len(), 1);
        assert_eq!(drawing.alone.len(), 1);
        assert_eq!(drawing.failures, [WIDTH - 2.0 * STEP]);
        assert_eq!(drawing.last.map(|point| point.x), Some(WIDTH - STEP));
        assert_eq!(drawing.range, Some(("100 ms".to_owned(), "120 ms".to_owned())));
    }

    #[test]
    fn spoiled_and_unmeasured_beats_stand_apart() {
        let spoiled = BeatSummary { spoiled: Some(Spoiled::ReadDelay), ..ok(900) };
        let drawing = draw(vec![ok(100), spoiled, failed(Outcome::Aborted), ok(110)]);
        assert_eq!(drawing.spoiled.len(), 1);
        assert_eq!(drawing.unmeasured.len(), 1);
        assert!(drawing.failures.is_empty());
        assert_eq!(drawing.lines.len(), 1);
    }

    #[test]
    fn everything_stays_inside_and_slower_is_higher() {
        for beats in [
            vec![ok(1), ok(3_600_000)],
            vec![ok(100), ok(100)],
            vec![ok(0)],
            (0..200).map(ok).collect(),
        ] {
            let drawing = draw(beats);
            let last = drawing.last.expect("a value");
            let threshold = drawing.threshold.expect("a threshold");
            for y in [last.y, threshold] {
                assert!((MARGIN..=HEIGHT).contains(&y), "{y}");
            }
            assert!((0.0..=WIDTH).contains(&last.x));
        }
        let drawing = draw(vec![ok(100), ok(900)]);
        assert!(drawing.last.map(|point| point.y) < drawing.threshold);
    }

    #[test]
    fn without_beats_there_is_only_the_threshold() {
        let drawing = draw(Vec::new());
        assert!(drawing.lines.is_empty() && drawing.last.is_none() && drawing.range.is_none());
    }
}
