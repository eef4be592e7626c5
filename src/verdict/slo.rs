//! An SLO, and one exchange held against it.
//!
//! Owns what "good" means for a single exchange. Knows nothing of how many exchanges a verdict
//! needs.

use std::{sync::Arc, time::Duration};

use super::Pack;
use crate::{measure::Measurement, timeline::Outcome};

/// A latency that an SLO can bound. The order is the order in which causes are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Time to first token.
    Ttft,
    /// Time per output token.
    Tpot,
    /// End to end.
    E2e,
    /// Time to first output token.
    Ttfo,
    /// Time from the first to the second token.
    Ttst,
    /// The largest gap between tokens.
    Itl,
    /// Time per output token as MLPerf's LoadGen has it.
    TpotMlperf,
}

impl Metric {
    /// Every metric, in the order in which causes are named.
    pub const ALL: [Self; 7] =
        [Self::Ttft, Self::Tpot, Self::E2e, Self::Ttfo, Self::Ttst, Self::Itl, Self::TpotMlperf];

    /// Its name as a label value and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Tpot => "tpot",
            Self::E2e => "e2e",
            Self::Ttfo => "ttfo",
            Self::Ttst => "ttst",
            Self::Itl => "itl",
            Self::TpotMlperf => "tpot_mlperf",
        }
    }

    /// Its value in one exchange, if it is defined there.
    pub fn of(self, measurement: &Measurement) -> Option<Duration> {
        match self {
            Self::Ttft => measurement.ttft,
            Self::Tpot => measurement.tpot,
            Self::E2e => measurement.e2e,
            Self::Ttfo => measurement.ttfo,
            Self::Ttst => measurement.ttst,
            Self::Itl => measurement.itl.iter().max().copied(),
            Self::TpotMlperf => measurement.tpot_mlperf,
        }
    }
}

/// A bound on one latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// What is bounded.
    pub metric: Metric,
    /// The most that is good.
    pub max: Duration,
    /// The share of exchanges that must meet it: its own, or the SLO's.
    pub objective: f64,
}

/// How a verdict over several thresholds is formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// The worst of the thresholds, each alone.
    #[default]
    Each,
    /// Every threshold in one and the same exchange: goodput's.
    Joint,
}

/// A checked service-level objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// Its name.
    pub name: Arc<str>,
    /// Its thresholds, in the order of [`Metric`], each metric at most once, at least one.
    pub thresholds: Vec<Threshold>,
    /// The share of exchanges that must be good.
    pub objective: f64,
    /// What a continuous verdict looks at.
    pub window: Duration,
    /// How the verdict is formed.
    pub judge: Judge,
    /// The benchmark that the bounds are those of.
    pub pack: Option<Pack>,
}

/// Why an exchange is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It failed.
    Failed,
    /// A latency that a threshold asks for is undefined.
    Undefined,
    /// The first threshold it missed.
    Missed(Metric),
}

/// One exchange held against one SLO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// For each threshold of the SLO, in its order, whether it was met.
    pub met: Vec<bool>,
    /// Why the exchange is not good; absent if it is.
    pub bad: Option<Cause>,
}

impl Cause {
    /// Every cause: the order in which they are looked for.
    pub const ALL: [Self; 2 + Metric::ALL.len()] = [
        Self::Failed,
        Self::Undefined,
        Self::Missed(Metric::Ttft),
        Self::Missed(Metric::Tpot),
        Self::Missed(Metric::E2e),
        Self::Missed(Metric::Ttfo),
        Self::Missed(Metric::Ttst),
        Self::Missed(Metric::Itl),
        Self::Missed(Metric::TpotMlperf),
    ];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Undefined => "undefined",
            Self::Missed(metric) => metric.as_str(),
        }
    }
}

impl Slo {
    /// The shares that a verdict holds exchanges against: that of all thresholds jointly, or that of
    /// each, in their order.
    pub fn objectives(&self) -> Vec<f64> {
        match self.judge {
            Judge::Joint => vec![self.objective],
            Judge::Each => self.thresholds.iter().map(|threshold| threshold.objective).collect(),
        }
    }

    /// Of values for all thresholds jointly and then for each: those that a verdict rests on, in the
    /// order of [`Self::objectives`].
    pub fn rests_on<'a, T>(&self, values: &'a [T]) -> &'a [T] {
        let (joint, each) = values.split_at(values.len().min(1));
        match self.judge {
            Judge::Joint => joint,
            Judge::Each => each,
        }
    }

    /// Holds one exchange against the SLO. The outcome must be a measured one.
    ///
    /// A failed exchange meets nothing, whatever it had reached before it failed. A latency that
    /// is undefined is not met.
    pub fn judge(&self, outcome: Outcome, measurement: &Measurement) -> Judgement {
        if outcome != Outcome::Ok {
            return Judgement { met: vec![false; self.thresholds.len()], bad: Some(Cause::Failed) };
        }
        let causes: Vec<_> =
            self.thresholds.iter().map(|threshold| threshold.cause(measurement)).collect();
        let undefined = causes.iter().find(|cause| **cause == Some(Cause::Undefined));
        Judgement {
            met: causes.iter().map(Option::is_none).collect(),
            bad: *undefined.or(causes.iter().find(|cause| cause.is_some())).unwrap_or(&None),
        }
    }
}

impl Threshold {
    /// Why a successful exchange does not meet the threshold, if it does not.
    fn cause(&self, measurement: &Measurement) -> Option<Cause> {
        match self.metric.of(measurement) {
            None => Some(Cause::Undefined),
            Some(value) if value > self.max => Some(Cause::Missed(self.metric)),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn slo(thresholds: &[(Metric, u32)]) -> Slo {
        Slo {
            name: "test".into(),
            thresholds: thresholds
                .iter()
                .map(|(metric, max)| Threshold { metric: *metric, max: *max * MS, objective: 0.95 })
                .collect(),
            objective: 0.95,
            window: 3600 * 1000 * MS,
            judge: Judge::Each,
            pack: None,
        }
    }

    fn measured() -> Measurement {
        Measurement {
            ttft: Some(400 * MS),
            tpot: Some(20 * MS),
            e2e: Some(900 * MS),
            itl: vec![10 * MS, 45 * MS, 5 * MS],
            ..Measurement::default()
        }
    }

    #[test]
    fn each_threshold_is_counted_alone_and_good_is_joint() {
        use Metric::{E2e, Itl, Tpot, Ttft, Ttst};
        for (thresholds, met, bad) in [
            (vec![(Ttft, 400), (Tpot, 20)], vec![true, true], None),
            (vec![(Ttft, 399), (Tpot, 20)], vec![false, true], Some(Cause::Missed(Ttft))),
            (vec![(Ttft, 399), (Tpot, 19)], vec![false, false], Some(Cause::Missed(Ttft))),
            (vec![(Ttft, 400), (E2e, 800)], vec![true, false], Some(Cause::Missed(E2e))),
            (vec![(Ttft, 400), (Ttst, 9)], vec![true, false], Some(Cause::Undefined)),
            (vec![(Ttft, 1), (Ttst, 9)], vec![false, false], Some(Cause::Undefined)),
            (vec![(Itl, 45)], vec![true], None),
            (vec![(Itl, 44)], vec![false], Some(Cause::Missed(Itl))),
        ] {
            let judgement = slo(&thresholds).judge(Outcome::Ok, &measured());
            assert_eq!(judgement, Judgement { met, bad }, "{thresholds:?}");
        }
    }

    #[test]
    fn a_failed_exchange_meets_nothing() {
        let slo = slo(&[(Metric::Ttft, 500), (Metric::Tpot, 30)]);
        for outcome in Outcome::ALL.into_iter().filter(|outcome| outcome.is_failure()) {
            let judgement = slo.judge(outcome, &measured());
            assert_eq!(
                judgement,
                Judgement { met: vec![false, false], bad: Some(Cause::Failed) },
                "{outcome}"
            );
        }
    }

    #[test]
    fn one_token_has_no_gap_to_bound() {
        let one = Measurement { itl: Vec::new(), ..measured() };
        let judgement = slo(&[(Metric::Itl, 1000)]).judge(Outcome::Ok, &one);
        assert_eq!(judgement.bad, Some(Cause::Undefined));
    }

    #[test]
    fn labels_are_distinct_and_ordered() {
        assert!(Metric::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        let names: std::collections::BTreeSet<_> =
            Cause::ALL.iter().map(|cause| cause.as_str()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
    }
}
