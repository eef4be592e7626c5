//! The record of a run as it stands when it begins: what is left of it if the process dies.

use crate::{
    event::{Environment, Findings, RunRecord, RunResult, SCHEMA_VERSION},
    load::RunOrder,
};

/// The record of `order`, which begins at a time in nanoseconds since the Unix epoch.
pub(super) fn draft(order: &RunOrder, unix_nanos: i64) -> RunRecord {
    let (target, key) = (order.link.target(), &order.key);
    let began = unix_nanos as f64 / 1e9;
    RunRecord {
        schema_version: SCHEMA_VERSION,
        id: order.id.to_string(),
        tokenbeat_version: env!("CARGO_PKG_VERSION").to_owned(),
        trigger: order.trigger,
        result: RunResult::Interrupted,
        reason: None,
        due_at: order.due_unix_nanos as f64 / 1e9,
        started_at: began,
        ended_at: began,
        sweep: key.sweep.to_string(),
        scenario: order.scenario.name.to_string(),
        target: key.target.to_string(),
        origin: target.url.origin().ascii_serialization(),
        model: key.model.to_string(),
        api: target.api.as_str().to_owned(),
        engine: order.engine.clone(),
        environment: Environment::default(),
        labels: target.labels.clone(),
        cost_per_hour: target.cost_per_hour,
        seed: order.seed,
        calibration: order.calibration.clone(),
        steps: Vec::new(),
        findings: Findings::default(),
    }
}
