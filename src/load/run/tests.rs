//! Steps on a paused clock: every arrival, the gate, every end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::oneshot::{self, Receiver, Sender};

use super::{
    Halt, HaltReason,
    beside::{Sight, Witness},
    decide::Decider,
    drive::Ending,
    fake::{MS, Scripted, Seen, Stand, ok},
    step::Done,
};
use crate::{
    analysis::Aim,
    arrival::{Arrival, Closed, Demand, Open, Pattern, UserRamp},
    config::{Bound, StopWhen, Warmup},
    telemetry::Moment,
    timeline::Outcome,
    verdict::{Judge, Metric, RISK, Slo, State, Threshold, certify},
    workload::{Expect, Length, PrefixRole, Reuse, Synthetic, Think, UserPrefix, Workload},
};

fn users(users: u32) -> Closed {
    Closed { users, spawn_rate: None, ramp: None }
}

fn open(pattern: Pattern, max_in_flight: Option<u32>) -> Arrival {
    Arrival::Open(Open { pattern, max_in_flight })
}

fn failing_from(first: u64) -> impl Fn(u64) -> Scripted + Send + Sync + 'static {
    move |number| {
        let outcome = if number < first { Outcome::Ok } else { Outcome::Http5xx };
        Scripted { takes: 10 * MS, outcome }
    }
}

fn done(done: Option<Done>) -> Done {
    done.expect("a step that began something")
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_keeps_its_users_busy_and_its_throughput_is_right_in_both_forms() {
    let stand = Stand::default().requests(400);
    let (step, seen) = stand.step(Arrival::Closed(users(4)), ok(100 * MS)).await;
    let record = done(step).record;
    assert_eq!((seen.len(), record.n, record.achieved.in_flight_max), (400, 400, 4));
    assert!(seen.iter().all(|one| one.in_flight <= 4 && one.began == one.due), "{seen:?}");
    // Each is due the moment a slot came free: four at each multiple of 100 ms.
    assert!((0..400).all(|at| seen[at].due == u32::try_from(at / 4).expect("few") * 100 * MS));
    for rate in [record.rates.requests_per_second, record.rates.requests_per_second_whole_run] {
        let rate = rate.expect("a rate");
        assert!((rate / 40.0 - 1.0).abs() < 0.02, "{rate}");
    }
    assert!(record.validity.is_valid(), "{:?}", record.validity);
}

#[tokio::test(start_paused = true)]
async fn users_enter_at_their_rate_and_the_window_opens_when_all_are_in() {
    let stand = Stand::default().lasting(1_000 * MS);
    let closed = Closed { spawn_rate: Some(10.0), ..users(5) };
    let (step, seen) = stand.step(Arrival::Closed(closed), ok(1_000 * MS)).await;
    let first: Vec<_> = seen.iter().take(5).map(|one| one.began.as_millis()).collect();
    assert_eq!(first, [0, 100, 200, 300, 400]);
    // The fifth user enters at 400 ms, so the window is from there to 1,400 ms.
    let record = done(step).record;
    assert_eq!((record.window.warmup, record.n), (4, 5), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn users_that_ramp_up_are_the_load_and_no_warm_up() {
    let ramp = UserRamp { from: 1, over: 800 * MS, steps: None };
    let stand = Stand::default().lasting(1_000 * MS);
    let closed = Closed { ramp: Some(ramp), ..users(5) };
    let (step, seen) = stand.step(Arrival::Closed(closed), ok(5_000 * MS)).await;
    let entered: Vec<_> = seen.iter().map(|one| one.began.as_millis()).collect();
    assert_eq!(entered, [0, 200, 400, 600, 800]);
    assert_eq!(done(step).record.window.warmup, 0);
}

/// Every pattern, with what is known of its due times.
fn patterns() -> Vec<Pattern> {
    let demand = |ms: u32| Demand { offset: ms * MS, input_tokens: None, output_tokens: None };
    vec![
        Pattern::Constant { rate: 50.0 },
        Pattern::Poisson { rate: 50.0 },
        Pattern::Gamma { rate: 50.0, burstiness: 0.5 },
        Pattern::Burst { size: 25, period: 500 * MS },
        Pattern::Ramp {
            from: 10.0,
            to: 90.0,
            over: Duration::from_secs(4),
            steps: None,
            burstiness: 1.0,
        },
        Pattern::Ramp {
            from: 10.0,
            to: 90.0,
            over: Duration::from_secs(4),
            steps: Some(4),
            burstiness: 1.0,
        },
        Pattern::Trace { demands: [0, 3, 3, 700, 1_900].map(demand).into(), speed: 1.0 },
    ]
}

#[tokio::test(start_paused = true)]
async fn every_schedule_is_sent_whole_in_order_and_at_its_times() {
    for pattern in patterns() {
        let stand = Stand::default().lasting(Duration::from_secs(4));
        let arrival = open(pattern.clone(), None);
        let Arrival::Open(schedule) = &arrival else { unreachable!("an open loop") };
        // The seed of the first step of a run with seed 7.
        let seed = super::seeds::seed(7, 0, super::seeds::Draw::Arrivals);
        let within = |demand: &Demand| demand.offset < Duration::from_secs(4);
        let wanted: Vec<_> =
            schedule.demands(seed).take_while(within).map(|demand| demand.offset).collect();
        // Slower than the schedule: an open loop heeds no answer.
        let (step, seen) = stand.step(arrival, ok(3_000 * MS)).await;
        let step = done(step);
        let dues: Vec<_> = seen.iter().map(|one| one.due).collect();
        assert_eq!(dues, wanted, "{pattern:?}");
        // The test's clock has a resolution of a millisecond.
        assert!(seen.iter().all(|one| one.began >= one.due && one.began < one.due + 2 * MS));
        assert_eq!(step.record.n, wanted.len() as u64, "{pattern:?}: {:?}", step.ending);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_late_is_sent_late_and_never_skipped_or_moved() {
    let on_time = Stand::default().requests(100);
    let late = Stand { lag: 300 * MS, ..Stand::default().requests(100) };
    let arrival = || open(Pattern::Constant { rate: 20.0 }, None);
    let (_, wanted) = on_time.step(arrival(), ok(10 * MS)).await;
    let (step, seen) = late.step(arrival(), ok(10 * MS)).await;
    let dues = |seen: &[Seen]| seen.iter().map(|one| one.due).collect::<Vec<_>>();
    assert_eq!(dues(&seen), dues(&wanted));
    assert!(seen.iter().all(|one| one.began >= one.due + 300 * MS));
    assert!(!done(step).record.validity.is_valid(), "a client that is late says so");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_not_valid_has_counts_and_no_verdict() {
    for (lag, misses, else_) in [(300 * MS, 0, State::Pass), (700 * MS, 300, State::Fail)] {
        let slos = vec![half_a_second()];
        let stand = Stand { lag, slos, ..Stand::default().requests(300) };
        let (step, _) = stand.step(open(Pattern::Constant { rate: 20.0 }, None), ok(10 * MS)).await;
        let record = done(step).record;
        assert!(!record.validity.is_valid(), "the client is late");
        for standing in &record.standings {
            assert_eq!((standing.n, standing.misses), (300, misses));
            assert_eq!(standing.state, State::NotEnoughData);
            assert_eq!(certify(300, misses, 0.95, RISK), else_);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_gate_makes_wait_in_order_and_moves_no_due_time() {
    let stand = Stand::default().requests(20);
    let burst = Pattern::Burst { size: 10, period: Duration::from_secs(1) };
    let (step, seen) = stand.step(open(burst, Some(3)), ok(100 * MS)).await;
    assert!(seen.iter().all(|one| one.in_flight <= 3), "{seen:?}");
    assert!(seen.is_sorted_by_key(|one| (one.due, one.began)), "{seen:?}");
    let of_first: Vec<_> = seen[..10].iter().map(|one| one.began.as_millis()).collect();
    assert_eq!(of_first, [0, 0, 0, 100, 100, 100, 200, 200, 200, 300]);
    assert!(seen[..10].iter().all(|one| one.due == seen[0].due));
    let record = done(step).record;
    assert_eq!(record.achieved.gated, 14);
    // It waited for a place and not for us.
    assert!(record.validity.send_lag_p99.is_some_and(|lag| lag < 0.002), "{:?}", record.validity);
}

#[tokio::test(start_paused = true)]
async fn the_warm_up_is_split_off_by_number_and_by_time() {
    for (warmup, warm) in [
        (Warmup { requests: 7, duration: Duration::ZERO }, 7),
        (Warmup { requests: 0, duration: 500 * MS }, 5),
        (Warmup { requests: 2, duration: 500 * MS }, 5),
    ] {
        let mut stand = Stand::default().requests(20);
        stand.scenario.warmup = warmup;
        let arrival = open(Pattern::Constant { rate: 10.0 }, None);
        let (step, seen) = stand.step(arrival, ok(10 * MS)).await;
        let record = done(step).record;
        assert_eq!((record.window.warmup, record.n, seen.len()), (warm, 20, 20 + warm as usize));
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_ends_the_step_and_one_early_failure_does_not() {
    let rules = StopWhen { error_ratio: Some(0.05), bounds: Vec::new() };
    let mut stand = Stand::default().requests(10_000);
    stand.scenario.stop_when = rules;
    let (step, seen) = stand.step(Arrival::Closed(users(2)), failing_from(400)).await;
    let step = done(step);
    assert!(matches!(&step.ending, Ending::Rule(_)), "{:?}", step.ending);
    assert!(step.record.stopped.as_deref().is_some_and(|why| why.starts_with("error_ratio: ")));
    assert!((420..1_000).contains(&seen.len()), "{}", seen.len());
    let once = |number| Scripted {
        takes: 10 * MS,
        outcome: if number == 0 { Outcome::Http5xx } else { Outcome::Ok },
    };
    let mut stand = Stand { scenario: stand.scenario, ..Stand::default() }.requests(300);
    stand.scenario.stop_when.error_ratio = Some(0.05);
    let (step, seen) = stand.step(Arrival::Closed(users(2)), once).await;
    assert_eq!((done(step).ending, seen.len()), (Ending::Full, 300));
}

#[tokio::test(start_paused = true)]
async fn a_percentile_above_its_bound_ends_the_step_after_draining() {
    let bound = Bound { metric: Metric::E2e, quantile: 0.95, max: 500 * MS };
    let mut stand = Stand::default().lasting(Duration::from_secs(600));
    stand.scenario.stop_when = StopWhen { error_ratio: None, bounds: vec![bound] };
    let slower = |number: u64| Scripted {
        takes: if number < 300 { 100 * MS } else { 2_000 * MS },
        outcome: Outcome::Ok,
    };
    let arrival = open(Pattern::Constant { rate: 50.0 }, None);
    let (step, seen) = stand.step(arrival, slower).await;
    let record = done(step).record;
    assert!(record.stopped.as_deref().is_some_and(|why| why.starts_with("e2e_p95: 2.0s")));
    assert_eq!(record.outcomes["ok"], seen.len() as u64, "what was in flight has ended by itself");
    assert!(seen.len() > 300 && seen.len() < 1_000, "{}", seen.len());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_well_is_given_up() {
    let stand = Stand::default().lasting(Duration::from_secs(3_600));
    let (step, seen) = stand.step(Arrival::Closed(users(30)), failing_from(0)).await;
    let step = done(step);
    assert_eq!(step.ending, Ending::Hopeless);
    assert!(step.record.stopped.as_deref().is_some_and(|why| why.contains("http_5xx in ")));
    assert!(seen.len() < 3_000, "{}", seen.len());
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_ends_the_step_at_the_very_request() {
    for arrival in [Arrival::Closed(users(3)), open(Pattern::Poisson { rate: 30.0 }, None)] {
        let stand = Stand { budget: 10, ..Stand::default().requests(100) };
        let (step, seen) = stand.step(arrival, ok(100 * MS)).await;
        let step = done(step);
        assert_eq!((step.ending, seen.len(), step.record.n), (Ending::Budget, 10, 10));
    }
    let stand = Stand { budget: 0, ..Stand::default().requests(100) };
    let (step, seen) = stand.step(Arrival::Closed(users(3)), ok(MS)).await;
    assert!(step.is_none() && seen.is_empty());
}

/// Halts after `after`.
async fn halting(halt: &Halt, after: Duration, how: impl Fn(&Halt, HaltReason, &str)) {
    tokio::time::sleep(after).await;
    how(halt, HaltReason::Cancelled, "somebody asked");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_step_drains_and_an_aborted_one_gives_up() {
    for arrival in [Arrival::Closed(users(5)), open(Pattern::Constant { rate: 5.0 }, Some(3))] {
        let stand = Stand::default().lasting(Duration::from_secs(3_600));
        let step = stand.step(arrival.clone(), ok(1_000 * MS));
        let halting = halting(&stand.halt, 2_500 * MS, |halt, reason, why| halt.drain(reason, why));
        let ((step, seen), ()) = tokio::join!(step, halting);
        let step = done(step);
        assert_eq!(step.ending, Ending::Halted);
        assert_eq!(step.record.outcomes.get("ok"), Some(&(seen.len() as u64)), "{arrival:?}");
        assert_eq!(step.record.stopped.as_deref(), Some("somebody asked"));
        assert!(seen.iter().all(|one| one.began <= 2_500 * MS));

        let stand = Stand::default().lasting(Duration::from_secs(3_600));
        let step = stand.step(arrival.clone(), ok(1_000 * MS));
        let abort = |halt: &Halt, reason, why: &str| halt.abort(reason, why);
        let ((step, _), ()) = tokio::join!(step, self::halting(&stand.halt, 2_500 * MS, abort));
        let outcomes = done(step).record.outcomes;
        assert!(outcomes["aborted"] > 0 && outcomes["aborted"] <= 5, "{outcomes:?}");
    }
}

/// An engine that never answers.
#[derive(Default)]
struct Silent(Mutex<Vec<Sender<Sight>>>);

impl Witness for Silent {
    fn interval(&self) -> Duration {
        MS
    }

    fn look(&self, _: Moment) -> Receiver<Sight> {
        let (tell, told) = oneshot::channel();
        self.0.lock().expect("no panic").push(tell);
        told
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_waits_for_its_first_reading_is_cancelled_at_once() {
    let stand = Stand { witness: Some(Arc::new(Silent::default())), ..Stand::default() };
    let began = tokio::time::Instant::now();
    let step = stand.step(Arrival::Closed(users(1)), ok(MS));
    let halting = halting(&stand.halt, 500 * MS, |halt, reason, why| halt.drain(reason, why));
    let ((step, seen), ()) = tokio::join!(step, halting);
    assert!(step.is_none() && seen.is_empty());
    assert!(began.elapsed() < 1_000 * MS, "on the paused clock");
}

/// 95 % within half a second.
fn half_a_second() -> Arc<Slo> {
    Arc::new(Slo {
        name: "s".into(),
        thresholds: vec![Threshold { metric: Metric::E2e, max: 500 * MS, objective: 0.95 }],
        objective: 0.95,
        window: Duration::from_secs(3_600),
        judge: Judge::Each,
        pack: None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_step_of_a_search_ends_when_its_verdict_is_certified() {
    let slo = half_a_second();
    for (takes, state, looks_at) in [(100 * MS, State::Pass, 684), (900 * MS, State::Fail, 90)] {
        let slos = vec![Arc::clone(&slo)];
        let decider = Some(Decider::new(&slos, 2_000));
        let stand = Stand { slos, decider, ..Stand::default() };
        let arrival = open(Pattern::Poisson { rate: 20.0 }, None);
        let (step, seen) = stand.step(arrival, ok(takes)).await;
        let step = done(step);
        assert_eq!(step.ending, Ending::Decided(state));
        // Those that were in flight when the look came are judged, too.
        assert!((looks_at..looks_at + 60).contains(&seen.len()), "{}", seen.len());
        assert_eq!(step.looked.n, seen.len() as u64);
        let verdict = Decider::new(&[Arc::clone(&slo)], 2_000).verdict(Some(state), &step.looked);
        assert_eq!(verdict, state);
    }
}

#[tokio::test(start_paused = true)]
async fn a_level_at_which_most_fail_is_decided_as_soon_as_another() {
    let slos = vec![half_a_second()];
    let decider = Some(Decider::new(&slos, 684));
    let stand = Stand { slos, decider, ..Stand::default() };
    let most_fail = |number: u64| Scripted {
        takes: 100 * MS,
        outcome: if number.is_multiple_of(4) { Outcome::Ok } else { Outcome::Http5xx },
    };
    let (step, seen) = stand.step(open(Pattern::Poisson { rate: 20.0 }, None), most_fail).await;
    assert_eq!(done(step).ending, Ending::Decided(State::Fail));
    assert!(seen.len() < 150, "{}: the median is infinite, and it is not waited for", seen.len());
}

#[tokio::test(start_paused = true)]
async fn a_search_is_judged_when_its_load_has_built_up() {
    let slos = vec![half_a_second()];
    let rate = Decider::at_rate(&slos, Some(100), 20.0, Aim::Side, 0.05, None);
    let users_of = Decider::of_users(&slos, Some(100), 30, Aim::Side);
    for (arrival, decider, warm) in [
        // Half a second ÷ 5 %: ten seconds.
        (open(Pattern::Constant { rate: 20.0 }, None), rate, 200),
        (Arrival::Closed(users(30)), users_of, 30),
    ] {
        let (slos, decider) = (slos.clone(), Some(decider));
        let stand = Stand { slos, decider, ..Stand::default() };
        let (step, _) = stand.step(arrival, ok(100 * MS)).await;
        assert_eq!(done(step).record.window.warmup, warm);
    }
}

/// Sessions of three turns, with two seconds of thinking before the later ones.
fn conversation() -> Workload {
    Workload::Synthetic(Synthetic {
        input_tokens: Length::Constant(8),
        output_tokens: Length::Constant(4),
        shared_prefix_tokens: 0,
        prefix_role: PrefixRole::User,
        user_prefix: UserPrefix::default(),
        reuse: Reuse::Never,
        turns: Length::Constant(3),
        think: Think { mean: Duration::from_secs(2), stddev: Duration::ZERO },
        temperature: 0.0,
        expect: Expect::default(),
    })
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_due_when_the_user_has_thought_about_the_last_answer() {
    let stand = Stand { workload: conversation(), ..Stand::default().requests(7) };
    let (_, seen) = stand.step(Arrival::Closed(users(1)), ok(500 * MS)).await;
    let due: Vec<_> = seen.iter().map(|one| one.due.as_millis()).collect();
    // Three turns, each half a second long; the next session follows at once.
    assert_eq!(due, [0, 2_500, 5_000, 5_500, 8_000, 10_500, 11_000]);
    let messages: Vec<_> = seen.iter().map(|one| one.messages).collect();
    assert_eq!(messages, [1, 3, 5, 1, 3, 5, 1], "later turns carry what was said");
}

#[tokio::test(start_paused = true)]
async fn sessions_of_an_open_loop_have_their_later_turns_beside_the_schedule() {
    let stand = Stand { workload: conversation(), ..Stand::default() };
    let demand = |ms: u32| Demand { offset: ms * MS, ..Demand::default() };
    let trace = Pattern::Trace { demands: [0, 1_000].map(demand).into(), speed: 1.0 };
    let (step, seen) = stand.step(open(trace, Some(1)), ok(1_500 * MS)).await;
    let times: Vec<_> =
        seen.iter().map(|one| (one.due.as_millis(), one.began.as_millis())).collect();
    // One place: the second session waits for the first one's, and so on.
    assert_eq!(
        times,
        [(0, 0), (1_000, 1_500), (3_500, 3_500), (5_000, 5_000), (7_000, 7_000), (8_500, 8_500)]
    );
    assert_eq!(done(step).record.achieved.gated, 1);
}

#[tokio::test(start_paused = true)]
async fn a_thought_that_ends_after_the_window_does_not_hold_up_the_step() {
    let mut workload = conversation();
    if let Workload::Synthetic(synthetic) = &mut workload {
        synthetic.think.mean = Duration::from_secs(3_600);
    }
    for arrival in [Arrival::Closed(users(3)), open(Pattern::Constant { rate: 0.1 }, None)] {
        let workload = workload.clone();
        let stand = Stand { workload, ..Stand::default() }.lasting(Duration::from_secs(10));
        let began = tokio::time::Instant::now();
        let (step, seen) = stand.step(arrival, ok(100 * MS)).await;
        assert_eq!(done(step).ending, Ending::Full);
        assert!(
            !seen.is_empty() && began.elapsed() < Duration::from_secs(12),
            "on the paused clock"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_bell_that_comes_after_the_end_of_the_window_is_still_heard() {
    let stand = Stand { lag: 300 * MS, ..Stand::default() }.lasting(Duration::from_secs(2));
    let (_, seen) = stand.step(open(Pattern::Constant { rate: 10.0 }, None), ok(MS)).await;
    assert_eq!(seen.len(), 20, "all that were due in the window were sent, if late");
}

#[tokio::test(start_paused = true)]
async fn a_later_turn_that_waits_at_the_gate_is_begun_if_it_was_due_in_the_window() {
    const WINDOW: Duration = Duration::from_secs(10);
    let stand = Stand { workload: conversation(), ..Stand::default() }.lasting(WINDOW);
    let arrival = open(Pattern::Constant { rate: 0.5 }, Some(1));
    let (step, seen) = stand.step(arrival, ok(1_500 * MS)).await;
    assert_eq!(done(step).ending, Ending::Full);
    // One place for five sessions: many of their turns wait until after the end of the window.
    assert!(seen.iter().any(|one| one.messages > 1 && one.began > WINDOW), "{seen:?}");
    for turn in seen.iter().filter(|one| one.messages < 5) {
        // Half a second more than a second to answer, two to think.
        let next = turn.began + 3_500 * MS;
        let follows =
            |one: &&Seen| one.messages == turn.messages + 2 && one.due.abs_diff(next) < 3 * MS;
        assert_eq!(seen.iter().any(|one| follows(&one)), next < WINDOW, "{turn:?} in {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_thinks_does_not_hold_up_the_end() {
    let mut workload = conversation();
    if let Workload::Synthetic(synthetic) = &mut workload {
        synthetic.think.mean = Duration::from_secs(3_600);
    }
    let stand = Stand { workload, ..Stand::default() };
    let step = stand.step(Arrival::Closed(users(3)), ok(100 * MS));
    let halting = halting(&stand.halt, 500 * MS, |halt, reason, why| halt.drain(reason, why));
    let began = tokio::time::Instant::now();
    let ((step, seen), ()) = tokio::join!(step, halting);
    assert_eq!((done(step).ending, seen.len()), (Ending::Halted, 3));
    assert!(began.elapsed() < Duration::from_secs(2), "on the paused clock");
}
