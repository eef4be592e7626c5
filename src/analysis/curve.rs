//! Throughput and latency over load: peak, knee and saturation.
//!
//! Owns the rules by which they are found. They compare the valid steps of one workload, whose
//! loads are of one kind.

use crate::event::StepRecord;

/// Throughput that is this near to the peak is no less.
const NO_LESS: f64 = 0.95;

/// Fewest levels of which a knee can be told.
const FEWEST: usize = 3;

/// What is counted as load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Level {
    /// Requests in flight.
    Concurrency(f64),
    /// Requests a second.
    Rate(f64),
}

impl Level {
    /// Its number.
    pub(super) const fn value(self) -> f64 {
        match self {
            Self::Concurrency(value) | Self::Rate(value) => value,
        }
    }

    const fn same_kind(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Concurrency(_), Self::Concurrency(_)) | (Self::Rate(_), Self::Rate(_))
        )
    }
}

/// One step on the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Its number.
    pub(super) step: u32,
    /// Its load.
    pub(super) level: Level,
    /// Output tokens a second, or requests a second where no answer has tokens.
    pub(super) throughput: f64,
    /// Median end to end, in seconds; absent if that is infinite.
    pub(super) latency: Option<f64>,
}

/// The steps by ascending load.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    points: Vec<Point>,
}

impl Curve {
    /// The curve of the steps that `peak` can be compared with: its workload, its kind of load.
    pub(super) fn beside(peak: &StepRecord, steps: &[&StepRecord]) -> Self {
        let Some(kind) = level(peak) else { return Self::default() };
        let comparable = |step: &&&StepRecord| {
            step.workload == peak.workload && level(step).is_some_and(|level| level.same_kind(kind))
        };
        let mut points: Vec<Point> =
            steps.iter().filter(comparable).filter_map(|step| point(step)).collect();
        points.sort_by(|one, other| one.level.value().total_cmp(&other.level.value()));
        Self { points }
    }

    /// The knee: the level of the greatest throughput ÷ latency (Kleinrock's power). Beyond it
    /// latency grows by a larger factor than throughput. Absent for fewer than three levels, and
    /// where the highest is the best: then the knee was not reached.
    pub(super) fn knee(&self) -> Option<Point> {
        let power = |point: &Point| {
            point.latency.filter(|latency| *latency > 0.0).map(|latency| point.throughput / latency)
        };
        let (last, _) = self.points.split_last().filter(|_| self.points.len() >= FEWEST)?;
        let rated = self.points.iter().filter_map(|point| Some((point, power(point)?)));
        // Of equals the lower load, which comes first.
        let best = rated.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(point, _)| *point).filter(|point| point.level != last.level)
    }

    /// Saturation: the lowest level whose throughput is within 5 % of the peak, if a higher one
    /// was tried: more load brings no more.
    pub(super) fn saturation(&self) -> Option<Point> {
        let peak = self.points.iter().map(|point| point.throughput).max_by(f64::total_cmp)?;
        let first = self.points.iter().find(|point| point.throughput >= NO_LESS * peak)?;
        let last = self.points.last()?;
        (last.level.value() > first.level.value()).then_some(*first)
    }

    /// Levels.
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }
}

/// The load of a step, if it is a single number.
pub(super) fn level(step: &StepRecord) -> Option<Level> {
    let users = step.load.concurrency.map(|users| Level::Concurrency(f64::from(users)));
    users.or(step.load.requests_per_second.map(Level::Rate))
}

/// Output tokens a second, or requests a second where no answer has tokens.
pub(super) fn throughput(step: &StepRecord) -> Option<f64> {
    let tokens = step.rates.output_tokens_per_second;
    tokens.filter(|_| step.tokens.output > 0).or(step.rates.requests_per_second)
}

fn point(step: &StepRecord) -> Option<Point> {
    Some(Point {
        step: step.step,
        level: level(step)?,
        throughput: throughput(step)?,
        latency: median(step, "e2e"),
    })
}

/// The median of a latency, in seconds; absent if it is infinite or undefined.
pub(super) fn median(step: &StepRecord, latency: &str) -> Option<f64> {
    step.latencies.get(latency)?.p50
}
