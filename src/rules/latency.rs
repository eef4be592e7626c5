//! Recorded percentiles for dashboards. No alert uses them: they are of ok beats only, and whoever
//! looks at one looks at the failures beside it.

use super::{Group, Record};

/// The latencies whose percentiles are recorded.
const LATENCIES: [&str; 3] = ["ttft", "tpot", "e2e"];

/// The percentiles.
const QUANTILES: [(&str, &str); 3] = [("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99")];

/// The recorded percentiles. Where a server stores the classic form the first arm answers, else the
/// second, from the native one.
pub(super) fn group() -> Group {
    let rules = LATENCIES.iter().flat_map(|latency| {
        QUANTILES.iter().map(move |(percentile, q)| {
            let metric = format!("tokenbeat_probe_{latency}_seconds");
            Record {
                name: format!("target_model_probe:{metric}:{percentile}_rate15m"),
                expr: format!(
                    "histogram_quantile({q}, sum without (instance, pod) (rate({metric}_bucket[15m])))\n\
                     or\n\
                     histogram_quantile({q}, sum without (instance, pod) (rate({metric}[15m])))"
                ),
            }
            .into()
        })
    });
    Group { name: "tokenbeat.latency", interval: None, rules: rules.collect() }
}
