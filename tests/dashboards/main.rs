//! The dashboards: as committed, as Grafana reads them, as Prometheus answers them; and that every
//! name in them and in the alerts is one of the catalogue.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod answers;
mod committed;
mod demo;
mod grafana;
mod names;
mod planted;
mod promql;

#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "../support/exposition.rs"]
mod exposition;
#[path = "../support/externals.rs"]
mod externals;
#[path = "../support/loopback.rs"]
mod loopback;
#[path = "../support/real_prometheus.rs"]
#[expect(dead_code, reason = "shared with tests/prometheus.rs, which uses it all")]
mod real_prometheus;

use std::path::PathBuf;

/// A file of the project.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}
