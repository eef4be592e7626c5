//! The tally of one step.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Answers, Ended, Looked, Phase, Surroundings, TallySpec,
    attempts::Attempts,
    latencies::{Latencies, latency},
    rates::{Flow, Goodput, Sums, over},
    standings::Standings,
    tokens::TokenTally,
    validity::{Evidence, Seen},
    warnings::Advice,
    window::{InFlight, Window},
};
use crate::{
    arrival::Arrival,
    clock::{Stamp, Wall},
    event::{Achieved, LoadRecord, Mark, StepRecord, Warning},
    measure::{Measurement, Summary},
    timeline::{Exchange, Outcome},
    verdict::Metric,
};

/// A request that goes out this long after the end of the window was still sent in time: what an
/// ordinary machine cannot promise to stay below.
const IN_TIME: Duration = Duration::from_millis(1);

/// The tally of one step. Its memory does not grow with the number of exchanges.
#[derive(Debug)]
pub struct StepTally {
    spec: TallySpec,
    wall: Wall,
    goodput: Goodput,
    window: Window,
    flow: Flow,
    in_flight: InFlight,
    latencies: Latencies,
    tokens: TokenTally,
    standings: Standings,
    attempts: Attempts,
    answers: Answers,
    evidence: Evidence,
    /// By outcome, of those due in the window.
    outcomes: BTreeMap<Outcome, u64>,
    compat: BTreeMap<&'static str, Summary>,
    /// Exchanges begun that were due in the window.
    begun: u64,
    warmup: u64,
    gated: u64,
    /// Tokens of prompts and of answers, of all phases.
    seen_prompt_tokens: u64,
    seen_tokens: u64,
}

impl StepTally {
    /// An empty tally.
    pub fn new(spec: TallySpec, wall: Wall) -> Self {
        let goodput = match (&spec.arrival, spec.slos.is_empty()) {
            (_, true) => Goodput::None,
            (Arrival::Open(_), false) => Goodput::Due,
            (Arrival::Closed(_), false) => Goodput::Ended,
        };
        Self {
            standings: Standings::new(&spec.slos),
            spec,
            wall,
            goodput,
            window: Window::default(),
            flow: Flow::default(),
            in_flight: InFlight::default(),
            latencies: Latencies::default(),
            tokens: TokenTally::new(),
            attempts: Attempts::default(),
            answers: Answers::default(),
            evidence: Evidence::default(),
            outcomes: BTreeMap::new(),
            compat: BTreeMap::new(),
            begun: 0,
            warmup: 0,
            gated: 0,
            seen_prompt_tokens: 0,
            seen_tokens: 0,
        }
    }

    /// An exchange is due, in ascending order of due times. Told when it is begun.
    pub fn due(&mut self, due: Stamp, phase: Phase) {
        self.window.due(due, phase);
        self.flow.settle(&self.window);
        self.in_flight.settle(&self.window);
        self.in_flight.begun(&self.window);
        self.begun += u64::from(phase == Phase::Window);
    }

    /// An exchange has ended.
    pub fn ended(&mut self, ended: Ended<'_>) {
        let measurement = Measurement::of(ended.exchange);
        self.happened(ended.exchange, &measurement, ended.phase);
        match ended.phase {
            Phase::Warmup => self.warmup += 1,
            Phase::Window => self.judged(ended, &measurement),
        }
    }

    /// Counts what happened at its time, whatever the phase of the exchange.
    fn happened(&mut self, exchange: &Exchange, measurement: &Measurement, phase: Phase) {
        let timeline = &exchange.timeline;
        let (window, flow) = (&self.window, &mut self.flow);
        let mut end = over(timeline);
        if timeline.end.is_none() {
            // It is told of as soon as it is over, so nothing is known to be later.
            end = end.max(window.latest().unwrap_or(end));
        }
        self.in_flight.ended(window, timeline.sent_start.map(|sent| (sent, end)));
        if let Some(sent) = timeline.sent_start {
            flow.sent.push(window, sent, 1.0);
            if phase == Phase::Window {
                let in_time = sent.before(IN_TIME).max(timeline.due);
                flow.sent_in_time.push(window, in_time, 1.0);
            }
        }
        let output_tokens = measurement.output_tokens.unwrap_or(0);
        self.seen_prompt_tokens += measurement.input_tokens.unwrap_or(0);
        self.seen_tokens += output_tokens;
        flow.arrived(window, timeline, output_tokens);
        if exchange.outcome == Outcome::Ok {
            flow.ended.push(window, end, 1.0);
        }
        if self.goodput == Goodput::Ended && self.standings.is_good(exchange.outcome, measurement) {
            flow.good_ended.push(window, end, 1.0);
        }
        if phase == Phase::Window {
            flow.last_end = flow.last_end.max(Some(end));
        }
    }

    /// Takes in an exchange that was due in the window.
    fn judged(&mut self, ended: Ended<'_>, measurement: &Measurement) {
        let (exchange, outcome) = (ended.exchange, ended.exchange.outcome);
        *self.outcomes.entry(outcome).or_default() += 1;
        self.gated += u64::from(!ended.gated.is_zero());
        if !outcome.is_measured() {
            return;
        }
        if let Some(lag) = measurement.lateness.send_lag {
            self.latencies.sent(lag);
            self.evidence.sent(lag.saturating_sub(ended.gated));
        }
        if let Some(late) = measurement.lateness.first_token {
            self.evidence.stamped(late);
        }
        self.attempts.push(exchange.timeline.retries);
        self.tokens.measured(measurement);
        self.standings.judge(outcome, measurement);
        self.flow.good_due += u64::from(self.standings.is_good(outcome, measurement));
        if outcome != Outcome::Ok {
            self.latencies.failed();
            return;
        }
        self.latencies.ok(measurement);
        let (cached, prompt) = (measurement.cached_input_tokens, measurement.input_tokens);
        self.answers.push(exchange.timeline.told.as_ref(), cached, prompt);
        self.tokens.ok(
            measurement,
            ended.wanted_input_tokens,
            ended.wanted_output_tokens,
            exchange.timeline.tokens.len(),
        );
        if let Some(compat) = self.spec.compat {
            compat.values(exchange, &mut |name, value| {
                self.compat.entry(name).or_default().record(value);
            });
        }
    }

    /// The runtime was so late for a wake of the pacer.
    pub fn stalled(&mut self, wait: Duration) {
        self.evidence.stalled(wait);
    }

    /// What there is so far.
    pub fn look(&self) -> Looked {
        let n = self.count(Outcome::is_measured);
        Looked {
            n,
            failed: n - self.count(|outcome| outcome == Outcome::Ok),
            unmeasured: self.count(|outcome| !outcome.is_measured()),
            misses: self.standings.misses(),
            ttft_p50: self.latencies.of(Metric::Ttft).quantile(0.5).finite(),
            input_tokens: self.seen_prompt_tokens,
            output_tokens: self.seen_tokens,
        }
    }

    /// What the engine told in the answers that were judged and ended well.
    pub const fn answers(&self) -> Answers {
        self.answers
    }

    /// A percentile so far, failures as infinite, which is [`Duration::MAX`]: for stop rules.
    /// Absent without values.
    pub fn quantile(&self, metric: Metric, quantile: f64) -> Option<Duration> {
        use crate::measure::Quantile::{Finite, Infinite, Undefined};
        match self.latencies.of(metric).quantile(quantile) {
            Undefined => None,
            Finite(seconds) => Some(Duration::from_secs_f64(seconds)),
            Infinite => Some(Duration::MAX),
        }
    }

    /// The median so far of the exchanges that were ok: what a typical one is.
    pub fn typical(&self, metric: Metric) -> Option<Duration> {
        self.latencies.of(metric).finite_quantile(0.5).map(Duration::from_secs_f64)
    }

    /// The record, with the given words for the load.
    pub fn finish(self, load: LoadRecord, surroundings: Surroundings) -> StepRecord {
        let n = self.count(Outcome::is_measured);
        let ok = self.count(|outcome| outcome == Outcome::Ok);
        let rate_ratio = self.rate_ratio(&surroundings);
        let validity = self.evidence.judge(Seen {
            ttft_p50: self.latencies.of(Metric::Ttft).finite_quantile(0.5),
            e2e_p50: self.latencies.of(Metric::E2e).finite_quantile(0.5),
            window: self.window.seconds(),
            rate_ratio,
            throttled: surroundings.throttled,
            pressure: surroundings.pressure,
        });
        let too_short = validity.marks.contains(&Mark::WindowTooShort);
        let sums = Sums {
            n,
            ok,
            output_tokens: self.tokens.output(),
            tpot_p50: self.latencies.of(Metric::Tpot).quantile(0.5).finite(),
        };
        StepRecord {
            step: self.spec.step,
            workload: self.spec.workload.to_string(),
            load,
            achieved: self.achieved(rate_ratio),
            window: self.window_record(),
            n,
            outcomes: self.outcomes.iter().map(|(of, n)| (of.as_str().to_owned(), *n)).collect(),
            latencies: self.latencies.record(ok),
            rates: self.flow.record(&self.window, self.goodput, sums, too_short),
            tokens: self.tokens.record(),
            retried: self.attempts.record(),
            standings: self.standings.record(n),
            stopped: surroundings.stopped,
            warnings: self.warnings(),
            compat: self
                .compat
                .iter()
                .map(|(name, summary)| ((*name).to_owned(), latency(summary)))
                .collect(),
            validity,
            engine: None,
            gpu: None,
            cause: None,
        }
    }

    /// Exchanges due in the window, of some outcomes.
    fn count(&self, of: impl Fn(Outcome) -> bool) -> u64 {
        self.outcomes.iter().filter(|(outcome, _)| of(**outcome)).map(|(_, n)| n).sum()
    }

    /// What was sent by the end of the window ÷ what was due in it; absent for a closed loop.
    fn rate_ratio(&self, surroundings: &Surroundings) -> Option<f64> {
        let due = match self.spec.arrival {
            Arrival::Closed(_) => return None,
            Arrival::Open(_) => surroundings.scheduled.unwrap_or(self.begun),
        };
        (due > 0).then(|| self.flow.sent_in_time.inside() / due as f64)
    }

    fn achieved(&self, rate_ratio: Option<f64>) -> Achieved {
        let length = self.window.seconds();
        Achieved {
            requests_per_second: (length > 0.0).then(|| self.flow.sent.inside() / length),
            rate_ratio,
            in_flight_mean: self.in_flight.mean(&self.window),
            in_flight_max: self.in_flight.most(),
            gated: self.gated,
        }
    }

    fn window_record(&self) -> crate::event::Window {
        crate::event::Window {
            started_at: self.window.first().map_or(0.0, |first| self.wall.unix_seconds(first)),
            seconds: self.window.seconds(),
            whole_run_seconds: self.flow.whole_run(&self.window),
            warmup: self.warmup,
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        let judges_tpot = self
            .spec
            .slos
            .iter()
            .flat_map(|slo| &slo.thresholds)
            .any(|threshold| matches!(threshold.metric, Metric::Tpot));
        let local = self.count(|outcome| outcome == Outcome::Local);
        let mut advice = self.tokens.advice(judges_tpot);
        advice.extend((local > 0).then_some(Advice::Local(local)));
        advice.into_iter().map(Advice::warning).collect()
    }
}

#[cfg(test)]
mod tests;
