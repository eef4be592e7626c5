//! How far a run is, on standard error.
//!
//! The run tells a [`Listener`], which only stores; a [`Display`] shows it from another thread, so
//! that a terminal that blocks delays no request.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::{mpsc, watch};

use crate::event::{Progress, RunKey, RunRecord, RunSink, StepRecord};

/// How often a terminal is drawn anew.
const DRAW: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(5);

/// The side of the run.
pub(super) struct Listener {
    progress: watch::Sender<Option<Progress>>,
    news: mpsc::UnboundedSender<News>,
}

/// What comes of a step that has ended.
pub(super) enum News {
    /// A line that says so.
    Line(String),
    /// The record as it would be if nothing more came.
    SoFar(Box<RunRecord>),
}

/// The side of the display.
pub(super) struct Told {
    /// Where the run stands.
    pub(super) progress: watch::Receiver<Option<Progress>>,
    /// What came of each step that has ended; a run has at most `Load::MOST_STEPS`.
    pub(super) news: mpsc::UnboundedReceiver<News>,
}

/// The two sides.
pub(super) fn listen() -> (Arc<Listener>, Told) {
    let (progress, watched) = watch::channel(None);
    let (news, heard) = mpsc::unbounded_channel();
    (Arc::new(Listener { progress, news }), Told { progress: watched, news: heard })
}

impl RunSink for Listener {
    fn progress(&self, progress: &Progress) {
        self.progress.send_replace(Some(progress.clone()));
    }

    fn step(&self, _key: &RunKey, step: &StepRecord) {
        // Nobody may be listening any more.
        let _ = self.news.send(News::Line(ended(step)));
    }

    fn so_far(&self, record: &dyn Fn() -> RunRecord) {
        let _ = self.news.send(News::SoFar(Box::new(record())));
    }
}

/// What is shown of a run while it goes.
pub(super) enum Display {
    /// A line that is drawn over and over.
    Terminal(ProgressBar),
    /// A line now and then.
    Lines,
}

impl Display {
    /// What standard error can show.
    pub(super) fn of_stderr() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if !io::stderr().is_terminal() || dumb {
            return Self::Lines;
        }
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
        // Without colours, so there is none to refuse.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:10} {wide_msg}") {
            bar.set_style(style);
        }
        Self::Terminal(bar)
    }

    /// How often [`Self::show`] is to be called.
    pub(super) const fn interval(&self) -> Duration {
        match self {
            Self::Terminal(_) => DRAW,
            Self::Lines => LINE,
        }
    }

    /// Shows where the run stands.
    pub(super) fn show(&self, progress: &Progress) {
        match self {
            Self::Terminal(bar) => {
                let ratio = if progress.ratio.is_finite() { progress.ratio } else { 0.0 };
                bar.set_position((ratio.clamp(0.0, 1.0) * 1000.0) as u64);
                bar.set_message(standing(progress));
                bar.tick();
            }
            Self::Lines => line(&standing(progress)),
        }
    }

    /// Writes a line that stays.
    pub(super) fn say(&self, text: &str) {
        match self {
            Self::Terminal(bar) => bar.suspend(|| line(text)),
            Self::Lines => line(text),
        }
    }

    /// Takes away what does not stay.
    pub(super) fn clear(&self) {
        match self {
            Self::Terminal(bar) => bar.finish_and_clear(),
            Self::Lines => {}
        }
    }
}

/// Nobody has to read it.
fn line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Where a run stands, in a line.
fn standing(progress: &Progress) -> String {
    let mut text = format!("{}/{} {}", progress.step + 1, progress.steps, progress.doing);
    text.push_str(&match progress.of {
        Some(of) => format!(", {} of {of} ended", progress.ended),
        None => format!(", {} ended", progress.ended),
    });
    if progress.failed > 0 {
        text.push_str(&format!(", {} failed", progress.failed));
    }
    text.push_str(&format!(", {} in flight", progress.in_flight));
    if let Some(ttft) = progress.ttft_p50 {
        text.push_str(&format!(", ttft p50 {:.0} ms", ttft * 1e3));
    }
    if let Some(tokens) = progress.output_tokens_per_second.filter(|tokens| *tokens > 0.0) {
        text.push_str(&format!(", {tokens:.0} tokens/s"));
    }
    text
}

/// A step that has ended, in a line.
fn ended(step: &StepRecord) -> String {
    let mut text = format!("step {} done: {}, {} judged", step.step, step.load.text, step.n);
    let ok = step.outcomes.get("ok").copied().unwrap_or(0);
    if ok < step.n {
        text.push_str(&format!(", {} failed", step.n - ok));
    }
    let rates = &step.rates;
    let rate = rates.output_tokens_per_second.or(rates.output_tokens_per_second_whole_run);
    if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
        text.push_str(&format!(", {rate:.0} tokens/s"));
    }
    for mark in &step.validity.marks {
        text.push_str(&format!(", not valid: {}", mark.as_str()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_says_what_is_known() {
        let key = Arc::new(RunKey { target: "t".into(), model: "m".into(), sweep: "bench".into() });
        let mut progress = Progress {
            key,
            step: 1,
            steps: 6,
            doing: "20 users".to_owned(),
            ratio: 0.3,
            ended: 45,
            of: Some(200),
            failed: 0,
            in_flight: 20,
            ttft_p50: Some(0.215),
            output_tokens_per_second: Some(514.6),
        };
        assert_eq!(
            standing(&progress),
            "2/6 20 users, 45 of 200 ended, 20 in flight, ttft p50 215 ms, 515 tokens/s"
        );
        progress.of = None;
        progress.failed = 3;
        progress.ttft_p50 = None;
        progress.output_tokens_per_second = None;
        assert_eq!(standing(&progress), "2/6 20 users, 45 ended, 3 failed, 20 in flight");
    }
}
