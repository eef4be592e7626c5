//! Runs against the simulated engine: what is sent, what becomes of it, and how a run ends.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/runner.rs"]
mod runner;

use std::{collections::BTreeSet, net::TcpListener, sync::Arc, time::Duration};

use runner::{Deaf, Runner, closed, constant, poisson, scenario};
use tokenbeat::{
    arrival::{Load, Quantity, Search},
    clock::Wall,
    config::{Requests, Scenario, Warmup},
    event::{RunRecord, RunResult},
    load::{Halt, HaltReason, run_scenario, runtime},
    schedule::Pacer,
    sim::{Dist, FaultRule, Sim, SimSpec, SpawnedSim},
};

fn engine(ttft_ms: f64, spec: SimSpec) -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(ttft_ms), Dist::constant_ms(1.0));
    Sim::spawn(SimSpec { ttft, itl, ..spec }).expect("an engine")
}

fn count(requests: u64) -> Option<Requests> {
    Some(Requests::Count(requests))
}

fn outcome(record: &RunRecord, step: usize, outcome: &str) -> u64 {
    record.steps[step].outcomes.get(outcome).copied().unwrap_or(0)
}

#[test]
fn the_throughput_of_a_closed_loop_is_right_in_both_forms() {
    // As many users as slots, and an answer of one token: whoever keeps every slot busy has the
    // throughput of slots ÷ time of service, which the engine itself has stamped.
    const USERS: u32 = 16;
    let sim = engine(400.0, SimSpec { slots: 16, stamps: true, ..SimSpec::default() });
    let scenario = Scenario { requests_per_step: count(480), ..scenario(vec![closed(USERS)], 1) };
    let record = Runner::at(sim.base_url()).run(scenario);
    let stamps = sim.handle().stamps();
    let service: f64 = stamps
        .iter()
        .filter_map(|one| Some((one.last_token_ns? - one.arrived_ns) as f64 / 1e9))
        .sum::<f64>()
        / stamps.len() as f64;
    let capacity = f64::from(USERS) / service;
    let rates = &record.steps[0].rates;
    for (form, rate) in
        [("window", rates.requests_per_second), ("whole run", rates.requests_per_second_whole_run)]
    {
        let ratio = rate.expect("a rate") / capacity;
        assert!((ratio - 1.0).abs() <= 0.02, "{form}: {ratio} of {capacity}, {rates:?}");
    }
    assert_eq!((stamps.len(), record.steps[0].n), (480, 480));
}

#[test]
fn an_open_loop_sends_every_request_of_its_schedule() {
    let sim = engine(20.0, SimSpec::default());
    let duration = Some(Duration::from_secs(2));
    let levels = vec![constant(50.0), poisson(80.0)];
    let runner = Runner::at(sim.base_url());
    let record = runner.run(Scenario { duration, ..scenario(levels, 2) });
    let [constant, poisson] = record.steps.as_slice() else { panic!("two steps") };
    assert_eq!(outcome(&record, 0, "ok"), 100);
    // A hundred and sixty are meant; five standard deviations.
    assert!((96..=224).contains(&poisson.n), "{}", poisson.n);
    assert_eq!(sim.handle().requests(), constant.n + poisson.n);
    let last = sim.handle().last_request().expect("there was one");
    assert_eq!(last.header("x-tokenbeat-probe"), Some("nightly"));
    assert_eq!(constant.load.text, "50 req/s");
    assert!(poisson.achieved.requests_per_second.is_some());
}

#[test]
fn the_same_seed_asks_the_same() {
    let runs = [1, 2].map(|_| {
        let sim = engine(1.0, SimSpec::default());
        let scenario =
            Scenario { requests_per_step: count(30), ..scenario(vec![poisson(200.0)], 2) };
        Runner::at(sim.base_url()).run(scenario);
        // How long the first prompts are also depends on what the first answers taught.
        let head = |text: &str| text.chars().take(32).collect::<String>();
        let asked = sim.handle().recent_requests();
        let prompts = asked.iter().map(|seen| seen.json()["messages"][0]["content"].clone());
        prompts.map(|prompt| head(prompt.as_str().unwrap_or_default())).collect::<BTreeSet<_>>()
    });
    assert_eq!(runs[0].len(), 30);
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn a_cancelled_run_lets_what_is_in_flight_end() {
    let sim = engine(700.0, SimSpec::default());
    let duration = Some(Duration::from_secs(3_600));
    let runner = Runner::at(sim.base_url());
    let (halt, record) = runner.begin(Scenario { duration, ..scenario(vec![closed(6)], 3) });
    runner.wait_for("six in flight", || sim.handle().requests() == 6);
    halt.drain(HaltReason::Cancelled, "somebody asked");
    let record = record.blocking_recv().expect("a record");
    assert_eq!(
        (record.result, record.reason.as_deref()),
        (RunResult::Cancelled, Some("somebody asked"))
    );
    assert_eq!((outcome(&record, 0, "ok"), sim.handle().requests()), (6, 6));
    assert!(!sim.handle().metrics().contains("finished_reason=\"abort\"} 1"));
}

#[test]
fn an_aborted_run_gives_up_and_still_has_a_record() {
    let sim = engine(600_000.0, SimSpec::default());
    let runner = Runner::at(sim.base_url());
    let duration = Some(Duration::from_secs(3_600));
    let (halt, record) = runner.begin(Scenario { duration, ..scenario(vec![closed(4)], 3) });
    runner.wait_for("four in flight", || sim.handle().requests() == 4);
    halt.abort(HaltReason::Interrupted, "Ctrl-C twice");
    let record = record.blocking_recv().expect("a record");
    assert_eq!(record.result, RunResult::Interrupted);
    assert_eq!(outcome(&record, 0, "aborted"), 4);
}

#[test]
fn a_run_that_lasts_too_long_is_drained() {
    let sim = engine(50.0, SimSpec::default());
    let mut runner = Runner::at(sim.base_url());
    runner.max_duration = Some(Duration::from_millis(600));
    let duration = Some(Duration::from_secs(3_600));
    let record = runner.run(Scenario { duration, ..scenario(vec![closed(2)], 2) });
    assert_eq!(record.result, RunResult::Interrupted);
    assert!(record.reason.as_deref().is_some_and(|why| why.contains("max_duration")));
    assert_eq!(outcome(&record, 0, "ok"), record.steps[0].n);
    assert!(record.steps[0].n > 0);
}

#[test]
fn a_dead_port_fails_with_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let duration = Some(Duration::from_secs(600));
    let levels = vec![closed(3), closed(6)];
    let record =
        Runner::at(format!("http://{free}")).run(Scenario { duration, ..scenario(levels, 2) });
    assert_eq!((record.result, record.steps.len()), (RunResult::Failed, 1));
    let reason = record.reason.expect("a reason");
    assert!(reason.contains("connect in") && reason.contains("the server runs"), "{reason}");
}

#[test]
fn a_server_that_stalls_costs_its_own_exchanges_only() {
    let stall = FaultRule { fault: "stall".parse().expect("a fault"), ratio: 0.2 };
    let sim = engine(5.0, SimSpec { faults: vec![stall], ..SimSpec::default() });
    let mut runner = Runner::at(sim.base_url());
    runner.idle_timeout = Duration::from_millis(500);
    let scenario = Scenario { requests_per_step: count(60), ..scenario(vec![closed(10)], 8) };
    let record = runner.run(scenario);
    let (ok, stalled) = (outcome(&record, 0, "ok"), outcome(&record, 0, "stall"));
    assert_eq!(ok + stalled, 60);
    assert!(ok > 0 && stalled > 0, "{:?}", record.steps[0].outcomes);
    assert_ne!(record.result, RunResult::Failed);
}

#[test]
fn a_spent_budget_ends_the_run_and_names_its_key() {
    let sim = engine(2.0, SimSpec::default());
    let mut runner = Runner::at(sim.base_url());
    runner.target = ", budget: {requests_per_hour: 25}".to_owned();
    let levels = vec![closed(4), closed(8)];
    let record = runner.run(Scenario { requests_per_step: count(20), ..scenario(levels, 2) });
    assert_eq!(record.result, RunResult::Interrupted);
    let reason = record.reason.as_deref().expect("a reason");
    assert!(reason.contains("budget.requests_per_hour: 25"), "{reason}");
    assert_eq!((record.steps.len(), record.steps[1].n), (2, 5));
    assert_eq!(sim.handle().requests(), 25);
}

#[test]
fn retries_are_made_and_counted() {
    let sim = engine(2.0, SimSpec::default());
    let faults = ["http_503", "none", "none", "http_503", "http_503", "none"];
    sim.handle().set_faults(faults).expect("faults");
    let mut runner = Runner::at(sim.base_url());
    runner.target = ", retry: {attempts: 3, delay: 10ms}".to_owned();
    let record =
        runner.run(Scenario { requests_per_step: count(12), ..scenario(vec![closed(1)], 2) });
    let retried = &record.steps[0].retried;
    assert_eq!((outcome(&record, 0, "ok"), retried.attempts_max), (12, 3));
    assert_eq!(retried.attempts_mean, Some(15.0 / 12.0));
    assert_eq!(retried.reasons.values().sum::<u64>(), 3);
}

#[test]
fn steps_come_one_after_the_other_and_are_told() {
    let sim = engine(10.0, SimSpec::default());
    let runner = Runner::at(sim.base_url());
    let scenario = Scenario {
        requests_per_step: Some(Requests::PerUser(10)),
        warmup: Warmup { requests: 5, duration: Duration::ZERO },
        settle: Duration::from_millis(300),
        ..scenario(vec![closed(1), closed(4)], 3)
    };
    let record = runner.run(scenario);
    let steps: Vec<_> =
        record.steps.iter().map(|step| (step.step, step.window.warmup, step.n)).collect();
    assert_eq!(steps, [(0, 5, 10), (1, 5, 40)]);
    let told = runner.told();
    assert_eq!((told.started, told.exchanges, told.steps, told.ended), (1, 60, 2, 1));
    assert!(told.doing.iter().any(|doing| doing == "settling"), "{:?}", told.doing);
    assert!(record.started_at <= record.ended_at && record.target == "t");
    assert_eq!(record.origin, sim.base_url());
    assert!(!record.environment.fingerprint.is_empty());
}

#[test]
fn a_run_is_marked_only_where_it_was_late() {
    let sim = engine(100.0, SimSpec::default());
    for _ in 0..5 {
        let duration = Some(Duration::from_secs(2));
        let levels = vec![constant(50.0)];
        let record = Runner::at(sim.base_url()).run(Scenario { duration, ..scenario(levels, 4) });
        let validity = &record.steps[0].validity;
        // A machine that does something else is late at times, and must then say so.
        let above = |found: Option<f64>, most: f64| found.is_some_and(|found| found > most);
        let late = above(validity.send_lag_p99, validity.tolerated)
            || above(validity.stamp_late_p99, validity.tolerated)
            || above(validity.stall_p99, 0.010)
            || above(validity.throttled_seconds, 0.0);
        let result = if late { RunResult::Invalid } else { RunResult::Success };
        assert_eq!(record.result, result, "{validity:?}");
        assert!(validity.send_lag_p99.is_some() && validity.stall_p99.is_some(), "{validity:?}");
    }
}

/// A search for the rate.
const SEARCH: Search = Search {
    of: Quantity::Rate,
    start: 60.0,
    max: 1_000.0,
    precision: 0.25,
    max_steps: 10,
    burstiness: f64::INFINITY,
};

fn search() -> Load {
    Load::Search(SEARCH)
}

#[test]
fn a_search_without_an_slo_says_what_it_lacks() {
    let sim = engine(1.0, SimSpec::default());
    let scenario = Scenario { load: search(), ..scenario(Vec::new(), 1) };
    let record = Runner::at(sim.base_url()).run(scenario);
    assert_eq!((record.result, sim.handle().requests()), (RunResult::Failed, 0));
    assert!(record.reason.is_some_and(|why| why.contains("SLO")));
}

#[test]
fn a_search_brackets_what_the_engine_bears() {
    // Eight slots of 40 ms bear 200 requests a second.
    let sim = engine(40.0, SimSpec { slots: 8, ..SimSpec::default() });
    let mut runner = Runner::at(sim.base_url());
    runner.slo = Some("{thresholds: {ttft: 250ms}, objective: 95%}");
    let requests_per_step = count(684);
    let scenario = Scenario { load: search(), requests_per_step, ..scenario(Vec::new(), 1) };
    let record = runner.run(scenario);
    let steps: Vec<_> =
        record.steps.iter().map(|step| (&step.load.text, &step.validity.marks)).collect();
    // A quarter beyond what it bears on either side, for a machine that does something else.
    let findings = &record.findings;
    let (low, high) = (findings.bracket_low, findings.bracket_high);
    assert!(low.is_none_or(|low| low <= 250.0), "{low:?}: {steps:?}");
    assert!(high.is_none_or(|high| high >= 150.0), "{high:?}: {steps:?}");
    match low.zip(high) {
        Some((low, high)) => {
            let estimate = findings.bracket_estimate.expect("both sides were seen");
            assert!(low < high && (low * 0.99..=high * 1.01).contains(&estimate), "{findings:?}");
        }
        // Where we were late ourselves, nothing is certified.
        None => assert_ne!(record.result, RunResult::Success, "{steps:?}"),
    }
    assert!(record.steps.len() <= 10);
}

#[test]
fn an_slo_that_a_lone_request_misses_ends_the_search() {
    let sim = engine(40.0, SimSpec::default());
    let mut runner = Runner::at(sim.base_url());
    runner.slo = Some("{thresholds: {ttft: 20ms}, objective: 95%}");
    let spec = Search { start: 100.0, precision: 0.5, max_steps: 12, burstiness: 1.0, ..SEARCH };
    let load = Load::Search(spec);
    let scenario = Scenario { load, requests_per_step: count(90), ..scenario(Vec::new(), 1) };
    let record = runner.run(scenario);
    // 4, 2, 1 and 0.5 are in flight on average: where half are not enough to explain all misses,
    // ever lower rates would take hours to say the same.
    let marked = record.steps.iter().any(|step| !step.validity.is_valid());
    assert!((2..=5).contains(&record.steps.len()) || marked, "{}", record.steps.len());
    assert_eq!(record.findings.bracket_low, None);
}

#[test]
fn a_server_that_refuses_requests_may_bear_fewer() {
    // It fails half of them at any rate, as one does that bears half the rate.
    let fault = FaultRule { fault: "http_429".parse().expect("a fault"), ratio: 0.5 };
    let sim = engine(1.0, SimSpec { faults: vec![fault], ..SimSpec::default() });
    let mut runner = Runner::at(sim.base_url());
    runner.slo = Some("{thresholds: {ttft: 1s}, objective: 90%}");
    let spec = Search { start: 400.0, max_steps: 4, ..SEARCH };
    let load = Load::Search(spec);
    let record =
        runner.run(Scenario { load, requests_per_step: count(90), ..scenario(Vec::new(), 1) });
    assert_eq!(record.steps.len(), 4, "{:?}", record.reason);
}

#[test]
fn a_server_that_goes_away_is_no_answer_of_a_search() {
    let sim = engine(40.0, SimSpec { slots: 8, ..SimSpec::default() });
    let mut runner = Runner::at(sim.base_url());
    runner.slo = Some("{thresholds: {ttft: 250ms}, objective: 95%}");
    let scenario =
        Scenario { load: search(), requests_per_step: count(100), ..scenario(Vec::new(), 1) };
    let (_halt, record) = runner.begin(scenario);
    runner.wait_for("two steps", || runner.told().steps >= 2);
    drop(sim);
    let record = record.blocking_recv().expect("a record");
    let marked = record.steps.iter().any(|step| !step.validity.is_valid());
    let steps: Vec<_> = record.steps.iter().map(|step| &step.load.text).collect();
    assert!(record.result == RunResult::Failed || marked, "{:?} {steps:?}", record.result);
    let gone = record.reason.as_deref().is_some_and(|why| why.contains("the server is gone"));
    assert!(gone || marked, "{:?}", record.reason);
    // What it bore before is not forgotten for it.
    let estimate = record.findings.bracket_estimate;
    assert!(estimate.is_some_and(|level| level >= 100.0) || marked, "{estimate:?} {steps:?}");
}

#[test]
fn runs_of_two_targets_go_side_by_side_on_one_thread() {
    let sims = [engine(30.0, SimSpec::default()), engine(30.0, SimSpec::default())];
    let runners = sims.each_ref().map(|sim| Runner::at(sim.base_url()));
    let loader = runners[0].loader();
    let records = runners.each_ref().map(|runner| {
        let scenario = Scenario { requests_per_step: count(40), ..scenario(vec![closed(4)], 2) };
        loader.run(runner.order(scenario), runner.sink(), Halt::default())
    });
    for (record, sim) in records.into_iter().zip(&sims) {
        let record = record.blocking_recv().expect("a record");
        assert_eq!((outcome(&record, 0, "ok"), sim.handle().requests()), (40, 40));
    }
    loader.join();
}

#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    let sim = engine(0.0, SimSpec::default());
    let peak = |requests| {
        let runner = Runner::at(sim.base_url());
        let order = runner
            .order(Scenario { requests_per_step: count(requests), ..scenario(vec![closed(8)], 2) });
        let (pacer, wall) = (Arc::new(Pacer::start().expect("a thread")), Wall::anchor());
        let runtime = runtime().expect("a runtime");
        let mut judged = 0;
        let allocated = allocation_counter::measure(|| {
            let run = run_scenario(order, pacer, wall, Arc::new(Deaf), Halt::default());
            judged = runtime.block_on(run).steps[0].n;
        });
        assert_eq!(judged, requests);
        allocated.bytes_max
    };
    // What is made once, for the whole process.
    peak(100);
    let (few, many) = (peak(1_000), peak(12_000));
    // Histograms widen with the values that they see, by some hundred kilobytes at most. What grew
    // with the requests would be an exchange each, of a kilobyte and more.
    assert!(many < few + 11_000 * 64, "{few} and {many} bytes at most");
}
