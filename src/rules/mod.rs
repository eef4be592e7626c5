//! Prometheus rules and alerts: those that fit every configuration, and those of one.
//!
//! The catalogue is data: a file a theme (`targets`, `slo`, `sweeps`, `gpu`, `engine`, `daemon`),
//! each a group of recordings and alerts with their texts. Thresholds, objectives and intervals come
//! from the daemon's own gauges, so that one file fits every configuration; with a configuration at
//! hand, its numbers are written in their place. `format` renders both for whoever reads rules. Pure:
//! knows nothing of where they are written, and names metrics by their public names only.

mod configured;
mod daemon;
mod engine;
mod format;
mod gpu;
mod latency;
mod model;
mod objective;
mod promql;
mod slo;
mod sweeps;
mod targets;
mod windows;

pub use configured::{Configured, Warning, configured};
pub use format::{
    Namespace, Options, Unwritable, open_slo, prometheus, prometheus_operator, pyrra, sloth,
};
pub use model::{Alert, Group, Record, Rule, Severity};

/// The shipped groups: they fit every configuration.
pub fn shipped() -> Vec<Group> {
    let mut groups = slo::recordings();
    groups.push(slo::alerts());
    groups.extend(standing());
    groups
}

/// The groups that a configuration does not change.
fn standing() -> Vec<Group> {
    vec![
        latency::group(),
        targets::group(),
        sweeps::group(),
        sweeps::capacity(),
        engine::group(),
        gpu::group(),
        daemon::group(),
    ]
}
