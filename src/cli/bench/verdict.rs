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
        return match (findings.bracket_low, run.result) {
            (None, _) => Exit::Missed,
            (Some(_), RunResult::Invalid) => Exit::Uncertain,
            (Some(_), _) => Exit::Done,
        };
    }
    let worst = findings.verdicts.values().copied().reduce(State::worse);
    match (worst, run.result) {
        (Some(State::Fail), _) => Exit::Missed,
        (Some(State::NotEnoughData), _) | (_, RunResult::Invalid) => Exit::Uncertain,
        (Some(State::Pass) | None, _) => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Findings, report::sample};

    /// A valid run with this verdict.
    fn run(verdict: Option<State>) -> RunRecord {
        let mut run = sample::sweep();
        run.result = RunResult::Success;
        run.findings = Findings::default();
        run.findings.verdicts.extend(verdict.map(|state| ("slo".to_owned(), state)));
        run
    }

    #[test]
    fn a_verdict_is_an_exit_code() {
        for (verdict, wanted) in [
            (None, Exit::Done),
            (Some(State::Pass), Exit::Done),
            (Some(State::Fail), Exit::Missed),
            (Some(State::NotEnoughData), Exit::Uncertain),
        ] {
            assert_eq!(exit(&[&run(verdict)]), wanted, "{verdict:?}");
        }
    }

    #[test]
    fn what_is_not_valid_is_no_pass_but_a_miss_stays_one() {
        let mut run = run(Some(State::Pass));
        run.result = RunResult::Invalid;
        assert_eq!(exit(&[&run]), Exit::Uncertain);
        run.findings.verdicts.insert("slo".to_owned(), State::Fail);
        assert_eq!(exit(&[&run]), Exit::Missed);
    }

    #[test]
    fn nothing_that_succeeded_is_nothing_measured() {
        let mut run = run(None);
        for step in &mut run.steps {
            step.outcomes = [("connect".to_owned(), 10)].into();
        }
        assert_eq!(exit(&[&run]), Exit::NotMeasured);
        assert_eq!(exit(&[&sample::failed()]), Exit::NotMeasured);
        assert_eq!(exit(&[]), Exit::NotMeasured);
    }

    #[test]
    fn a_search_is_judged_by_its_answer() {
        let mut run = run(Some(State::Fail));
        run.findings.bracket_high = Some(8.0);
        assert_eq!(exit(&[&run]), Exit::Missed);
        run.findings.bracket_low = Some(4.0);
        assert_eq!(exit(&[&run]), Exit::Done);
        run.result = RunResult::Invalid;
        assert_eq!(exit(&[&run]), Exit::Uncertain);
    }

    #[test]
    fn of_several_runs_the_worst_counts() {
        let (good, bad, none) = (run(None), run(Some(State::Fail)), sample::failed());
        assert_eq!(exit(&[&good, &bad]), Exit::Missed);
        assert_eq!(exit(&[&good, &none, &bad]), Exit::NotMeasured);
    }
}
