//! The record of a run as it stands when it begins: what is left of it if it panics or the process
//! dies, and how that is completed.

use crate::{
    analysis::{FindingsContext, findings},
    event::{Findings, RunRecord, RunResult, SCHEMA_VERSION},
    load::{RunOrder, environment},
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
        environment: environment(),
        labels: target.labels.clone(),
        cost_per_hour: target.cost_per_hour,
        seed: order.seed,
        calibration: order.calibration.clone(),
        steps: Vec::new(),
        findings: Findings::default(),
    }
}

/// A record that was put together from a draft and its steps, with what follows from them. What the
/// run was held against is no part of a record, so there is no verdict.
pub(super) fn completed(record: RunRecord) -> RunRecord {
    let cost_per_hour = record.cost_per_hour;
    let context = FindingsContext { cost_per_hour, ..FindingsContext::default() };
    RunRecord { findings: findings(&record.steps, &context), ..record }
}
