use super::*;
use crate::{
    config,
    daemon::{discovery::Known, fleet::Fleet},
    event::{RunResult, RunSink as _, RunStarted, StepRecord, SweepSkipped, Trigger},
    schedule::Decision,
    sinks::{
        prometheus::{BuildInfo, Prometheus},
        recent::Recent,
        sweeps::{Doing, Sweeps},
    },
};

const CONFIG: &str = "\
targets: [{name: t, url: 'http://127.0.0.1:1', models: [m]}]
workloads: {w: {synthetic: {output_tokens: 4}}}
scenarios: {s: {workload: w, load: {concurrency: [1]}, requests_per_step: 5}}
sweeps: [{name: x, targets: [t], scenario: s}]
";

/// A desk with one sweep of one subject, and where it stores.
fn desk(folder: &tempfile::TempDir) -> Desk {
    let config = config::load_str("a.yml", CONFIG).expect("a configuration");
    let sinks = Listeners::new(
        Arc::new(Prometheus::new(BuildInfo::current())),
        Arc::new(Recent::new()),
        Arc::new(Sweeps::default()),
    );
    let storage = Settings { path: folder.path().to_owned(), retention: Duration::MAX };
    let mut desk = Desk::new(Arc::new(sinks), Arc::default(), storage, Nvml::default());
    let (mut fleet, known) = (Fleet::default(), Known::default());
    fleet.apply(&config, &known).expect("a target");
    desk.apply(fleet.sweeps(&config, &known), &config.global);
    desk
}

/// The samples of sweeps that are not 0.
fn exposed(desk: &Desk) -> Vec<String> {
    let body = desk.sinks.prometheus.render(Some("text/plain"), None).expect("rendered").body;
    let text = String::from_utf8(body).expect("text");
    let of_sweeps = |line: &&str| {
        let value = line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
        line.starts_with("tokenbeat_sweep_") && value != Some(0.0)
    };
    text.lines().filter(of_sweeps).map(str::to_owned).collect()
}

fn step() -> StepRecord {
    serde_json::from_value(serde_json::json!({
        "step": 0, "workload": "w", "load": crate::event::LoadRecord::default(),
        "achieved": crate::event::Achieved::default(), "window": crate::event::Window::default(),
        "n": 5, "outcomes": {"ok": 5}, "latencies": {}, "rates": crate::event::Rates::default(),
        "tokens": crate::event::Tokens::default(), "retried": crate::event::Retried::default(),
        "validity": crate::event::Validity::default(), "standings": [], "stopped": null,
        "warnings": []
    }))
    .expect("a step")
}

#[tokio::test]
async fn a_run_that_panics_ends_as_failed_and_leaves_the_target_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = desk(&folder);
    let key = Arc::clone(desk.subjects.keys().next().expect("a subject"));
    let asked = desk.plan.request(|_| true, now());
    let due = asked.starts[0].clone();
    assert_eq!(due.trigger, Trigger::Manual);
    // All of a run but the run itself, up to the end of its first step.
    let id = RunId::new(&key, due.at);
    let order = desk.order(&desk.subjects[&key], &due, &id, None).expect("an order");
    let running = desk.running(&order);
    let draft = running.ears.draft();
    assert!(!draft.environment.fingerprint.is_empty(), "{:?}", draft.environment);
    let (key_of_run, id_of_run) = (Arc::clone(&key), Arc::clone(&order.id));
    let began = RunStarted { key: key_of_run, id: id_of_run, at_unix_nanos: due.at, steps: 1 };
    running.ears.started(&began);
    running.ears.step(&key, &step());
    running.ears.so_far(&|| RunRecord { steps: vec![step()], ..draft.clone() });
    desk.running.insert(id.clone(), running);
    assert!(exposed(&desk).iter().any(|line| line.starts_with("tokenbeat_sweep_running")));
    assert!(desk.plan.request(|_| true, now()).runs.is_empty(), "the target is taken");

    desk.ended(&id, &key, None);
    let left = exposed(&desk);
    assert!(!left.iter().any(|line| line.starts_with("tokenbeat_sweep_running")), "{left:?}");
    let failed = |line: &String| {
        line.starts_with("tokenbeat_sweep_runs_total") && line.contains("result=\"failed\"")
    };
    assert!(left.iter().any(failed), "{left:?}");
    let shown = desk.sinks.sweeps.snapshot().remove(0);
    assert!(matches!(shown.doing, Doing::Idle));
    assert_eq!(desk.plan.request(|_| true, now()).runs, [key], "the target is free");

    desk.stop(Duration::from_secs(60)).await;
    let store = Store::open(&desk.storage, || ()).expect("a thread");
    let record = store.get(&id).expect("a record");
    assert_eq!((record.result, record.steps.len()), (RunResult::Failed, 1));
    assert!(record.reason.as_deref().is_some_and(|why| why.contains("panicked")), "{record:?}");
    assert_eq!(shown.last.map(|last| last.id.clone()).as_deref(), Some(id.as_str()));
    store.close();
}

#[tokio::test]
async fn a_run_that_was_asked_for_and_is_skipped_leaves_nothing_to_cancel() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = desk(&folder);
    let key = Arc::clone(desk.subjects.keys().next().expect("a subject"));
    let sweep = Arc::clone(&desk.subjects[&key].sweep);
    let due =
        |trigger| Due { key: Arc::clone(&key), sweep: Arc::clone(&sweep), trigger, at: now() };
    let id = RunId::new(&key, now());
    desk.promised.insert(Arc::clone(&key), id.clone());
    // What is due meanwhile is another run.
    desk.carry_out(vec![Decision::Skip(due(Trigger::Schedule), SweepSkipped::Overlap)]);
    assert_eq!(desk.promised.get(&key), Some(&id));
    desk.carry_out(vec![Decision::Skip(due(Trigger::Manual), SweepSkipped::Maintenance)]);
    assert!(desk.cancel(id.as_str()).is_err(), "there is no such run");
    assert!(desk.taken_back.is_empty(), "the next run is not taken back in its place");
    desk.stop(Duration::from_secs(60)).await;
}
