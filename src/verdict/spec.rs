//! The configuration form of an SLO.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{Judge, Metric, Pack, Slo, Threshold};
use crate::units::{Period, Ratio};

/// A service-level objective: what a good exchange is, and how many must be.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SloSpec {
    /// The most that a good exchange may take.
    pub thresholds: ThresholdsSpec,
    /// The share of exchanges that must be good; above 0, below 100%.
    #[serde(default = "objective")]
    pub objective: Ratio,
    /// What a continuous verdict looks at.
    #[serde(default = "window")]
    pub window: Period,
    /// Whether each threshold is judged alone and the worst counts, or all jointly in one exchange.
    #[serde(default)]
    pub judge: Judge,
    /// The benchmark that the bounds are those of; its other rules are then checked and named.
    pub mlperf: Option<Pack>,
}

/// Bounds on latencies, at least one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct ThresholdsSpec {
    /// Time to first token, from the due time.
    pub ttft: Option<ThresholdSpec>,
    /// Time per output token.
    pub tpot: Option<ThresholdSpec>,
    /// End to end, from the due time.
    pub e2e: Option<ThresholdSpec>,
    /// Time to first output token: that is not reasoning.
    pub ttfo: Option<ThresholdSpec>,
    /// Time from the first to the second token.
    pub ttst: Option<ThresholdSpec>,
    /// The largest gap between tokens.
    pub itl: Option<ThresholdSpec>,
    /// Time per output token as MLPerf's LoadGen has it: (e2e − ttft) ÷ (tokens − 1).
    pub tpot_mlperf: Option<ThresholdSpec>,
}

/// A duration, or a duration with an objective of its own.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ThresholdSpec {
    /// The most that is good.
    Max(Period),
    /// The same with an objective of its own.
    Own(OwnObjective),
}

/// A threshold with an objective of its own.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnObjective {
    /// The most that is good.
    pub max: Period,
    /// The share of exchanges that must meet this threshold; above 0, below 100%.
    pub objective: Ratio,
}

/// Why an SLO cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SloError {
    /// 0 % and 100 % can be neither certified nor refuted.
    #[error("an objective lies between 0 and 100%, both excluded")]
    Objective,
    /// A bound of zero.
    #[error("a threshold must be longer than zero")]
    ZeroThreshold,
    /// A window of zero.
    #[error("the window must be longer than zero")]
    ZeroWindow,
}

/// What is wrong, and at which keys below the SLO.
pub(crate) type SloFault = (Vec<&'static str>, SloError);

fn objective() -> Ratio {
    Ratio(0.95)
}

fn window() -> Period {
    Period(std::time::Duration::from_secs(86_400))
}

/// Whether a verdict over the objective can come out both ways.
fn certifiable(objective: Ratio) -> bool {
    objective.0 > 0.0 && objective.0 < 1.0
}

impl<'de> Deserialize<'de> for ThresholdSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            map @ Value::Object(_) => OwnObjective::deserialize(map).map(Self::Own),
            other => Period::deserialize(other).map(Self::Max),
        }
        .map_err(de::Error::custom)
    }
}

impl ThresholdsSpec {
    /// The thresholds that were written, in the order of [`Metric`], with their keys.
    fn given(&self) -> impl Iterator<Item = (&'static str, Metric, ThresholdSpec)> {
        [
            ("ttft", Metric::Ttft, self.ttft),
            ("tpot", Metric::Tpot, self.tpot),
            ("e2e", Metric::E2e, self.e2e),
            ("ttfo", Metric::Ttfo, self.ttfo),
            ("ttst", Metric::Ttst, self.ttst),
            ("itl", Metric::Itl, self.itl),
            ("tpot_mlperf", Metric::TpotMlperf, self.tpot_mlperf),
        ]
        .into_iter()
        .filter_map(|(key, metric, threshold)| Some((key, metric, threshold?)))
    }
}

impl SloSpec {
    /// The checked SLO.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn build(&self, name: Arc<str>) -> Result<Slo, Vec<SloFault>> {
        let mut faults = Vec::new();
        if !certifiable(self.objective) {
            faults.push((vec!["objective"], SloError::Objective));
        }
        let mut thresholds = Vec::new();
        for (key, metric, threshold) in self.thresholds.given() {
            let (max, objective) = match threshold {
                ThresholdSpec::Max(max) => (max, self.objective),
                ThresholdSpec::Own(own) => (own.max, own.objective),
            };
            if matches!(threshold, ThresholdSpec::Own(own) if !certifiable(own.objective)) {
                faults.push((vec!["thresholds", key, "objective"], SloError::Objective));
            }
            if max.0.is_zero() {
                faults.push((vec!["thresholds", key], SloError::ZeroThreshold));
            }
            thresholds.push(Threshold { metric, max: max.0, objective: objective.0 });
        }
        if self.window.0.is_zero() {
            faults.push((vec!["window"], SloError::ZeroWindow));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let objective = self.objective.0;
        let (judge, pack) = (self.judge, self.mlperf.clone());
        Ok(Slo { name, thresholds, objective, window: self.window.0, judge, pack })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn build(spec: Value) -> Result<Slo, Vec<SloFault>> {
        SloSpec::deserialize(spec).expect("the form").build("slo".into())
    }

    #[test]
    fn a_threshold_takes_the_objective_of_the_slo_unless_it_has_its_own() {
        let spec = json!({
            "thresholds": {"tpot": "30ms", "ttft": {"max": "450ms", "objective": "99%"}},
        });
        let slo = build(spec).expect("an SLO");
        let parts: Vec<_> = slo
            .thresholds
            .iter()
            .map(|threshold| (threshold.metric, threshold.max.as_millis(), threshold.objective))
            .collect();
        assert_eq!(parts, [(Metric::Ttft, 450, 0.99), (Metric::Tpot, 30, 0.95)]);
        assert_eq!((slo.window.as_secs(), slo.judge), (86_400, Judge::Each));
    }

    #[test]
    fn what_can_never_be_judged_is_refused() {
        let spec = json!({
            "thresholds": {"e2e": "0s", "itl": {"max": "1s", "objective": 1}},
            "objective": 0,
            "window": "0s",
        });
        let faults = build(spec).expect_err("faulty");
        let told: Vec<_> =
            faults.into_iter().map(|(path, error)| (path.join("."), error)).collect();
        assert_eq!(
            told,
            [
                ("objective".to_owned(), SloError::Objective),
                ("thresholds.e2e".to_owned(), SloError::ZeroThreshold),
                ("thresholds.itl.objective".to_owned(), SloError::Objective),
                ("window".to_owned(), SloError::ZeroWindow),
            ]
        );
    }
}
