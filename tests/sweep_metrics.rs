//! The exposition of sweeps: what a run does to it, and when.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/runs.rs"]
mod runs;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use exposition::Samples;
use runs::{progress, record, regressions, started, step, sweep, sweep_key};
use tokenbeat::{
    event::{Latency, LoadRecord, Mark, RunRecord, RunResult, SweepSkipped},
    sinks::prometheus::{BuildInfo, Prometheus},
    timeline::Outcome,
    verdict::{Judge, Slo, State},
};

const RESULT: &str = "tokenbeat_sweep_result_timestamp_seconds";
const LAST_END: &str = "tokenbeat_sweep_last_end_timestamp_seconds";
const LAST_START: &str = "tokenbeat_sweep_last_start_timestamp_seconds";
const LAST_SUCCESS: &str = "tokenbeat_sweep_last_success_timestamp_seconds";
const TTFT: &str = "tokenbeat_sweep_step_ttft_seconds";

fn known() -> Prometheus {
    let sink = Prometheus::new(BuildInfo::current());
    sink.add_sweep(&sweep(Vec::new()));
    sink
}

fn samples(sink: &Prometheus) -> Samples {
    let body = sink.render(Some("text/plain"), None).expect("rendered").body;
    exposition::text(&String::from_utf8(body).expect("text"))
}

/// Whether a series of the steps or the findings of a run is there.
fn has_results(samples: &Samples) -> bool {
    let of_run = |name: &str| name.starts_with("tokenbeat_sweep_step_") || name == RESULT;
    samples.values.keys().any(|(name, _)| of_run(name))
}

fn run(started_at: f64, result: RunResult) -> Arc<RunRecord> {
    Arc::new(record(started_at, result))
}

#[test]
fn a_sweep_that_never_ran_has_counters_at_zero_and_no_results() {
    let sink = known();
    let samples = samples(&sink);
    for ((name, labels), value) in &samples.values {
        assert!(!name.ends_with("_total") || *value == 0.0, "{name} {labels:?}");
    }
    for (name, values) in [
        ("tokenbeat_sweep_runs_total", RunResult::ALL.len()),
        ("tokenbeat_sweep_skipped_total", SweepSkipped::ALL.len()),
        ("tokenbeat_sweep_requests_total", Outcome::ALL.len()),
    ] {
        let series = samples.values.keys().filter(|(found, _)| found == name).count();
        assert_eq!(series, values, "{name}");
    }
    assert_eq!(samples.get("tokenbeat_sweep_running", &[]), 0.0);
    assert_eq!(samples.get("tokenbeat_sweep_max_duration_seconds", &[]), 1800.0);
    assert!(!has_results(&samples));
    for name in [LAST_END, LAST_START, LAST_SUCCESS, "tokenbeat_sweep_progress_ratio"] {
        assert!(!samples.has(name), "{name}");
    }
}

#[test]
fn a_run_goes_from_due_to_its_results() {
    let sink = known();
    let key = sweep_key();
    sink.sweep_next_run(&key, Some(1000.0));
    sink.sweep_due(&key, 1000.0);
    sink.sweep_started(&started(1001));
    sink.sweep_next_run(&key, None);
    sink.sweep_exchange(&key, Outcome::Ok);
    sink.sweep_exchange(&key, Outcome::Ok);
    sink.sweep_exchange(&key, Outcome::Http429);
    sink.sweep_progress(&progress(0.75));
    let during = samples(&sink);
    assert_eq!(during.get("tokenbeat_sweep_running", &[]), 1.0);
    assert_eq!(during.get("tokenbeat_sweep_progress_ratio", &[]), 0.75);
    assert_eq!(during.get("tokenbeat_sweep_last_due_timestamp_seconds", &[]), 1000.0);
    assert_eq!(during.get(LAST_START, &[]), 1001.0);
    assert!(!during.has("tokenbeat_sweep_next_run_timestamp_seconds"));
    assert!(!has_results(&during) && !during.has(LAST_END));

    sink.sweep_ended(&run(1001.0, RunResult::Success));
    let after = samples(&sink);
    for (name, labels, value) in [
        ("tokenbeat_sweep_running", vec![], 0.0),
        ("tokenbeat_sweep_last_duration_seconds", vec![], 600.0),
        (LAST_END, vec![], 1601.0),
        (LAST_SUCCESS, vec![], 1601.0),
        (RESULT, vec![], 1601.0),
        ("tokenbeat_sweep_runs_total", vec![("result", "success")], 1.0),
        ("tokenbeat_sweep_runs_total", vec![("result", "invalid")], 0.0),
        ("tokenbeat_sweep_requests_total", vec![("outcome", "ok")], 2.0),
        ("tokenbeat_sweep_requests_total", vec![("outcome", "http_429")], 1.0),
        ("tokenbeat_sweep_step_concurrency", vec![], 20.0),
        ("tokenbeat_sweep_step_concurrency", vec![("step", "0")], 20.0),
        ("tokenbeat_sweep_step_offered_requests_per_second", vec![("step", "1")], 12.5),
        (TTFT, vec![("step", "0"), ("q", "0.5")], 0.25),
        (TTFT, vec![("step", "0"), ("q", "0.9")], 0.75),
        (TTFT, vec![("step", "1"), ("q", "0.95")], 2.0),
        ("tokenbeat_sweep_step_e2e_seconds", vec![("step", "0"), ("q", "0.5")], 2.0),
        ("tokenbeat_sweep_step_goodput_ratio", vec![("step", "0")], 0.95),
        ("tokenbeat_sweep_step_samples", vec![("step", "1")], 200.0),
        ("tokenbeat_sweep_step_valid", vec![("step", "1")], 1.0),
        ("tokenbeat_sweep_max_goodput_requests_per_second", vec![], 9.5),
        ("tokenbeat_sweep_verdict", vec![("slo", "interactive"), ("state", "fail")], 1.0),
        ("tokenbeat_sweep_verdict", vec![("slo", "interactive"), ("state", "pass")], 0.0),
    ] {
        assert_eq!(after.get(name, &labels), value, "{name} {labels:?}");
    }
    assert!(!after.has("tokenbeat_sweep_progress_ratio"));
    // What is told late of a run that has ended changes nothing.
    sink.sweep_progress(&progress(0.9));
    assert_eq!(samples(&sink), after);
}

#[test]
fn percentiles_are_infinite_or_absent_but_never_of_another_run() {
    let sink = known();
    sink.sweep_ended(&run(0.0, RunResult::Success));
    let q = |q| [("step", "0"), ("q", q)];
    assert_eq!(samples(&sink).get(TTFT, &q("0.99")), f64::INFINITY);
    let mut undefined = record(1000.0, RunResult::Success);
    let none = Latency { infinite: true, ..Latency::default() };
    undefined.steps[0].latencies.insert("ttft".into(), none);
    undefined.steps[0].latencies.remove("tpot");
    undefined.steps[0].rates.goodput_ratio = None;
    sink.sweep_ended(&Arc::new(undefined));
    let samples = samples(&sink);
    let of_first = |name: &str| {
        let mut found = samples.values.keys().filter(|(found, _)| found == name);
        found.any(|(_, labels)| labels["step"] == "0")
    };
    assert!(of_first("tokenbeat_sweep_step_itl_seconds"));
    for name in [TTFT, "tokenbeat_sweep_step_tpot_seconds", "tokenbeat_sweep_step_goodput_ratio"] {
        assert!(!of_first(name), "{name}");
    }
}

#[test]
fn a_run_that_was_not_carried_out_leaves_the_results_of_the_last_that_was() {
    for result in [RunResult::Failed, RunResult::Interrupted, RunResult::Cancelled] {
        let sink = known();
        sink.sweep_ended(&run(0.0, RunResult::Success));
        let mut cut = record(1000.0, result);
        cut.steps.truncate(1);
        sink.sweep_started(&started(1000));
        sink.sweep_ended(&Arc::new(cut));
        let samples = samples(&sink);
        assert_eq!(samples.get(RESULT, &[]), 600.0);
        assert_eq!(samples.get(LAST_SUCCESS, &[]), 600.0);
        assert_eq!(samples.get(LAST_END, &[]), 1600.0);
        assert_eq!(samples.get("tokenbeat_sweep_step_valid", &[("step", "1")]), 1.0);
        let result = [("result", result.as_str())];
        assert_eq!(samples.get("tokenbeat_sweep_runs_total", &result), 1.0);
    }
}

#[test]
fn an_invalid_run_is_shown_with_its_reasons_and_is_no_success() {
    let sink = known();
    let mut invalid = record(0.0, RunResult::Invalid);
    invalid.steps[1].validity.marks = vec![Mark::RateNotMet];
    sink.sweep_ended(&Arc::new(invalid));
    let samples = samples(&sink);
    assert_eq!(samples.get(RESULT, &[]), 600.0);
    assert!(!samples.has(LAST_SUCCESS));
    let valid = |step| samples.get("tokenbeat_sweep_step_valid", &[("step", step)]);
    assert_eq!((valid("0"), valid("1")), (1.0, 0.0));
    for mark in Mark::ALL {
        let labels = [("step", "1"), ("reason", mark.as_str())];
        let value = samples.get("tokenbeat_sweep_step_invalid", &labels);
        assert_eq!(value, f64::from(u8::from(mark == Mark::RateNotMet)), "{mark:?}");
    }
}

#[test]
fn steps_of_the_last_run_go_with_it() {
    let sink = known();
    sink.sweep_ended(&run(0.0, RunResult::Success));
    let mut short = record(1000.0, RunResult::Success);
    let ramp = LoadRecord { arrival: "ramp".into(), ..LoadRecord::default() };
    short.steps = vec![step(0, ramp)];
    short.findings.knee_concurrency = None;
    short.findings.verdicts.clear();
    sink.sweep_ended(&Arc::new(short));
    let samples = samples(&sink);
    let steps: BTreeSet<&String> =
        samples.values.keys().filter_map(|(_, labels)| labels.get("step")).collect();
    assert_eq!(steps.into_iter().collect::<Vec<_>>(), ["0"]);
    // A ramp has no one load.
    for name in [
        "tokenbeat_sweep_step_concurrency",
        "tokenbeat_sweep_step_offered_requests_per_second",
        "tokenbeat_sweep_knee_concurrency",
        "tokenbeat_sweep_verdict",
    ] {
        assert!(!samples.has(name), "{name}");
    }
}

#[test]
fn an_slo_that_no_step_could_be_held_against_is_undecided() {
    let slo = Slo {
        name: "standard".into(),
        thresholds: Vec::new(),
        objective: 0.95,
        window: Duration::from_secs(60),
        judge: Judge::Joint,
        pack: None,
    };
    let sink = Prometheus::new(BuildInfo::current());
    sink.add_sweep(&sweep(vec![Arc::new(slo)]));
    sink.sweep_ended(&run(0.0, RunResult::Invalid));
    let samples = samples(&sink);
    for state in State::ALL {
        let labels = [("slo", "standard"), ("state", state.as_str())];
        let wanted = f64::from(u8::from(state == State::NotEnoughData));
        assert_eq!(samples.get("tokenbeat_sweep_verdict", &labels), wanted, "{state:?}");
    }
}

#[test]
fn what_the_store_has_is_restored_in_any_order_and_not_counted() {
    let success = || run(0.0, RunResult::Success);
    let invalid = || run(1000.0, RunResult::Invalid);
    let failed = || run(2000.0, RunResult::Failed);
    for runs in [
        [success(), invalid(), failed()],
        [failed(), invalid(), success()],
        [invalid(), failed(), success()],
    ] {
        let sink = known();
        for run in &runs {
            sink.sweep_restore(run);
        }
        let samples = samples(&sink);
        for (name, value) in [
            (LAST_SUCCESS, 600.0),
            (RESULT, 1600.0),
            (LAST_END, 2600.0),
            (LAST_START, 2000.0),
            ("tokenbeat_sweep_last_due_timestamp_seconds", 1999.5),
            ("tokenbeat_sweep_last_duration_seconds", 600.0),
            ("tokenbeat_sweep_running", 0.0),
        ] {
            assert_eq!(samples.get(name, &[]), value, "{name}");
        }
        let counted =
            |((name, _), value): (&(String, _), &f64)| name.ends_with("_total") && *value != 0.0;
        assert!(!samples.values.iter().any(counted));
    }
}

#[test]
fn a_changed_sweep_keeps_what_it_has_and_a_removed_one_is_gone() {
    let sink = known();
    sink.sweep_skipped(&sweep_key(), SweepSkipped::Overlap);
    sink.sweep_ended(&run(0.0, RunResult::Success));
    let mut changed = sweep(Vec::new());
    changed.max_duration = Duration::from_secs(60);
    sink.add_sweep(&changed);
    let kept = samples(&sink);
    let overlap = [("reason", "overlap")];
    assert_eq!(kept.get("tokenbeat_sweep_skipped_total", &overlap), 1.0);
    assert_eq!(kept.get(RESULT, &[]), 600.0);
    assert_eq!(kept.get("tokenbeat_sweep_max_duration_seconds", &[]), 60.0);
    sink.remove_sweep(&sweep_key());
    sink.sweep_ended(&run(1000.0, RunResult::Success));
    sink.sweep_exchange(&sweep_key(), Outcome::Ok);
    assert!(!samples(&sink).types.keys().any(|name| name.starts_with("tokenbeat_sweep_")));
    sink.add_sweep(&changed);
    let anew = samples(&sink);
    assert!(!has_results(&anew));
    assert_eq!(anew.get("tokenbeat_sweep_skipped_total", &overlap), 0.0);
}

#[test]
fn regressions_come_with_their_run_and_stand_until_the_next_that_is_compared() {
    const ACTIVE: &str = "tokenbeat_regression_active";
    const CHANGE: &str = "tokenbeat_regression_change_ratio";
    const SINCE: &str = "tokenbeat_regression_last_change_timestamp_seconds";
    let compared = |at| {
        let mut run = record(at, RunResult::Success);
        run.findings.regressions = regressions();
        run.findings.regressions[1].last_change_at = None;
        Arc::new(run)
    };
    let (told, restored) = (known(), known());
    told.sweep_ended(&compared(0.0));
    restored.sweep_restore(&run(1000.0, RunResult::Invalid));
    restored.sweep_restore(&compared(0.0));
    for sink in [told, restored] {
        // Neither one that is not valid nor one that was not carried out is compared.
        sink.sweep_ended(&run(2000.0, RunResult::Invalid));
        sink.sweep_ended(&run(3000.0, RunResult::Failed));
        let stands = samples(&sink);
        for (name, step, metric, value) in [
            (ACTIVE, "1", "ttft_p50", 1.0),
            (ACTIVE, "1", "tpot_p50", 0.0),
            (ACTIVE, "run", "max_goodput", 0.0),
            (CHANGE, "run", "max_output_tokens", 0.25),
            (CHANGE, "1", "e2e_p99", f64::INFINITY),
            ("tokenbeat_regression_p_value", "1", "output_tokens", 0.0625),
            (SINCE, "1", "ttft_p50", 500.0),
        ] {
            let labels = [("sweep", "nightly"), ("step", step), ("metric", metric)];
            assert_eq!(stands.get(name, &labels), value, "{name} {labels:?}");
        }
        let since = stands.values.keys().filter(|(name, _)| name == SINCE);
        assert_eq!(since.count(), 8, "what never changed has no time");
        sink.sweep_ended(&run(4000.0, RunResult::Success));
        assert!(!samples(&sink).has(ACTIVE), "the next run has its own");
    }
}

#[test]
fn no_scrape_sees_half_a_run() {
    // Run `n` has `n` as every number; scrapes that go on meanwhile must find one number each.
    let numbered = |number: u32| {
        let mut run = record(0.0, RunResult::Success);
        let value = Some(f64::from(number));
        run.ended_at = number.into();
        for step in &mut run.steps {
            step.n = number.into();
            step.rates.requests_per_second = value;
            step.latencies.values_mut().for_each(|latency| latency.p50 = value);
        }
        run.findings.max_output_tokens_per_second = value;
        Arc::new(run)
    };
    let ours = |name: &str, q: Option<&String>| {
        [RESULT, LAST_END, LAST_SUCCESS, "tokenbeat_sweep_max_output_tokens_per_second"]
            .contains(&name)
            || ["tokenbeat_sweep_step_samples", "tokenbeat_sweep_step_requests_per_second"]
                .contains(&name)
            || q.is_some_and(|q| q == "0.5")
    };
    let sink = known();
    let done = AtomicBool::new(false);
    sink.sweep_ended(&numbered(1));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 2..500 {
                sink.sweep_ended(&numbered(number));
            }
            done.store(true, Ordering::Release);
        });
        loop {
            let last = done.load(Ordering::Acquire);
            let samples = samples(&sink);
            let values: BTreeSet<u64> = samples
                .values
                .iter()
                .filter(|((name, labels), _)| ours(name, labels.get("q")))
                .map(|(_, value)| value.to_bits())
                .collect();
            assert_eq!(values.len(), 1, "{values:?}");
            let counted = samples.get("tokenbeat_sweep_runs_total", &[("result", "success")]);
            assert_eq!(counted, samples.get(RESULT, &[]), "the count is of the same moment");
            if last {
                break;
            }
        }
    });
    assert_eq!(samples(&sink).get(RESULT, &[]), 499.0);
}

#[test]
fn a_step_costs_at_most_sixty_series_and_the_rest_of_a_sweep_seventy() {
    let sink = known();
    sink.sweep_due(&sweep_key(), 0.0);
    sink.sweep_next_run(&sweep_key(), Some(1.0));
    let mut whole = record(0.0, RunResult::Success);
    whole.findings.regressions = regressions();
    sink.sweep_ended(&Arc::new(whole));
    sink.sweep_started(&started(700));
    let samples = samples(&sink);
    let sweep: Vec<_> =
        samples.values.keys().filter(|(_, labels)| labels.contains_key("sweep")).collect();
    let (steps, rest): (Vec<_>, Vec<_>) = sweep
        .into_iter()
        .partition(|(_, labels)| labels.get("step").is_some_and(|step| step == "1"));
    let rest: Vec<_> = rest
        .into_iter()
        .filter(|(_, labels)| labels.get("step").is_none_or(|step| step == "run"))
        .collect();
    // Half of them only with a baseline.
    assert!(steps.len() <= 60, "{}", steps.len());
    assert!(rest.len() <= 70, "{}", rest.len());
}
