//! The exit code of a benchmark.

use super::super::Exit;
use crate::{
    event::{RunRecord, RunResult},
    verdict::State,
};

/// What the runs come to: the worst of them, in this order: not measured, SLO missed, not certain,
/// done.
pub(super) fn exit(runs: &[&RunRecord]) -> Exit {
    runs.iter().map(|run| of(run)).max_by_key(|exit| badness(*exit)).unwrap_or(Exit::NotMeasured)
}

fn badness(exit: Exit) -> u8 {
    match exit {
        Exit::NotMeasured => 3,
        Exit::Missed => 2,
        Exit::Uncertain => 1,
        Exit::Done | Exit::Error | Exit::Signal(_) => 0,
    }
}

fn of(run: &RunRecord) -> Exit {
    let measured = run.steps.iter().any(|step| step.outcomes.get("ok").is_some_and(|ok| *ok > 0));
    if run.result == RunResult::Failed || !measured {
        return Exit::NotMeasured;
    }
    let findings = &run.findings;
    if findings.bracket_low.is_some() || findings.bracket_high.is_some() {
        // Of a search some steps have to miss: its answer is what counts.
        return if findings.bracket_low.is_some() { Exit::Done } else { Exit::Missed };
    }
    let worst = findings.verdicts.values().copied().reduce(State::worse);
    match (worst, run.result) {
        (Some(State::Fail), _) => Exit::Missed,
        (Some(State::NotEnoughData), _) | (_, RunResult::Invalid) => Exit::Uncertain,
        (Some(State::Pass) | None, _) => Exit::Done,
    }
}
