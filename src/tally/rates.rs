//! What happened a second, in the window and in the whole run.

use super::window::{Happened, Window};
use crate::{clock::Stamp, event::Rates, timeline::Timeline};

/// Everything that rates are made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// Tokens whose event arrived in the window, those of the warm-up's exchanges included.
    pub(super) tokens: Happened,
    /// Exchanges that ended ok in it, likewise.
    pub(super) ended: Happened,
    /// Good ones that ended in it, likewise.
    pub(super) good_ended: Happened,
    /// Exchanges sent in it.
    pub(super) sent: Happened,
    /// Exchanges sent in it, or so little after its end that it makes no difference.
    pub(super) sent_in_time: Happened,
    /// Good exchanges that were due in it.
    pub(super) good_due: u64,
    /// The latest end of an exchange that was due in it.
    pub(super) last_end: Option<Stamp>,
}

/// Which good exchanges goodput counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goodput {
    /// There is no SLO.
    None,
    /// Those due in the window: of an open loop.
    Due,
    /// Those ended in it: of a closed loop.
    Ended,
}

/// Sums over the judged exchanges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) n: u64,
    pub(super) ok: u64,
    pub(super) output_tokens: u64,
    /// Median time per output token, if finite.
    pub(super) tpot_p50: Option<f64>,
}

impl Flow {
    /// The token events of an exchange arrived. Each stands for as many tokens as it holds on
    /// average.
    pub(super) fn arrived(&mut self, window: &Window, timeline: &Timeline, output_tokens: u64) {
        let weight = output_tokens as f64 / timeline.tokens.len().max(1) as f64;
        for event in &timeline.tokens {
            self.tokens.push(window, event.at, weight);
        }
    }

    /// The latest due time has moved.
    pub(super) fn settle(&mut self, window: &Window) {
        for happened in [
            &mut self.tokens,
            &mut self.ended,
            &mut self.good_ended,
            &mut self.sent,
            &mut self.sent_in_time,
        ] {
            happened.settle(window);
        }
    }

    /// Seconds from the first due time of the window to the last end of its exchanges.
    pub(super) fn whole_run(&self, window: &Window) -> f64 {
        let last = self.last_end.max(window.latest());
        window.first().zip(last).map_or(0.0, |(first, last)| last.since(first).as_secs_f64())
    }

    /// The rates. Those of the window are absent if it is too short to have any.
    pub(super) fn record(
        &self,
        window: &Window,
        goodput: Goodput,
        sums: Sums,
        too_short: bool,
    ) -> Rates {
        let (length, run) = (window.seconds(), self.whole_run(window));
        let in_window = |much: f64| (!too_short && length > 0.0).then(|| much / length);
        let in_run = |much: f64| (run > 0.0).then(|| much / run);
        let share = |part: u64| (sums.n > 0).then(|| part as f64 / sums.n as f64);
        let good = match goodput {
            Goodput::None => None,
            Goodput::Due => Some(self.good_due as f64),
            Goodput::Ended => Some(self.good_ended.inside()),
        };
        let good_due = (goodput != Goodput::None).then_some(self.good_due);
        Rates {
            cost_dollars_per_million_output_tokens: None,
            requests_per_second: in_window(self.ended.inside()),
            output_tokens_per_second: in_window(self.tokens.inside()),
            goodput_requests_per_second: good.and_then(in_window),
            goodput_ratio: good_due.and_then(share),
            success_ratio: share(sums.ok),
            requests_per_second_whole_run: in_run(sums.ok as f64),
            output_tokens_per_second_whole_run: in_run(sums.output_tokens as f64),
            goodput_requests_per_second_whole_run: good_due.and_then(|good| in_run(good as f64)),
            user_tokens_per_second: sums.tpot_p50.filter(|tpot| *tpot > 0.0).map(f64::recip),
        }
    }
}

/// When an exchange was over: its end, or the last that is known of one that failed.
pub(super) fn over(timeline: &Timeline) -> Stamp {
    [
        timeline.end,
        timeline.last_token().map(|event| event.at),
        timeline.first_event,
        timeline.headers,
        timeline.sent_after,
        timeline.sent,
        timeline.attempt_start,
        timeline.sent_start,
    ]
    .into_iter()
    .flatten()
    .fold(timeline.due, Stamp::max)
}
