//! The record of a run, put together from its steps.

use std::{collections::BTreeMap, sync::Arc};

use super::{Halt, HaltReason, RunOrder, asked::asked, environment::environment};
use crate::{
    analysis::{FindingsContext, SearchOutcome, findings},
    clock::{Stamp, Wall, unix_seconds},
    event::{
        Findings, RunRecord, RunResult, SCHEMA_VERSION, SizingRecord, StepRecord, WorkloadRecord,
    },
    verdict::{Slo, State},
};

/// Why a run had no more steps, other than that it was halted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cut {
    /// It had them all, or a stop rule ended it.
    None,
    /// The target's budget is spent.
    Budget(String),
    /// It could not be carried out: why.
    Failed(String),
    /// More were to come when the record was made.
    Unfinished,
}

/// What a run was, at its end.
pub(super) struct Past {
    /// When it began.
    pub(super) began: Stamp,
    /// How the length of its prompts was learnt.
    pub(super) sizing: Option<SizingRecord>,
    /// Its steps.
    pub(super) steps: Vec<StepRecord>,
    /// Why there are no more.
    pub(super) cut: Cut,
    /// What the search has found, if it was one.
    pub(super) search: Option<SearchOutcome>,
}

/// The record of the run that ends now.
pub(super) fn record(order: &RunOrder, wall: Wall, halt: &Halt, past: Past) -> RunRecord {
    let Past { began, sizing, steps, cut, search } = past;
    let (result, reason) = result(&steps, cut, halt);
    let context = FindingsContext { slos: order.slos.clone(), search };
    RunRecord {
        result,
        reason,
        ended_at: wall.unix_seconds(Stamp::now()),
        findings: findings(&steps, &context),
        sizing,
        steps,
        ..order.head(wall.unix_nanos(began))
    }
}

impl RunOrder {
    /// The record as it stands when the run begins, at a time in nanoseconds since the Unix epoch:
    /// without steps, `interrupted` at its beginning, nothing decided. What is left of a run that
    /// dies before the end of its first step.
    pub fn head(&self, began_unix_nanos: i64) -> RunRecord {
        let target = self.link.target();
        RunRecord {
            schema_version: SCHEMA_VERSION,
            id: self.id.to_string(),
            tokenbeat_version: env!("CARGO_PKG_VERSION").to_owned(),
            trigger: self.trigger,
            result: RunResult::Interrupted,
            reason: None,
            due_at: unix_seconds(self.due_unix_nanos),
            started_at: unix_seconds(began_unix_nanos),
            ended_at: unix_seconds(began_unix_nanos),
            sweep: self.key.sweep.to_string(),
            scenario: self.scenario.name.to_string(),
            target: self.key.target.to_string(),
            // Scheme, host and port: nothing that could hold a secret.
            origin: target.url.origin().ascii_serialization(),
            model: self.key.model.to_string(),
            api: target.api.as_str().to_owned(),
            engine: self.engine.clone(),
            environment: environment(),
            labels: target.labels.clone(),
            cost_per_hour: target.cost_per_hour,
            workloads: self.workloads(),
            seed: self.seed,
            sizing: None,
            calibration: self.calibration.clone(),
            steps: Vec::new(),
            findings: Findings {
                verdicts: self.slos.iter().map(undecided).collect(),
                ..Findings::default()
            },
        }
    }
}

impl RunOrder {
    fn workloads(&self) -> BTreeMap<String, WorkloadRecord> {
        let workloads = &self.scenario.workloads;
        workloads.iter().map(|(name, workload)| (name.to_string(), asked(workload))).collect()
    }
}

/// The verdict under `slo` of a run without a step.
fn undecided(slo: &Arc<Slo>) -> (String, State) {
    (slo.name.to_string(), State::NotEnoughData)
}

/// What became of the run, and why it is no success.
fn result(steps: &[StepRecord], cut: Cut, halt: &Halt) -> (RunResult, Option<String>) {
    if let Some((reason, why)) = halt.reason() {
        let result = match reason {
            HaltReason::Cancelled => RunResult::Cancelled,
            HaltReason::Interrupted => RunResult::Interrupted,
        };
        return (result, Some(why.clone()));
    }
    match cut {
        Cut::Budget(why) => return (RunResult::Interrupted, Some(why)),
        Cut::Failed(why) => return (RunResult::Failed, Some(why)),
        Cut::Unfinished => {
            let last = steps.last().map_or(0, |step| step.step);
            let why = format!("the run had not ended when this was written, after step {last}");
            return (RunResult::Interrupted, Some(why));
        }
        Cut::None => {}
    }
    let invalid: Vec<String> = steps
        .iter()
        .filter(|step| !step.validity.is_valid())
        .map(|step| {
            let marks: Vec<_> = step.validity.marks.iter().map(|mark| mark.as_str()).collect();
            format!("step {}: {}", step.step, marks.join(", "))
        })
        .collect();
    if invalid.is_empty() {
        (RunResult::Success, None)
    } else {
        (RunResult::Invalid, Some(invalid.join("; ")))
    }
}

/// Why a spent budget ended the run: the key of the configuration that says so.
pub(super) fn spent(order: &RunOrder) -> String {
    let target = order.link.target();
    let budget = target.budget;
    let keys: Vec<String> = [
        ("requests_per_hour", budget.requests_per_hour),
        ("output_tokens_per_hour", budget.output_tokens_per_hour),
    ]
    .into_iter()
    .filter_map(|(key, limit)| limit.map(|limit| format!("`budget.{key}: {limit}`")))
    .collect();
    let name = &target.name;
    format!("the budget of target `{name}` for this hour is spent: {}", keys.join(" or "))
}
