//! When no beat is sent: budgets and maintenance, through the real driver into the real counters.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/pipeline.rs"]
mod pipeline;

use std::{thread, time::Duration};

use pipeline::{PATIENCE, Pipeline, Tap};
use tokenbeat::{
    sim::{Dist, Sim, SimSpec, SpawnedSim},
    timeline::Outcome,
};

const POLL: Duration = Duration::from_millis(20);

fn engine() -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
    Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine")
}

fn config(url: &str, target: &str, probe: &str) -> String {
    format!(
        "targets: [{{name: t, url: \"{url}\", models: [sim-8b]{target}}}]\n\
         workloads: {{w: {{synthetic: {{output_tokens: 4}}}}}}\n\
         probes: [{{name: p, targets: all, workload: w, interval: 100ms, timeout: 10s{probe}}}]\n"
    )
}

/// Waits until some beats were skipped for `reason`.
fn skipped(tap: &Tap, reason: &str) {
    let count = || tap.scrape().get("tokenbeat_probe_skipped_total", &[("reason", reason)]);
    let polls = PATIENCE.as_millis() / POLL.as_millis();
    let enough = (0..polls).any(|_| {
        thread::sleep(POLL);
        count() >= 3.0
    });
    assert!(enough, "{} beats skipped for {reason}", count());
}

#[test]
fn a_spent_budget_skips_and_counts() {
    for budget in ["requests_per_hour: 2", "output_tokens_per_hour: 8"] {
        let (sim, tap) = (engine(), Tap::new());
        let target = format!(", budget: {{{budget}}}");
        let pipeline = Pipeline::start(&tap, &config(sim.base_url(), &target, ""));
        skipped(&tap, "budget");
        pipeline.drain(PATIENCE);
        assert_eq!(sim.handle().requests(), 2, "{budget}");
        assert_eq!((tap.count(Outcome::Ok), tap.beats().len()), (2, 2), "{budget}");
    }
}

#[test]
fn a_retry_is_paid_for_and_ends_with_the_budget() {
    let (sim, tap) = (engine(), Tap::new());
    sim.handle().set_faults(["http_503"; 20]).expect("a known fault");
    let target = ", budget: {requests_per_hour: 3}, retry: {attempts: 10, delay: 10ms}";
    let pipeline = Pipeline::start(&tap, &config(sim.base_url(), target, ""));
    skipped(&tap, "budget");
    tap.wait("every beat's end", |beats| {
        let sent = |beat: &tokenbeat::event::Beat| 1 + beat.exchange.timeline.retries.configured;
        beats.iter().map(sent).sum::<u32>() == 3
    });
    pipeline.drain(PATIENCE);
    assert_eq!(sim.handle().requests(), 3);
    assert_eq!(tap.count(Outcome::Http5xx), tap.beats().len(), "each ends with its failure");
}

#[test]
fn a_beat_due_while_the_daemon_stops_is_counted_as_skipped() {
    let spec = SimSpec { ttft: Dist::constant_ms(1500.0), ..SimSpec::default() };
    let (sim, tap) = (Sim::spawn(spec).expect("an engine"), Tap::new());
    let pipeline = Pipeline::start(&tap, &config(sim.base_url(), "", ""));
    tap.wait_for(Outcome::Ok, 1);
    pipeline.drain(PATIENCE);
    let stopped = tap.scrape().get("tokenbeat_probe_skipped_total", &[("reason", "shutdown")]);
    // The last beat is in flight for fifteen intervals yet.
    assert!(stopped >= 5.0, "{stopped}");
    assert_eq!(tap.count(Outcome::Ok), tap.beats().len());
}

#[test]
fn maintenance_sends_nothing() {
    let (sim, tap) = (engine(), Tap::new());
    // Two windows that meet twice a day: always.
    let probe = ", maintenance: [\"00:00-12:00\", \"12:00-00:00\"]";
    let pipeline = Pipeline::start(&tap, &config(sim.base_url(), "", probe));
    skipped(&tap, "maintenance");
    pipeline.drain(PATIENCE);
    assert_eq!((sim.handle().requests(), tap.beats().len()), (0, 0));
    let samples = tap.scrape();
    assert_eq!(samples.get("tokenbeat_probe_attempts_total", &[]), 0.0);
    assert!(!samples.has("tokenbeat_probe_success"), "nothing is known yet");
}
