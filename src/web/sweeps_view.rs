//! What the page shows of the sweeps, in words.

use super::format::{ago, clock_time, duration, span};
use crate::{
    clock::unix_nanos,
    event::{Regression, RunRecord, RunResult, StepRecord},
    sinks::sweeps::{Doing, SweepSnapshot},
};

/// Rows shown at most, and of a row its steps and what is worse than it was.
const ROWS: usize = 50;
const STEPS: usize = 12;
const WORSE: usize = 4;

/// One sweep of a subject.
#[derive(Debug)]
pub(super) struct SweepRow {
    pub(super) sweep: String,
    pub(super) target: String,
    pub(super) model: String,
    pub(super) scenario: String,
    pub(super) schedule: String,
    /// `idle`, `waiting`, `running`.
    pub(super) state: &'static str,
    pub(super) doing: Option<DoingCell>,
    pub(super) next: Option<(String, String)>,
    pub(super) last: Option<LastRun>,
    pub(super) skipped: Vec<String>,
}

/// A run that is under way.
#[derive(Debug)]
pub(super) struct DoingCell {
    /// Percent, for the bar.
    pub(super) percent: u32,
    pub(super) words: String,
}

/// The run before.
#[derive(Debug)]
pub(super) struct LastRun {
    pub(super) id: String,
    pub(super) ago: String,
    pub(super) time: String,
    pub(super) took: String,
    pub(super) result: &'static str,
    pub(super) good: bool,
    pub(super) reason: Option<String>,
    /// What is worse than it was.
    pub(super) worse: Option<String>,
    pub(super) steps: Vec<StepRow>,
    /// Steps that are not shown.
    pub(super) more: usize,
}

/// One step of it.
#[derive(Debug)]
pub(super) struct StepRow {
    pub(super) load: String,
    pub(super) n: u64,
    pub(super) ttft: Option<String>,
    pub(super) e2e: Option<String>,
    pub(super) requests: Option<String>,
    pub(super) tokens: Option<String>,
    pub(super) marks: Vec<&'static str>,
    /// Why it missed an SLO, if it missed one.
    pub(super) cause: Option<&'static str>,
}

impl SweepRow {
    /// The rows of `sweeps` at `now`, as many as are shown, that `takes` lets through.
    pub(super) fn of_all(
        sweeps: &[SweepSnapshot],
        now: i64,
        takes: impl Fn(&SweepSnapshot) -> bool,
    ) -> Vec<Self> {
        sweeps
            .iter()
            .filter(|sweep| takes(sweep))
            .take(ROWS)
            .map(|one| Self::of(one, now))
            .collect()
    }

    fn of(sweep: &SweepSnapshot, now: i64) -> Self {
        let (key, view) = (&sweep.key, &sweep.view);
        let (state, doing) = match &sweep.doing {
            Doing::Idle => ("idle", None),
            Doing::Waiting => ("waiting", None),
            Doing::Running { progress, .. } => {
                let cell = progress.as_ref().map(|progress| DoingCell {
                    percent: (progress.ratio.clamp(0.0, 1.0) * 100.0) as u32,
                    words: format!(
                        "step {} of {}: {}",
                        progress.step + 1,
                        progress.steps,
                        progress.doing
                    ),
                });
                ("running", cell)
            }
        };
        let schedule = match (&view.cron, &view.zone) {
            (Some(cron), Some(zone)) => format!("{cron} {zone}"),
            (Some(cron), None) => cron.clone(),
            (None, _) => "on demand".to_owned(),
        };
        let skipped = sweep.skipped.iter().map(|(why, skipped)| {
            let ago = ago(now, skipped.last_unix_nanos);
            format!("skipped {}× for {why}, last {ago}: {}", skipped.times, skipped.words)
        });
        Self {
            sweep: key.sweep.to_string(),
            target: key.target.to_string(),
            model: key.model.to_string(),
            scenario: view.scenario.to_string(),
            schedule,
            state,
            doing,
            next: sweep
                .next_unix_nanos
                .map(|next| (format!("in {}", span(next.saturating_sub(now))), clock_time(next))),
            last: sweep.last.as_deref().map(|run| LastRun::of(run, now)),
            skipped: skipped.collect(),
        }
    }
}

impl LastRun {
    fn of(run: &RunRecord, now: i64) -> Self {
        let ended = unix_nanos(run.ended_at);
        Self {
            id: run.id.clone(),
            ago: ago(now, ended),
            time: clock_time(ended),
            took: span(ended.saturating_sub(unix_nanos(run.started_at))),
            result: run.result.as_str(),
            good: run.result == RunResult::Success,
            reason: run.reason.clone(),
            worse: worse(&run.findings.regressions),
            steps: run.steps.iter().take(STEPS).map(StepRow::of).collect(),
            more: run.steps.len().saturating_sub(STEPS),
        }
    }
}

/// What is worse than it was, against how many runs.
fn worse(regressions: &[Regression]) -> Option<String> {
    let mut active = Regression::in_words(regressions);
    let mut named: Vec<String> = active.by_ref().take(WORSE).collect();
    let more = active.count();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    let runs = regressions.iter().filter(|one| one.active).map(|one| one.baseline_runs).max()?;
    Some(format!("worse than the {runs} runs before: {}", named.join(", ")))
}

impl StepRow {
    fn of(step: &StepRecord) -> Self {
        let p95 = |name: &str| {
            let latency = step.latencies.get(name)?;
            match latency.p95 {
                Some(seconds) => std::time::Duration::try_from_secs_f64(seconds).ok().map(duration),
                None => latency.infinite.then(|| "∞".to_owned()),
            }
        };
        let rate = |value: Option<f64>| value.map(|value| format!("{value:.1}"));
        Self {
            load: step.load.text.clone(),
            n: step.n,
            ttft: p95("ttft"),
            e2e: p95("e2e"),
            requests: rate(step.rates.requests_per_second),
            tokens: rate(step.rates.output_tokens_per_second),
            marks: step.validity.marks.iter().map(|mark| mark.as_str()).collect(),
            cause: step.cause.as_ref().map(|cause| cause.cause.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Compared;

    #[test]
    fn what_is_worse_is_named_up_to_a_few() {
        let one = |step: u32, active| Regression {
            step: (step > 0).then_some(step),
            metric: if step > 0 { Compared::TtftP50 } else { Compared::MaxGoodput },
            active,
            change_ratio: (step != 2).then_some(if step > 0 { 0.125 } else { -0.25 }),
            p_value: 1e-6,
            baseline_runs: 20,
            last_change_at: None,
        };
        assert_eq!(worse(&[]), None);
        assert_eq!(worse(&[one(0, false), one(1, false)]), None);
        let some = [one(0, true), one(1, false), one(2, true), one(3, true)];
        let words = "worse than the 20 runs before: run max_goodput -25.0 %, step 2 ttft_p50 infinite, \
                     step 3 ttft_p50 +12.5 %";
        assert_eq!(worse(&some).as_deref(), Some(words));
        let many: Vec<_> = (0..9).map(|step| one(step, true)).collect();
        let words = worse(&many).expect("words");
        assert!(words.ends_with("step 3 ttft_p50 +12.5 %, and 5 more"), "{words}");
    }
}
