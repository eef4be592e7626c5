//! Classic boundaries: the standing ones, and the thresholds of the SLOs in force.

use std::sync::Arc;

use crate::{
    measure::catalogue::Buckets,
    verdict::{Metric, Slo},
};

/// Most boundaries that thresholds may add to one histogram: each costs a series.
const MOST_INSERTED: usize = 8;

/// The boundaries of the histogram of `metric` for a probe that is held against `slos`: rising,
/// each once. A threshold is a boundary to the bit, so that a rule can select it.
pub(super) fn with_thresholds(standing: Buckets, metric: Metric, slos: &[Arc<Slo>]) -> Vec<f64> {
    let standing = standing.bounds();
    let mut inserted = Vec::new();
    for threshold in slos.iter().flat_map(|slo| &slo.thresholds) {
        let bound = threshold.max.as_secs_f64();
        let known = standing.contains(&bound) || inserted.contains(&bound);
        if threshold.metric == metric && !known && inserted.len() < MOST_INSERTED {
            inserted.push(bound);
        }
    }
    let mut bounds = [standing, &inserted].concat();
    bounds.sort_by(f64::total_cmp);
    bounds
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verdict::{Judge, Threshold};

    fn slo(metric: Metric, millis: &[u64]) -> Vec<Arc<Slo>> {
        let one = |millis: &u64| {
            Arc::new(Slo {
                name: "slo".into(),
                thresholds: vec![Threshold {
                    metric,
                    max: Duration::from_millis(*millis),
                    objective: 0.9,
                }],
                objective: 0.9,
                window: Duration::from_secs(60),
                judge: Judge::Joint,
                pack: None,
            })
        };
        millis.iter().map(one).collect()
    }

    #[test]
    fn thresholds_are_inserted_once_in_order() {
        let bounds =
            with_thresholds(Buckets::Answer, Metric::Ttft, &slo(Metric::Ttft, &[500, 620, 620]));
        assert_eq!(bounds.len(), 21);
        assert!(bounds.contains(&0.62) && bounds.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn other_metrics_add_nothing_and_eight_are_the_most() {
        let standing = Buckets::Token.bounds().len();
        let slos = slo(Metric::Tpot, &[11, 12, 13, 14, 16, 17, 18, 19, 21, 22]);
        assert_eq!(with_thresholds(Buckets::Token, Metric::Itl, &slos).len(), standing);
        assert_eq!(with_thresholds(Buckets::Token, Metric::Tpot, &slos).len(), standing + 8);
    }
}
