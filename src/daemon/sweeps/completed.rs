//! What is left of a run that panics or dies with the process, and how that is completed.

use crate::{
    analysis::{FindingsContext, findings},
    event::RunRecord,
};

/// A record that was put together from a draft and its steps, with what follows from them. What the
/// run was held against is no part of a record, so there is no verdict.
pub(super) fn completed(record: RunRecord) -> RunRecord {
    let cost_per_hour = record.cost_per_hour;
    let context = FindingsContext { cost_per_hour, ..FindingsContext::default() };
    RunRecord { findings: findings(&record.steps, &context), ..record }
}
