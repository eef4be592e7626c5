use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    arrival::Pattern,
    timeline::{Behind, Retries, StampSource, Timeline, TokenEvent, TokenKind, Usage},
    verdict::{Judge, Slo, State, Threshold},
};

const MS: u64 = 1_000_000;

fn at(millis: u64) -> Stamp {
    Stamp::from_nanos(millis * MS)
}

fn open() -> Arrival {
    Arrival::open(Pattern::Constant { rate: 1.0 })
}

fn closed() -> Arrival {
    Arrival::closed(4)
}

fn slo(ttft_ms: u64) -> Arc<Slo> {
    Arc::new(Slo {
        name: "interactive".into(),
        thresholds: vec![Threshold {
            metric: Metric::Ttft,
            max: Duration::from_millis(ttft_ms),
            objective: 0.5,
        }],
        objective: 0.5,
        window: Duration::from_secs(3600),
        judge: Judge::Each,
        pack: None,
    })
}

fn tally(arrival: Arrival, slos: Vec<Arc<Slo>>) -> StepTally {
    let spec = TallySpec { step: 3, workload: "chat".into(), arrival, slos, compat: None };
    StepTally::new(spec, Wall::anchor())
}

/// An exchange in milliseconds: due, sent `lag` later, tokens at these times, ended.
#[derive(Clone, Debug)]
struct Told {
    phase: Phase,
    due: u64,
    lag: u64,
    gated: u64,
    tokens: Vec<u64>,
    end: u64,
    outcome: Outcome,
    output_tokens: Option<u64>,
}

impl Told {
    fn ok(due: u64, tokens: &[u64], end: u64) -> Self {
        let tokens = tokens.to_vec();
        Self {
            phase: Phase::Window,
            due,
            lag: 0,
            gated: 0,
            tokens,
            end,
            outcome: Outcome::Ok,
            output_tokens: None,
        }
    }

    fn warmup(self) -> Self {
        Self { phase: Phase::Warmup, ..self }
    }

    fn failed(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    fn exchange(&self) -> Exchange {
        let mut timeline = Timeline::new(at(self.due), self.tokens.len());
        timeline.sent_start = Some(at(self.due + self.lag));
        timeline.attempt_start = timeline.sent_start;
        timeline.sent = timeline.sent_start;
        timeline.source = Some(StampSource::Kernel);
        timeline.behind_first_token = Behind::Nothing;
        timeline.tokens = self
            .tokens
            .iter()
            .zip(0..)
            .map(|(token, read)| TokenEvent {
                at: at(*token),
                read_delay: None,
                kind: TokenKind::Text,
                read,
            })
            .collect();
        timeline.end = Some(at(self.end));
        timeline.usage = self
            .output_tokens
            .map(|tokens| Usage { completion_tokens: Some(tokens), ..Usage::default() });
        Exchange { timeline, outcome: self.outcome, detail: None, text: None }
    }
}

/// Tells the tally of dues and ends as time goes by: an exchange is begun at its due time plus its
/// lag, after the ends of that millisecond, which come in the order given.
fn tell(tally: &mut StepTally, all: &[Told]) {
    let mut begins: Vec<&Told> = all.iter().collect();
    begins.sort_by_key(|told| told.due);
    let mut ends: Vec<&Told> = all.iter().collect();
    ends.sort_by_key(|told| told.end);
    let mut begins = begins.into_iter().peekable();
    for told in ends {
        while let Some(begun) = begins.next_if(|begun| begun.due < told.end) {
            tally.due(at(begun.due), begun.phase);
        }
        end(tally, told);
    }
}

fn end(tally: &mut StepTally, told: &Told) {
    tally.ended(Ended {
        exchange: &told.exchange(),
        phase: told.phase,
        wanted_input_tokens: None,
        wanted_output_tokens: None,
        gated: Duration::from_millis(told.gated),
    });
}

fn record(arrival: Arrival, slos: Vec<Arc<Slo>>, all: &[Told]) -> StepRecord {
    let mut tally = tally(arrival, slos);
    tell(&mut tally, all);
    let scheduled = all.iter().filter(|told| told.phase == Phase::Window).count() as u64;
    let surroundings = Surroundings { scheduled: Some(scheduled), ..Surroundings::default() };
    tally.finish(LoadRecord::default(), surroundings)
}

fn close(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() <= 1e-9 * expected.abs().max(1.0))
}

/// A warm-up exchange, then four that are due once a second: the window is 1 s to 4 s.
fn by_hand() -> Vec<Told> {
    vec![
        // Two of its three tokens and its end fall into the window.
        Told::ok(0, &[900, 1_100, 1_200], 1_200).warmup(),
        Told::ok(1_000, &[1_100, 1_200, 1_300, 1_400], 1_500),
        Told::ok(2_000, &[2_600, 2_700], 2_800),
        // Half of its tokens and its end come after the window.
        Told { output_tokens: Some(8), ..Told::ok(3_000, &[3_200, 3_900, 4_100, 4_200], 4_300) },
        Told { lag: 2, ..Told::ok(4_000, &[4_500], 5_000) }.failed(Outcome::Stall),
    ]
}

#[test]
fn a_step_comes_to_what_was_worked_out_by_hand() {
    let record = record(open(), vec![slo(500)], &by_hand());
    assert_eq!((record.step, record.n, record.window.warmup), (3, 4, 1));
    assert_eq!(record.outcomes, BTreeMap::from([("ok".into(), 3), ("stall".into(), 1)]));
    assert!((record.window.seconds - 3.0).abs() < 1e-12);
    assert!((record.window.whole_run_seconds - 4.0).abs() < 1e-12);
    let rates = &record.rates;
    // Ended ok in the window: the warm-up's, the first, the second.
    assert!(close(rates.requests_per_second, 3.0 / 3.0));
    // Tokens: 2 of the warm-up, 4, 2, and 2 events of 2 tokens.
    assert!(close(rates.output_tokens_per_second, 12.0 / 3.0));
    // Good: the first and the third; the second took 600 ms to its first token.
    assert!(close(rates.goodput_requests_per_second, 2.0 / 3.0));
    assert!(close(rates.goodput_ratio, 2.0 / 4.0));
    assert!(close(rates.success_ratio, 3.0 / 4.0));
    assert!(close(rates.requests_per_second_whole_run, 3.0 / 4.0));
    assert!(close(rates.output_tokens_per_second_whole_run, (4 + 2 + 8 + 1) as f64 / 4.0));
    assert!(close(rates.goodput_requests_per_second_whole_run, 2.0 / 4.0));
    // tpot: 100 ms, 100 ms, 1000 / 7 ms, failed.
    assert!(rates.user_tokens_per_second.is_some_and(|rate| (rate - 10.0).abs() < 0.01));
    let ttft = &record.latencies["ttft"];
    assert_eq!((ttft.n, ttft.failed, ttft.p50), (4, 1, Some(0.2)));
    assert!(ttft.p75.is_some_and(|p75| (p75 / 0.6 - 1.0).abs() < 1e-3));
    assert_eq!((ttft.p90, ttft.infinite, ttft.n_too_small), (None, true, true));
    assert!(close(ttft.mean, 0.9 / 3.0));
    assert_eq!(record.latencies["itl"].n, 3 + 1 + 3 + 1);
    let standing = &record.standings[0];
    assert_eq!((standing.n, standing.misses, standing.state), (4, 2, State::NotEnoughData));
}

#[test]
fn what_was_in_flight_and_what_was_sent() {
    let achieved = record(open(), vec![], &by_hand()).achieved;
    // In the window: 0.2 s of the warm-up's, 0.5, 0.8, 1.0 and nothing of the last.
    assert!(close(achieved.in_flight_mean, 2.5 / 3.0));
    assert_eq!(achieved.in_flight_max, 2);
    // The last went out 2 ms after the end of the window.
    assert!(close(achieved.requests_per_second, 3.0 / 3.0));
    assert!(close(achieved.rate_ratio, 3.0 / 4.0));
}

#[test]
fn a_request_that_goes_out_just_after_the_window_was_sent_in_time() {
    let mut all = by_hand();
    all[4].lag = 1;
    let record = record(open(), vec![], &all);
    assert!(close(record.achieved.rate_ratio, 1.0));
    assert!(!record.validity.marks.contains(&Mark::RateNotMet));
}

#[test]
fn what_was_due_and_never_begun_lowers_the_rate() {
    let mut tally = tally(open(), vec![]);
    tell(&mut tally, &by_hand());
    let surroundings = Surroundings { scheduled: Some(8), ..Surroundings::default() };
    let record = tally.finish(LoadRecord::default(), surroundings);
    assert!(close(record.achieved.rate_ratio, 3.0 / 8.0));
    assert!(record.validity.marks.contains(&Mark::RateNotMet));
}

#[test]
fn a_closed_loop_counts_good_exchanges_where_they_end_and_intends_no_rate() {
    let record = record(closed(), vec![slo(1_000)], &by_hand());
    // Ended well in the window: the warm-up's, the first, the second.
    assert!(close(record.rates.goodput_requests_per_second, 3.0 / 3.0));
    // All three of the window that succeeded.
    assert!(close(record.rates.goodput_ratio, 3.0 / 4.0));
    assert_eq!(record.achieved.rate_ratio, None);
}

#[test]
fn a_closed_loop_is_measured_right_from_its_first_exchange_on() {
    // Four users, each exchange half a second, the next due as the last ends: 8 a second.
    let users = (0..4).flat_map(|user| {
        (0..20).map(move |turn| {
            let due = 1_000 + 125 * user + 500 * turn;
            Told::ok(due, &[due + 100, due + 200, due + 400], due + 500)
        })
    });
    let record = record(closed(), vec![slo(200)], &users.collect::<Vec<_>>());
    let within = |rate: Option<f64>, expected: f64| {
        rate.is_some_and(|rate| (rate / expected - 1.0).abs() < 0.05)
    };
    assert!(within(record.rates.requests_per_second, 8.0), "{:?}", record.rates);
    assert!(within(record.rates.output_tokens_per_second, 24.0), "{:?}", record.rates);
    assert!(within(record.rates.goodput_requests_per_second, 8.0), "{:?}", record.rates);
    assert!(within(record.achieved.in_flight_mean, 4.0), "{:?}", record.achieved);
    assert_eq!(record.achieved.in_flight_max, 4);
}

#[test]
fn what_is_unmeasured_is_in_neither_n_nor_percentiles() {
    let mut all = by_hand();
    all[2] = all[2].clone().failed(Outcome::Aborted);
    all[3] = all[3].clone().failed(Outcome::Local);
    let record = record(open(), vec![slo(500)], &all);
    assert_eq!((record.n, record.latencies["ttft"].n, record.standings[0].n), (2, 2, 2));
    assert_eq!((record.outcomes["aborted"], record.outcomes["local"]), (1, 1));
    // What arrived, arrived: the tokens of both still count.
    assert!(close(record.rates.output_tokens_per_second, 12.0 / 3.0));
    assert!(record.warnings.iter().any(|warning| warning.code == "short_of_resources"));
}

#[test]
fn a_window_too_short_has_no_rates_but_those_of_the_whole_run() {
    let all = [Told::ok(0, &[100, 900], 1_000), Told::ok(1_999, &[2_100], 2_999)];
    let record = record(open(), vec![slo(500)], &all);
    assert!(record.validity.marks.contains(&Mark::WindowTooShort));
    let rates = &record.rates;
    assert_eq!((rates.requests_per_second, rates.output_tokens_per_second), (None, None));
    assert_eq!(rates.goodput_requests_per_second, None);
    assert!(rates.requests_per_second_whole_run.is_some() && rates.goodput_ratio.is_some());
}

#[test]
fn a_step_without_an_exchange_is_a_record_of_nothing() {
    let record = record(open(), vec![slo(500)], &[]);
    assert_eq!((record.n, record.rates.success_ratio), (0, None));
    assert!(record.latencies.is_empty());
    assert_eq!(record.validity.marks, [Mark::WindowTooShort]);
    assert_eq!(record.standings[0].state, State::NotEnoughData);
}

#[test]
fn waits_at_the_gate_are_no_lateness_of_ours() {
    let gated = |gated| {
        let all: Vec<_> = (0..10)
            .map(|turn| Told {
                lag: 50,
                gated,
                ..Told::ok(turn * 100, &[turn * 100 + 60], turn * 100 + 70)
            })
            .collect();
        record(open(), vec![], &all)
    };
    let waited = gated(50);
    assert!(!waited.validity.marks.contains(&Mark::ClientSaturated));
    assert_eq!((waited.achieved.gated, waited.validity.send_lag_p99), (10, Some(0.0)));
    assert!(close(waited.latencies["send_lag"].mean, 0.05));
    assert!(gated(0).validity.marks.contains(&Mark::ClientSaturated));
}

#[test]
fn a_look_agrees_with_the_record() {
    let mut tally = tally(open(), vec![slo(500)]);
    tell(&mut tally, &by_hand());
    let look = tally.look();
    assert_eq!((look.n, look.failed, look.unmeasured), (4, 1, 0));
    let misses: Vec<u64> = look.misses.concat().iter().map(|seen| seen.misses).collect();
    assert_eq!((misses, look.output_tokens), (vec![2, 2], 18));
    assert_eq!(look.ttft_p50, Some(0.2));
    assert_eq!(tally.quantile(Metric::Ttft, 0.5), Some(Duration::from_millis(200)));
    assert_eq!(tally.quantile(Metric::E2e, 0.95), Some(Duration::MAX));
    assert_eq!(self::tally(open(), vec![]).quantile(Metric::E2e, 0.5), None);
}

#[test]
fn nothing_is_kept_of_an_exchange() {
    let mut tally = tally(open(), vec![slo(500)]);
    let mut most = 0;
    for turn in 0..5_000 {
        let due = turn * 10;
        tally.due(at(due), Phase::Window);
        let tokens: Vec<u64> = (0..20).map(|token| due + 20 + 2 * token).collect();
        end(&mut tally, &Told::ok(due, &tokens, due + 60));
        most = most.max(tally.flow.tokens.waiting()).max(tally.flow.ended.waiting());
    }
    // An exchange of 60 ms outlives six due times: no more than the tokens of those wait.
    assert!((1..=7 * 20).contains(&most), "{most} wait");
}

/// The sums of a step, straight from the list of its exchanges.
struct Reference {
    tokens: f64,
    ended: f64,
    good: f64,
    in_flight: f64,
    sent: f64,
}

fn reference(all: &[Told], goodput: Goodput, limit: u64) -> Reference {
    let judged = || all.iter().filter(|told| told.phase == Phase::Window);
    let first = judged().map(|told| told.due).min().expect("a window");
    let last = judged().map(|told| told.due).max().expect("a window");
    let inside = |millis: &u64| (first..=last).contains(millis);
    let length = (last - first) as f64 / 1e3;
    let good = |told: &&Told| {
        told.outcome == Outcome::Ok
            && told.tokens.first().is_some_and(|token| token - told.due <= limit)
    };
    Reference {
        tokens: all
            .iter()
            .map(|told| {
                let events = told.tokens.len().max(1) as f64;
                let tokens = told.output_tokens.map_or(events, |tokens| tokens as f64);
                told.tokens.iter().filter(|token| inside(token)).count() as f64 * tokens / events
            })
            .sum::<f64>()
            / length,
        ended: all.iter().filter(|told| told.outcome == Outcome::Ok && inside(&told.end)).count()
            as f64
            / length,
        good: match goodput {
            Goodput::Ended => all.iter().filter(|told| inside(&told.end)).filter(good).count(),
            _ => judged().filter(good).count(),
        } as f64
            / length,
        in_flight: all
            .iter()
            .map(|told| {
                told.end.min(last).saturating_sub((told.due + told.lag).max(first)) as f64 / 1e3
            })
            .sum::<f64>()
            / length,
        sent: all.iter().filter(|told| inside(&(told.due + told.lag))).count() as f64 / length,
    }
}

prop_compose! {
    fn told()(
        due in 0_u64..3_000,
        lag in 0_u64..3,
        gaps in prop::collection::vec(1_u64..400, 1..8),
        tail in 0_u64..5,
        ok in prop::bool::weighted(0.8),
        output_tokens in prop::option::of(1_u64..30),
    ) -> Told {
        let tokens: Vec<u64> = gaps.iter().scan(due + lag, |now, gap| {
            *now += gap;
            Some(*now)
        }).collect();
        let end = tokens.last().copied().unwrap_or(due) + tail;
        let outcome = if ok { Outcome::Ok } else { Outcome::StreamTruncated };
        Told { lag, outcome, output_tokens, ..Told::ok(due, &tokens, end) }
    }
}

proptest! {
    #[test]
    fn any_interleaving_comes_to_what_the_whole_list_says(
        mut all in prop::collection::vec(told(), 4..60),
        warmup in 0_usize..5,
        limit in 50_u64..400,
        closed_loop in any::<bool>(),
        order in any::<prop::sample::Index>(),
    ) {
        all.sort_by_key(|told| told.due);
        let warmup = warmup.min(all.len() - 3);
        for told in &mut all[..warmup] {
            told.phase = Phase::Warmup;
        }
        prop_assume!(all[warmup].due < all[all.len() - 1].due);
        let (arrival, goodput) =
            if closed_loop { (closed(), Goodput::Ended) } else { (open(), Goodput::Due) };
        let expected = reference(&all, goodput, limit);
        let middle = order.index(all.len());
        let mut tally = tally(arrival, vec![slo(limit)]);
        // Ends of one millisecond come in some order, and late ones after the last due time.
        all.rotate_left(middle);
        tell(&mut tally, &all);
        let seconds = tally.window.seconds();
        let flow = &tally.flow;
        let good = match goodput {
            Goodput::Ended => flow.good_ended.inside(),
            _ => flow.good_due as f64,
        };
        for (name, found, expected) in [
            ("tokens", flow.tokens.inside() / seconds, expected.tokens),
            ("ended", flow.ended.inside() / seconds, expected.ended),
            ("good", good / seconds, expected.good),
            ("in flight", tally.in_flight.mean(&tally.window).unwrap_or(0.0), expected.in_flight),
            ("sent", flow.sent.inside() / seconds, expected.sent),
        ] {
            prop_assert!((found - expected).abs() <= 1e-9 * expected.max(1.0),
                "{}: {} is not {}", name, found, expected);
        }
    }
}

#[test]
fn retries_are_counted_by_reason() {
    let mut tally = tally(open(), vec![]);
    let told = Told::ok(0, &[10, 20], 30);
    let mut exchange = told.exchange();
    exchange.timeline.retries = Retries { configured: 2, ..Retries::default() };
    tally.due(at(0), Phase::Window);
    tally.ended(Ended {
        exchange: &exchange,
        phase: Phase::Window,
        wanted_input_tokens: None,
        wanted_output_tokens: Some(10),
        gated: Duration::ZERO,
    });
    let record = tally.finish(LoadRecord::default(), Surroundings::default());
    assert_eq!((record.retried.attempts_max, record.retried.reasons["configured"]), (3, 2));
    assert!(record.warnings.iter().any(|warning| warning.code == "output_length_off"));
}
