use super::*;
use crate::{
    event::{Compared, RunResult},
    report::sample,
    store::{RunId, Settings},
};

const SECOND: i64 = 1_000_000_000;

fn key() -> RunKey {
    let sample = sample::sweep();
    RunKey { target: sample.target.into(), model: sample.model.into(), sweep: sample.sweep.into() }
}

/// The run of an hour, whose first token takes so many times as long.
fn run(hour: i64, result: RunResult, slower: f64) -> Arc<RunRecord> {
    let mut run = sample::sweep();
    run.id = RunId::new(&key(), (1_790_000_000 + hour * 3600) * SECOND).to_string();
    run.ended_at = (1_790_000_000 + hour * 3600) as f64;
    run.result = result;
    for step in &mut run.steps {
        let ttft = step.latencies.get_mut("ttft").expect("a latency");
        // Engines differ a little from run to run.
        let noise = [1.0, 1.01, 0.99][(hour % 3) as usize];
        ttft.p50 = ttft.p50.map(|ttft| ttft * slower * noise);
    }
    let found = &mut run.findings;
    (found.bracket_low, found.bracket_high, found.bracket_estimate) = (None, None, None);
    Arc::new(run)
}

fn ttft(run: &RunRecord) -> Option<&Regression> {
    let mut all = run.findings.regressions.iter();
    all.find(|one| one.step == Some(1) && one.metric == Compared::TtftP50)
}

/// Tells `watch` and `store` of a run.
fn ended(watch: &Watch, store: &Store, run: &Arc<RunRecord>) -> Arc<RunRecord> {
    let run = watch.judged(run);
    store.save(Arc::clone(&run));
    run
}

#[test]
fn a_daemon_that_starts_again_knows_the_runs_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { path: folder.path().to_owned(), retention: std::time::Duration::MAX };
    let store = Store::open(&settings, || ()).expect("a store");
    let watch = Watch::default();
    watch.restore(&store, &key());
    for hour in 0..10 {
        let told = ended(&watch, &store, &run(hour, RunResult::Success, 1.0));
        assert_eq!(ttft(&told).is_some(), hour >= 5, "hour {hour}");
    }
    ended(&watch, &store, &run(10, RunResult::Invalid, 9.0));
    let first = ended(&watch, &store, &run(11, RunResult::Success, 1.5));
    assert!(!ttft(&first).expect("a series").active);
    store.close();

    // A run ends before the disk has answered: it is not lost, and not counted twice.
    let store = Store::open(&settings, || ()).expect("a store");
    let watch = Watch::default();
    let early = ended(&watch, &store, &run(12, RunResult::Success, 1.5));
    assert_eq!(ttft(&early), None);
    watch.restore(&store, &key());
    let told = ended(&watch, &store, &run(13, RunResult::Success, 1.5));
    let ttft = ttft(&told).expect("a series");
    assert_eq!((ttft.active, ttft.baseline_runs), (true, 10));
    assert_eq!(ttft.last_change_at, Some(run(12, RunResult::Success, 1.0).ended_at));
    store.close();
}

#[test]
fn runs_that_ended_before_the_store_was_read_come_behind_it() {
    let watch = Watch::default();
    for hour in 8..10 {
        watch.judged(&run(hour, RunResult::Success, 1.5));
    }
    let stored = (0..8).filter_map(|hour| Point::of(&run(hour, RunResult::Success, 1.0)));
    watch.take_in(&stored.collect::<Vec<_>>());
    let told = watch.judged(&run(10, RunResult::Success, 1.5));
    let ttft = ttft(&told).expect("a series");
    assert_eq!((ttft.active, ttft.baseline_runs), (true, 8));
    // It is read once.
    watch.take_in(&[]);
    let told = watch.judged(&run(11, RunResult::Success, 1.5));
    assert_eq!(told.findings.regressions.iter().filter(|one| one.active).count(), 3);
}

#[test]
fn a_run_that_is_not_compared_is_left_as_it_is() {
    let watch = Watch::default();
    for result in [RunResult::Invalid, RunResult::Failed, RunResult::Interrupted] {
        let run = run(0, result, 1.0);
        assert!(Arc::ptr_eq(&watch.judged(&run), &run), "{result:?}");
    }
}
