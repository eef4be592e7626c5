//! The daemon's own instruments.

use std::time::Duration;

use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

use super::group::{Builder, Gauge, Group};
use crate::{
    event::Beat,
    measure::catalogue::{Buckets, Id},
};

/// What was built, for `tokenbeat_build_info`.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    /// The version.
    pub version: &'static str,
    /// The revision of the source, `unknown` where the build was not told.
    pub revision: &'static str,
}

impl BuildInfo {
    /// What this crate was built from; `TOKENBEAT_REVISION` at build time names the revision.
    pub const fn current() -> Self {
        let revision = match option_env!("TOKENBEAT_REVISION") {
            Some(revision) => revision,
            None => "unknown",
        };
        Self { version: env!("CARGO_PKG_VERSION"), revision }
    }
}

#[derive(Debug)]
pub(super) struct Own {
    pub(super) build: Group,
    pub(super) group: Group,
    reload_successful: Gauge,
    reload_success: Gauge,
    config_hash: Gauge,
    send_lag: Histogram,
    read_delay: Histogram,
    runtime_stall: Histogram,
    discovery_targets: Gauge,
    discovery_failures: Counter,
    discovery_dropped_models: Gauge,
    store_errors: Counter,
}

impl Own {
    pub(super) fn new(build: BuildInfo) -> Self {
        let labels = vec![
            ("version".into(), build.version.into()),
            ("revision".into(), build.revision.into()),
        ];
        let mut build = Builder::new(labels, None);
        build.gauge(Id::BuildInfo, None).set(1.0);
        let mut own = Builder::new(Vec::new(), None);
        let late = || Buckets::Lateness.bounds().to_vec();
        Self {
            build: build.build(),
            reload_successful: own.gauge(Id::ConfigLastReloadSuccessful, None),
            reload_success: own.gauge(Id::ConfigLastReloadSuccess, None),
            config_hash: own.gauge(Id::ConfigHash, None),
            send_lag: own.histogram(Id::SendLag, None, late()),
            read_delay: own.histogram(Id::ReadDelay, None, late()),
            runtime_stall: own.histogram(Id::RuntimeStall, None, late()),
            discovery_targets: own.gauge(Id::DiscoveryTargets, None),
            discovery_failures: own.counter(Id::DiscoveryFailures, None),
            discovery_dropped_models: own.gauge(Id::DiscoveryDroppedModels, None),
            store_errors: own.counter(Id::StoreErrors, None),
            group: own.build(),
        }
    }

    /// Our own lateness in a beat, whatever became of the beat.
    pub(super) fn beat(&self, beat: &Beat) {
        if let Some(lag) = beat.measurement.lateness.send_lag {
            self.send_lag.observe(lag.as_secs_f64());
        }
        let mut last_read = None;
        for event in &beat.exchange.timeline.tokens {
            // Events of one read share its delay.
            if last_read.replace(event.read) != Some(event.read)
                && let Some(delay) = event.read_delay
            {
                self.read_delay.observe(delay.as_secs_f64());
            }
        }
    }

    pub(super) fn config_applied(&self, unix_seconds: f64, hash: u64) {
        self.reload_successful.set(1.0);
        self.reload_success.set(unix_seconds);
        self.config_hash.set(hash as f64);
    }

    pub(super) fn config_refused(&self) {
        self.reload_successful.set(0.0);
    }

    pub(super) fn discovered(&self, subjects: usize, dropped_models: usize) {
        self.discovery_targets.set(subjects as f64);
        self.discovery_dropped_models.set(dropped_models as f64);
    }

    pub(super) fn discovery_failed(&self) {
        self.discovery_failures.inc();
    }

    pub(super) fn store_error(&self) {
        self.store_errors.inc();
    }

    pub(super) fn runtime_stall(&self, late: Duration) {
        self.runtime_stall.observe(late.as_secs_f64());
    }
}
