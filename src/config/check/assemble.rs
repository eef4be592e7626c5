//! The sections become the checked configuration.

use super::{Coverage, global, otlp, probe, scenario, slo, sweep, target, telemetry, workload};
use crate::{
    config::{data::DataFiles, model::Config, problem::Problems, sections::Sections, seen::Seen},
    fnv::Fnv,
};

/// Checks everything. The result is of use only if no problem has been reported.
pub(in crate::config) fn check(
    sections: &Sections<'_>,
    coverage: Coverage,
    data: &mut DataFiles,
    problems: &mut Problems,
) -> Config {
    let global = global::check(sections.global.as_ref(), problems);
    let workloads = workload::check(&sections.workloads, coverage, data, problems);
    let slos = slo::check(&sections.slos, coverage, problems);
    let targets = target::check(&sections.targets, coverage, problems);
    let context =
        probe::Context { global: &global, workloads: &workloads, slos: &slos, targets: &targets };
    let probes = probe::check(&sections.probes, &context, problems);
    let scenarios = scenario::check(&sections.scenarios, &workloads, coverage, data, problems);
    let context = sweep::Context {
        global: &global,
        targets: &targets,
        scenarios: &scenarios,
        slos: &slos,
        // Of a faulty probe it is not known which targets it beats at.
        probes: (probes.len() == sections.probes.len()).then_some(&probes),
    };
    let sweeps = sweep::check(&sections.sweeps, &context, problems);
    let otlp = otlp::check(sections.telemetry.as_ref(), problems);
    let nvml = telemetry::nvml(sections.telemetry.as_ref(), problems);
    Config {
        global,
        targets: targets.in_order,
        workloads: workloads.sound(),
        slos: slos.sound(),
        probes,
        scenarios: scenarios.sound(),
        sweeps,
        otlp,
        nvml,
        files: Vec::new(),
        hash: 0,
        seen: Seen::default(),
    }
}

impl Config {
    /// The configuration of no file at all: nothing but defaults.
    pub(in crate::config) fn empty() -> Self {
        let mut data = DataFiles::new(Fnv::default());
        check(&Sections::default(), Coverage::Complete, &mut data, &mut Problems::default())
    }
}
