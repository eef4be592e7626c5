//! The scenarios and SLOs that come with the program, so that a benchmark needs no file.
//!
//! They are the very texts that `config/` ships to be included. Owns nothing else.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use super::{
    include::Files,
    load::finish,
    model::{Config, Scenario},
    problem::Problems,
};
use crate::verdict::Slo;

/// The shipped files: their names and their texts.
const FILES: [(&str, &str); 2] = [
    ("scenarios.yml", include_str!("../../config/scenarios.yml")),
    ("slos.yml", include_str!("../../config/slos.yml")),
];

/// What the shipped files define: SLOs, scenarios and the workloads of those; no targets.
pub fn shipped() -> &'static Config {
    static SHIPPED: LazyLock<Config> = LazyLock::new(|| {
        // The texts are part of the program and a test loads them: this is never empty.
        read().unwrap_or_else(|_| Config::empty())
    });
    &SHIPPED
}

/// The shipped scenario of this name.
pub fn shipped_scenario(name: &str) -> Option<Arc<Scenario>> {
    shipped().scenarios.get(name).cloned()
}

/// The shipped SLO of this name.
pub fn shipped_slo(name: &str) -> Option<Arc<Slo>> {
    shipped().slos.get(name).cloned()
}

fn read() -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let mut files = Files::default();
    for (name, text) in FILES {
        files.add(Path::new(name), text.to_owned(), &mut problems);
    }
    finish(&files, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_load() {
        let config = read().map_err(|problems| problems.to_string()).expect("no problems");
        assert_eq!((config.targets.len(), config.sweeps.len()), (0, 0));
        assert!(shipped_slo("standard").is_some() && shipped_slo("none").is_none());
        let names: Vec<_> = shipped().scenarios.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "concurrency_sweep",
                "find_capacity",
                "http_only",
                "latency_benchmark",
                "load_test",
                "poisson_goodput",
                "prefix_cache",
                "quick_validation",
                "stress_test",
                "throughput_benchmark",
            ]
        );
        for name in names {
            assert!(shipped_scenario(name).is_some_and(|scenario| &*scenario.name == name));
        }
    }
}
