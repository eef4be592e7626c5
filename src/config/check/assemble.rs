//! The sections become the checked configuration.

use super::{Coverage, global, probe, slo, target, workload};
use crate::config::{model::Config, problem::Problems, sections::Sections};

/// Checks everything. The result is of use only if no problem has been reported.
pub(in crate::config) fn check(
    sections: &Sections<'_>,
    coverage: Coverage,
    problems: &mut Problems,
) -> Config {
    let global = global::check(sections.global.as_ref(), problems);
    let workloads = workload::check(&sections.workloads, coverage, problems);
    let slos = slo::check(&sections.slos, coverage, problems);
    let targets = target::check(&sections.targets, coverage, problems);
    let context =
        probe::Context { global: &global, workloads: &workloads, slos: &slos, targets: &targets };
    let probes = probe::check(&sections.probes, &context, problems);
    Config {
        global,
        targets: targets.in_order,
        workloads: workloads.sound(),
        slos: slos.sound(),
        probes,
        scenarios: std::collections::BTreeMap::new(),
        sweeps: Vec::new(),
        files: Vec::new(),
        hash: 0,
    }
}

impl Config {
    /// The configuration of no file at all: nothing but defaults.
    pub(in crate::config) fn empty() -> Self {
        check(&Sections::default(), Coverage::Complete, &mut Problems::default())
    }
}
