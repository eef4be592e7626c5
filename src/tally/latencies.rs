//! The latencies of a step's judged exchanges.
//!
//! Owns which values enter which latency. A failed exchange is infinite in every one, also where
//! it had come far enough to have a value; an undefined value of a successful one is left out.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    event::Latency,
    measure::{Measurement, Quantile, Summary},
    verdict::Metric,
};

/// Fewest samples of a p99 that is not marked.
const ENOUGH: u64 = 100;

/// How a latency is read from the numbers of an exchange.
type Read = fn(&Measurement) -> Option<Duration>;

/// The latencies of which an exchange has one value each.
const SINGLE: [(&str, Read); 7] = [
    ("ttft", |of| of.ttft),
    ("ttfo", |of| of.ttfo),
    ("ttst", |of| of.ttst),
    ("tpot", |of| of.tpot),
    ("tpot_mlperf", |of| of.tpot_mlperf),
    ("e2e", |of| of.e2e),
    ("service_ttft", |of| of.service_ttft),
];

/// The gaps between tokens, of which an exchange has many.
const GAPS: &str = "itl";

/// Our own lateness, which has nothing to do with whether the exchange failed later.
const SEND_LAG: &str = "send_lag";

/// The latencies of a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    single: [Summary; SINGLE.len()],
    gaps: Summary,
    send_lag: Summary,
}

impl Latencies {
    /// Takes in an exchange that was ok.
    pub(super) fn ok(&mut self, measurement: &Measurement) {
        for ((_, of), summary) in SINGLE.iter().zip(&mut self.single) {
            if let Some(value) = of(measurement) {
                summary.record(value);
            }
        }
        for gap in &measurement.itl {
            self.gaps.record(*gap);
        }
    }

    /// Takes in an exchange that failed: one infinite value in each latency.
    pub(super) fn failed(&mut self) {
        for summary in self.single.iter_mut().chain([&mut self.gaps]) {
            summary.record_infinite();
        }
    }

    /// Takes in how late an exchange was sent, failed or not.
    pub(super) fn sent(&mut self, lag: Duration) {
        self.send_lag.record(lag);
    }

    /// The values of a latency.
    pub(super) fn of(&self, metric: Metric) -> &Summary {
        if metric == Metric::Itl {
            return &self.gaps;
        }
        let at = SINGLE.iter().position(|(name, _)| *name == metric.as_str());
        at.and_then(|at| self.single.get(at)).unwrap_or(&self.gaps)
    }

    /// The latencies by name. One that no successful exchange had, though there were some, is none
    /// of this workload and left out.
    pub(super) fn record(&self, ok: u64) -> BTreeMap<String, Latency> {
        SINGLE
            .iter()
            .map(|(name, _)| *name)
            .zip(&self.single)
            .chain([(GAPS, &self.gaps), (SEND_LAG, &self.send_lag)])
            .filter(|(_, summary)| summary.finite() > 0 || (ok == 0 && summary.n() > 0))
            .map(|(name, summary)| (name.to_owned(), latency(summary)))
            .collect()
    }
}

/// A summary in the form of the record.
pub(super) fn latency(summary: &Summary) -> Latency {
    let [p50, p75, p90, p95, p99] = [0.5, 0.75, 0.9, 0.95, 0.99].map(|q| summary.quantile(q));
    let moments = summary.moments();
    Latency {
        n: summary.n(),
        failed: summary.infinite(),
        n_ok: summary.finite(),
        infinite: [p50, p75, p90, p95, p99].contains(&Quantile::Infinite),
        n_too_small: summary.n() < ENOUGH,
        mean: moments.mean(),
        min: moments.least(),
        max: moments.most(),
        stddev: moments.stddev(),
        p50: p50.finite(),
        p75: p75.finite(),
        p90: p90.finite(),
        p95: p95.finite(),
        p99: p99.finite(),
        histogram: summary.encode_v2_base64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn every_metric_of_an_slo_has_its_latency() {
        let measurement = Measurement {
            ttft: Some(MS),
            tpot: Some(2 * MS),
            e2e: Some(3 * MS),
            ttfo: Some(4 * MS),
            ttst: Some(5 * MS),
            itl: vec![6 * MS],
            tpot_mlperf: Some(7 * MS),
            ..Measurement::default()
        };
        let mut latencies = Latencies::default();
        latencies.ok(&measurement);
        for metric in Metric::ALL {
            let expected = metric.of(&measurement).expect("a value").as_secs_f64();
            let found = latencies.of(metric).moments().mean().expect("a value");
            assert!((found - expected).abs() < 1e-12, "{}", metric.as_str());
        }
    }

    #[test]
    fn a_failure_is_infinite_everywhere_but_in_our_own_lateness() {
        let mut latencies = Latencies::default();
        latencies.ok(&Measurement { ttft: Some(MS), itl: vec![MS; 4], ..Measurement::default() });
        latencies.sent(MS);
        latencies.failed();
        latencies.sent(MS);
        let record = latencies.record(1);
        assert_eq!(record.keys().collect::<Vec<_>>(), ["itl", "send_lag", "ttft"]);
        let ttft = &record["ttft"];
        assert_eq!((ttft.n, ttft.failed, ttft.n_ok, ttft.infinite), (2, 1, 1, true));
        assert_eq!((ttft.p50, ttft.p75, ttft.mean), (Some(0.001), None, Some(0.001)));
        assert_eq!((record["itl"].n, record["itl"].failed), (5, 1));
        assert_eq!((record["send_lag"].n, record["send_lag"].infinite), (2, false));
    }

    #[test]
    fn a_step_of_failures_has_latencies_that_are_all_infinite() {
        let mut latencies = Latencies::default();
        latencies.failed();
        let record = latencies.record(0);
        assert!(record["e2e"].infinite && record["e2e"].p50.is_none() && record["e2e"].n == 1);
        assert!(!record.contains_key("send_lag"));
    }
}
