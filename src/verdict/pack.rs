//! The rules of a benchmark beyond its bounds on latency.
//!
//! Owns what MLPerf Inference asks of a run before its bounds mean what they say. A run that does
//! not meet them is judged all the same, and what it does not meet is named.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shortest run, in seconds.
const SHORTEST: f64 = 600.0;

/// The share that MLPerf's percentile, the 99th, asks for.
const OBJECTIVE: f64 = 0.99;

/// A schedule of so many seconds ends with a gap, which is not in a window that ends with the last
/// due time. A gap of more than so many mean ones is rarer than 1 %.
const LAST_GAP: f64 = 5.0;

/// The benchmark that an SLO's bounds are those of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// Version of the benchmark's rules.
    pub version: String,
    /// The model of the benchmark.
    pub model: String,
    /// Its scenario.
    pub scenario: PackScenario,
    /// Where the bounds are written.
    pub source: String,
}

/// A scenario of MLPerf Inference that bounds latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackScenario {
    /// Requests come as to a shared server.
    Server,
    /// The same with the bounds of a conversation.
    Interactive,
}

/// How a step was run, as far as the rules ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ran<'a> {
    /// The arrival by its name in records.
    pub arrival: &'a str,
    /// Length of the window in seconds.
    pub seconds: f64,
    /// Exchanges due in it.
    pub n: u64,
    /// The least share that a threshold asks for.
    pub objective: f64,
}

impl Pack {
    /// The rules that a step did not meet, each in a few words.
    pub fn unmet_rules(&self, ran: Ran<'_>) -> Vec<String> {
        let scheduled = ran.seconds * (1.0 + LAST_GAP / ran.n.max(1) as f64);
        let mut unmet = Vec::new();
        if ran.arrival != "poisson" {
            unmet.push(format!("arrivals must be poisson and were {}", ran.arrival));
        }
        // In a closed loop a request is due when the last has ended, so a slow server delays its
        // own schedule; every open arrival is timed from when it was due.
        if ran.arrival == "closed" {
            unmet.push("latency must count from a schedule that heeds no answer".to_owned());
        }
        if scheduled < SHORTEST {
            unmet.push(format!(
                "arrivals must last {SHORTEST:.0} s and lasted {:.0} s",
                ran.seconds.floor()
            ));
        }
        if ran.objective < OBJECTIVE {
            unmet.push(format!(
                "{:.0} % of requests must be within the bounds and {} % were asked for",
                100.0 * OBJECTIVE,
                100.0 * ran.objective
            ));
        }
        unmet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack() -> Pack {
        Pack {
            version: "6.0.17".into(),
            model: "llama2-70b".into(),
            scenario: PackScenario::Server,
            source: "loadgen/mlperf.conf".into(),
        }
    }

    const MET: Ran<'_> = Ran { arrival: "poisson", seconds: 600.0, n: 12_000, objective: 0.99 };

    #[test]
    fn every_unmet_rule_is_named() {
        for (ran, named) in [
            (MET, vec![]),
            // 20 a second over 600 s: the last was due 0.2 s before the end.
            (Ran { seconds: 599.8, ..MET }, vec![]),
            (Ran { seconds: 595.0, ..MET }, vec!["lasted 595 s"]),
            (Ran { arrival: "constant", ..MET }, vec!["were constant"]),
            (Ran { objective: 0.95, ..MET }, vec!["95 % were asked for"]),
            (
                Ran { arrival: "closed", seconds: 60.0, ..MET },
                vec!["were closed", "from a schedule", "lasted 60 s"],
            ),
            (Ran { seconds: 0.0, n: 0, ..MET }, vec!["lasted 0 s"]),
        ] {
            let unmet = pack().unmet_rules(ran);
            assert_eq!(unmet.len(), named.len(), "{unmet:?}");
            for (unmet, named) in unmet.iter().zip(named) {
                assert!(unmet.contains(named), "{unmet}");
            }
        }
    }
}
