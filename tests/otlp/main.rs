//! Export over OTLP: what a collector gets, what becomes of it when the collector is slow, dead or
//! says no, and what real stores make of it.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "shared with tests/connections.rs, which uses it all")]
#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/collector.rs"]
mod collector;
#[expect(dead_code, reason = "shared with tests of the daemon, which use it all")]
#[path = "../support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with tests/secrets.rs, which uses it all")]
#[path = "../support/echo.rs"]
mod echo;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "../support/exposition.rs"]
mod exposition;
#[path = "../support/externals.rs"]
mod externals;
#[path = "../support/otlp_samples.rs"]
mod otlp_samples;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "../support/populated.rs"]
mod populated;

mod delivery;
mod kept;
mod process;
mod site;
mod stores;
mod traces;
mod values;
