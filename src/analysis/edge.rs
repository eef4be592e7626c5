//! Where an objective is just met, estimated from the steps on both sides.
//!
//! Near the limit the misses of a single step are of few busy spells, so that one step is off by
//! much. All steps near the edge together say more: a line through them, in logarithms.

use super::Decision;

/// A step is near the edge if its level is within this factor of the bracket,
const NEAR: f64 = 1.25;

/// and its misses are within this factor of those allowed. Beyond that the line bends. The ends of
/// the bracket are taken in any case, with so much at most.
const OFF: f64 = 4.0;

/// Misses grow at least with this power of the level: near the limit of a queue it is ten or more,
/// and a line through two steps of chance must not be flatter.
const LEAST_SLOPE: f64 = 8.0;

/// The level between the steps near `low`, which met the objective, and `high`, which missed it, at
/// which as many miss as may.
pub(super) fn edge(steps: &[Decision], low: f64, high: f64) -> f64 {
    let points: Vec<Point> = steps.iter().filter_map(|step| Point::of(step, low, high)).collect();
    let weight: f64 = points.iter().map(|point| point.weight).sum();
    let mean = |of: fn(&Point) -> f64| {
        points.iter().map(|point| point.weight * of(point)).sum::<f64>() / weight
    };
    let (x, y) = (mean(|point| point.level), mean(|point| point.ratio));
    let (mut spread, mut together) = (0.0, 0.0);
    for point in &points {
        spread += point.weight * (point.level - x).powi(2);
        together += point.weight * (point.level - x) * (point.ratio - y);
    }
    let slope = (together / spread).max(LEAST_SLOPE);
    let levels = || points.iter().map(|point| point.level);
    let (least, most) = (levels().fold(low.ln(), f64::min), levels().fold(high.ln(), f64::max));
    let at = x - y / slope;
    // Without a weight there is nothing to draw a line through.
    if at.is_finite() { at.clamp(least, most).exp() } else { (low * high).sqrt() }
}

/// A step in logarithms.
struct Point {
    level: f64,
    /// Misses ÷ those allowed.
    ratio: f64,
    /// One over its variance: the misses.
    weight: f64,
}

impl Point {
    fn of(step: &Decision, low: f64, high: f64) -> Option<Self> {
        let ratio = step.misses_to_allowed;
        let is_end = step.level == low || step.level == high;
        let is_near = (low / NEAR..=high * NEAR).contains(&step.level)
            && (OFF.recip()..=OFF).contains(&ratio);
        let ratio = ratio.clamp(OFF.recip(), OFF);
        let weight = step.n as f64 * ratio;
        (is_end || is_near).then(|| Self { level: step.level.ln(), ratio: ratio.ln(), weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::State;

    fn step(level: f64, misses_to_allowed: f64, n: u64) -> Decision {
        let state = State::NotEnoughData;
        Decision { level, state, misses_to_allowed, n, goodput: None }
    }

    /// Misses that grow with the eighth power of the level: as many as may at 100.
    fn at(level: f64) -> Decision {
        step(level, (level / 100.0).powi(8), 1_000)
    }

    #[test]
    fn a_line_is_found_again() {
        for levels in [vec![96.0, 104.0], vec![90.0, 99.0, 101.0, 112.0], vec![99.9, 104.0, 110.0]]
        {
            let steps: Vec<_> = levels.iter().map(|level| at(*level)).collect();
            let low = levels.iter().copied().filter(|level| *level < 100.0).fold(0.0, f64::max);
            let high = levels.iter().copied().filter(|level| *level > 100.0).fold(1e9, f64::min);
            let found = edge(&steps, low, high);
            assert!((found - 100.0).abs() < 0.01, "{levels:?}: {found}");
        }
    }

    #[test]
    fn beside_a_cliff_it_is_the_middle() {
        for n in [0, 500] {
            let found = edge(&[step(90.0, 0.0, n), step(110.0, 20.0, n)], 90.0, 110.0);
            assert!((found - f64::sqrt(90.0 * 110.0)).abs() < 1e-9, "{found}");
        }
    }

    #[test]
    fn one_unlucky_step_does_not_decide() {
        // The level of 96 has 0.72 of what may; a busy spell made it 1.1.
        let steps = [at(90.0), at(93.0), step(96.0, 1.1, 1_000), at(108.0), at(120.0)];
        let found = edge(&steps, 93.0, 96.0);
        assert!((96.5..100.0).contains(&found), "{found}");
    }

    #[test]
    fn steps_that_contradict_each_other_leave_it_among_them() {
        let steps = [step(95.0, 1.0, 100), step(95.0, 3.0, 100), step(100.0, 0.3, 100)];
        let found = edge(&steps, 95.0, 100.0);
        assert!((95.0..=100.0).contains(&found), "{found}");
    }
}
