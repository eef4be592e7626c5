//! An export in this process, to a collector.

use std::{sync::Arc, time::Duration};

use tokenbeat::{
    clock::Wall,
    config::{self, Config},
    sinks::{otlp::Otlp, prometheus::Prometheus},
};
use tokio::runtime::Runtime;

use crate::{collector::Speaks, exposition, populated};

/// An export, and the registry that it exports.
pub struct Site {
    pub prometheus: Arc<Prometheus>,
    pub otlp: Otlp,
    pub runtime: Runtime,
}

impl Site {
    /// A registry with every family; nothing is exported yet.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let prometheus = Arc::new(populated::without_export());
        let otlp = Otlp::new(Arc::clone(&prometheus), Wall::anchor());
        Self { prometheus, otlp, runtime }
    }

    /// Exports as `config` says.
    pub fn apply(&mut self, config: &Config) {
        let _inside = self.runtime.enter();
        let labels = &config.global.external_labels;
        self.otlp.apply(config.otlp.as_ref(), labels).expect("an endpoint");
    }

    pub fn stop(&mut self) {
        self.runtime.block_on(self.otlp.stop());
    }

    /// A counter of the export.
    pub fn count(&self, name: &str, label: &str, value: &str) -> f64 {
        let body = self.prometheus.render(None, None).expect("rendered").body;
        let samples = exposition::text(&String::from_utf8(body).expect("text"));
        samples.get(name, &[(label, value)])
    }

    pub fn exports(&self, outcome: &str) -> f64 {
        self.count("tokenbeat_otlp_exports_total", "outcome", outcome)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What hangs is not waited for.
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        std::mem::replace(&mut self.runtime, runtime).shutdown_timeout(Duration::from_millis(100));
    }
}

/// A configuration that exports to `url`, with `more` of its settings.
pub fn config(speaks: Speaks, url: &str, more: &str) -> Config {
    let path = if speaks == Speaks::Http { "/base" } else { "" };
    let text = format!(
        "global: {{external_labels: {{cluster: eu-west-1}}}}\n\
         telemetry:\n  otlp: {{endpoint: \"{url}{path}\", protocol: {}{more}}}\n",
        speaks.as_str()
    );
    config::load_str("test.yml", &text).expect("a configuration")
}
