//! What burn-rate alerts are held against: what the daemon exports, or what a configuration says.

use super::{
    promql,
    windows::{Burn, CAP},
};
use crate::verdict::Metric;

/// The latencies of one burn alert: those whose causes an operator looks for in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// The wait for the first token.
    FirstToken,
    /// The pace of tokens.
    Pace,
    /// The whole answer.
    Answer,
}

/// What an alert speaks of, and the share of good beats that is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject<'a> {
    /// Every SLO of every probe, each with the objective that the daemon exports.
    Every,
    /// One SLO of one probe, with the objective that is written down.
    One {
        /// The label `probe`.
        probe: &'a str,
        /// The label `slo`.
        slo: &'a str,
        /// The share that must be good.
        objective: f64,
    },
}

impl Theme {
    pub(super) const ALL: [Self; 3] = [Self::FirstToken, Self::Pace, Self::Answer];

    /// Where a threshold on `metric` belongs.
    pub(super) const fn of(metric: Metric) -> Self {
        match metric {
            Metric::Ttft | Metric::Ttfo => Self::FirstToken,
            Metric::Tpot | Metric::Ttst | Metric::Itl | Metric::TpotMlperf => Self::Pace,
            Metric::E2e => Self::Answer,
        }
    }

    /// The name of its alert.
    pub(super) const fn alert(self) -> &'static str {
        match self {
            Self::FirstToken => "TokenbeatTTFTBurn",
            Self::Pace => "TokenbeatTPOTBurn",
            Self::Answer => "TokenbeatE2EBurn",
        }
    }

    /// The values of the label `metric` that are its own, as a regular expression.
    pub(super) fn metrics(self) -> String {
        let own = Metric::ALL.into_iter().filter(|metric| Self::of(*metric) == self);
        own.map(Metric::as_str).collect::<Vec<_>>().join("|")
    }
}

impl Subject<'_> {
    /// The label pairs that select it.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Every => Vec::new(),
            Self::One { probe, slo, .. } => vec![("probe", probe), ("slo", slo)],
        }
    }

    /// The bad ratio above which `burn` fires, as PromQL; `gauge` exports the objective.
    pub(super) fn threshold(&self, burn: &Burn, gauge: &str) -> String {
        match self {
            Self::Every => format!(
                "clamp_max({} * (1 - max without (instance, pod) ({gauge})), {CAP})",
                promql::number(burn.factor)
            ),
            Self::One { objective, .. } => {
                let budget = 1.0 - objective;
                // An objective below a half has a budget above the cap: within it nothing burns.
                promql::number((burn.factor * budget).min(CAP).max(budget))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::windows::BURNS;

    #[test]
    fn every_metric_has_one_theme() {
        let all: Vec<String> = Theme::ALL.iter().map(|theme| theme.metrics()).collect();
        assert_eq!(all, ["ttft|ttfo", "tpot|ttst|itl|tpot_mlperf", "e2e"]);
    }

    #[test]
    fn a_threshold_is_capped_and_never_within_the_budget() {
        for (objective, expected) in [
            (0.99, ["0.144", "0.06", "0.03", "0.01"]),
            (0.95, ["0.5", "0.3", "0.15", "0.05"]),
            (0.9, ["0.5", "0.5", "0.3", "0.1"]),
            (0.4, ["0.6", "0.6", "0.6", "0.6"]),
        ] {
            let one = Subject::One { probe: "p", slo: "s", objective };
            assert_eq!(BURNS.map(|burn| one.threshold(&burn, "")), expected, "{objective}");
        }
    }
}
