use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
};

use super::*;
use crate::event::{
    Environment, Findings, LoadRecord, SCHEMA_VERSION, StepRecord, Trigger, Validity, Window,
};

const SECOND: i64 = 1_000_000_000;

fn key(model: &str) -> Arc<RunKey> {
    Arc::new(RunKey { target: "t".into(), model: model.into(), sweep: "nightly".into() })
}

fn record(key: &RunKey, at: i64, result: RunResult) -> RunRecord {
    RunRecord {
        schema_version: SCHEMA_VERSION,
        id: RunId::new(key, at * SECOND).to_string(),
        tokenbeat_version: "0".to_owned(),
        trigger: Trigger::Schedule,
        result,
        reason: None,
        due_at: at as f64,
        started_at: at as f64,
        ended_at: at as f64 + 10.0,
        sweep: key.sweep.to_string(),
        scenario: "s".to_owned(),
        target: key.target.to_string(),
        origin: "http://t.test".to_owned(),
        model: key.model.to_string(),
        api: "openai_chat".to_owned(),
        engine: None,
        environment: Environment::default(),
        labels: std::collections::BTreeMap::new(),
        cost_per_hour: None,
        seed: 1,
        sizing: None,
        workloads: std::collections::BTreeMap::new(),
        calibration: None,
        steps: Vec::new(),
        findings: Findings::default(),
    }
}

fn step(at: f64) -> StepRecord {
    StepRecord {
        step: 0,
        workload: "w".to_owned(),
        load: LoadRecord::default(),
        achieved: crate::event::Achieved::default(),
        window: Window { started_at: at, seconds: 5.0, whole_run_seconds: 5.0, warmup: 0 },
        n: 1,
        outcomes: std::collections::BTreeMap::new(),
        latencies: std::collections::BTreeMap::new(),
        rates: crate::event::Rates::default(),
        tokens: crate::event::Tokens::default(),
        retried: crate::event::Retried::default(),
        validity: Validity::default(),
        engine: None,
        gpu: None,
        cause: None,
        standings: Vec::new(),
        stopped: None,
        warnings: Vec::new(),
        compat: std::collections::BTreeMap::new(),
    }
}

struct Place {
    folder: tempfile::TempDir,
    errors: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), errors: Arc::default() }
    }

    fn open_at(&self, path: PathBuf, retention: Duration) -> Store {
        let errors = Arc::clone(&self.errors);
        let count = move || {
            errors.fetch_add(1, Ordering::Relaxed);
        };
        Store::open(&Settings { path, retention }, count).expect("a thread")
    }

    /// As a daemon opens it that starts now.
    fn open(&self) -> Store {
        self.open_at(self.folder.path().join("data"), Duration::MAX)
    }

    fn runs(&self) -> PathBuf {
        self.folder.path().join("data").join("runs")
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.runs()).expect("the folder");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
        let mut files: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
        files.retain(|file| file != "lock");
        files.sort();
        files
    }

    fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }
}

#[test]
fn records_survive_and_the_newest_complete_one_is_found() {
    let place = Place::new();
    let (one, other) = (key("a"), key("b"));
    let store = place.open();
    assert!(!place.runs().exists(), "nothing is created before there is something to keep");
    for (key, at, result) in [
        (&one, 100, RunResult::Success),
        (&one, 200, RunResult::Invalid),
        (&one, 300, RunResult::Interrupted),
        (&other, 400, RunResult::Failed),
    ] {
        store.save(Arc::new(record(key, at, result)));
    }
    store.due(&one, 350 * SECOND);
    store.close();
    let store = place.open();
    let due_at = |record: Option<Arc<RunRecord>>| record.map(|record| record.due_at);
    let Latest { newest, complete, last_due, seen, .. } = store.latest(&one);
    assert_eq!((due_at(newest), due_at(complete)), (Some(300.0), Some(200.0)));
    assert_eq!((last_due, seen), (Some(350 * SECOND), Some(350 * SECOND)));
    let Latest { newest, complete, last_due, .. } = store.latest(&other);
    assert_eq!((due_at(newest), due_at(complete), last_due), (Some(400.0), None, None));
    let list = |sweep: &str, limit| {
        let query = RunQuery { sweep: sweep.to_owned(), target: String::new(), limit };
        dues_of(&store, &query)
    };
    assert_eq!(list("", 10), [400.0, 300.0, 200.0, 100.0]);
    assert_eq!(list("nightly", 2), [400.0, 300.0]);
    assert!(list("other", 2).is_empty() && list("", 0).is_empty());
    assert!(store.get(&RunId::new(&one, 100 * SECOND)).is_some());
    assert!(store.get(&RunId::new(&one, 101 * SECOND)).is_none());
    store.close();
    assert_eq!(place.errors(), 0);
    assert!(place.files().iter().all(|file| file.ends_with(".json")), "{:?}", place.files());
}

#[test]
fn a_run_that_was_cut_off_is_closed_with_the_steps_that_it_had() {
    let place = Place::new();
    let key = key("a");
    let id = RunId::new(&key, 100 * SECOND);
    let store = place.open();
    let begun = record(&key, 100, RunResult::Interrupted);
    store.draft(begun.clone());
    let steps = vec![step(101.0), step(107.0)];
    store.draft(RunRecord { steps, ended_at: 112.0, ..begun });
    store.close();
    assert_eq!(place.files(), [format!("{id}.running")], "it is one and whole");

    let store = place.open();
    let mut closed = store.recover();
    assert_eq!(closed.len(), 1);
    assert!(store.recover().is_empty(), "once");
    let closed = Arc::new(closed.remove(0));
    assert_eq!((closed.result, closed.steps.len()), (RunResult::Interrupted, 2));
    assert!((closed.ended_at - 112.0).abs() < 1e-9, "{}", closed.ended_at);
    assert_eq!(place.files(), [format!("{id}.running")], "until the record is saved");
    store.save(Arc::clone(&closed));
    store.close();
    assert_eq!(place.files(), [format!("{id}.json")]);
    let store = place.open();
    assert!(store.recover().is_empty());
    assert_eq!(store.get(&id), Some(closed));
    store.close();
}

#[test]
fn a_draft_beside_the_record_of_its_run_is_none() {
    let place = Place::new();
    let key = key("a");
    let id = RunId::new(&key, 100 * SECOND);
    let store = place.open();
    let whole = Arc::new(record(&key, 100, RunResult::Success));
    store.save(Arc::clone(&whole));
    store.close();
    // As if the process had died after the record was put there, and before the draft went.
    let begun = record(&key, 100, RunResult::Interrupted);
    let draft = serde_json::to_vec(&begun).expect("written");
    fs::write(place.runs().join(format!("{id}.running")), draft).expect("written");
    let store = place.open();
    assert!(store.recover().is_empty(), "it was not cut off");
    assert_eq!(store.get(&id), Some(whole));
    store.close();
    assert_eq!((place.files(), place.errors()), (vec![format!("{id}.json")], 0));
}

#[test]
fn a_sweep_is_watched_from_the_first_time_on_and_that_is_no_due_time() {
    let place = Place::new();
    let key = key("a");
    for at in [100, 200] {
        let store = place.open();
        store.watched(&key, at, "daily".to_owned());
        store.close();
    }
    let store = place.open();
    let Latest { last_due, seen, .. } = store.latest(&key);
    assert_eq!((last_due, seen), (None, Some(100)));
    store.due(&key, 300);
    store.close();
    let store = place.open();
    store.watched(&key, 400, "daily".to_owned());
    store.close();
    let store = place.open();
    let Latest { last_due, seen, .. } = store.latest(&key);
    assert_eq!((last_due, seen), (Some(300), Some(300)));
    // By another schedule it is watched from now on.
    store.watched(&key, 500, "hourly".to_owned());
    store.close();
    let Latest { last_due, seen, schedule, .. } = store.latest(&key);
    assert_eq!((last_due, seen, schedule.as_deref()), (Some(300), Some(500), Some("hourly")));
    assert_eq!(place.errors(), 0);
}

#[test]
fn torn_and_newer_files_are_left_out_and_counted() {
    let place = Place::new();
    let key = key("a");
    let store = place.open();
    store.save(Arc::new(record(&key, 100, RunResult::Success)));
    store.close();
    let put = |at: i64, text: &str| {
        let name = format!("{}.json", RunId::new(&key, at * SECOND));
        fs::write(place.runs().join(name), text).expect("written");
    };
    put(200, "{\"schema_version\": 1, \"id\": \"20");
    put(300, &format!("{{\"schema_version\": {}, \"what\": []}}", SCHEMA_VERSION + 1));
    fs::write(place.runs().join("notes.txt"), "not ours").expect("written");
    // Neither a pipe, which would be waited for, nor a folder is a record.
    let odd = |at: i64, ending: &str| {
        place.runs().join(format!("{}{ending}", RunId::new(&key, at * SECOND)))
    };
    let mut pipes = std::process::Command::new("mkfifo");
    let made = pipes.args([odd(400, ".json"), odd(400, ".running")]).status();
    assert!(made.expect("mkfifo").success());
    fs::create_dir(odd(500, ".json")).expect("a folder");
    std::os::unix::fs::symlink("/dev/zero", odd(600, ".json")).expect("a link");
    let large = fs::File::create(odd(700, ".json")).expect("a file");
    large.set_len(1 << 40).expect("a sparse file");
    let store = place.open();
    assert!(store.recover().is_empty());
    for _ in 0..3 {
        let latest = store.latest(&key);
        assert_eq!(latest.newest.map(|record| record.due_at), Some(100.0));
    }
    store.close();
    assert_eq!(place.errors(), 7, "each is told once");
}

#[test]
fn a_folder_that_takes_nothing_loses_nothing_in_memory_and_is_tried_again() {
    let place = Place::new();
    let key = key("a");
    // A file stands where the folder should be.
    let path = place.folder.path().join("data");
    fs::write(&path, "in the way").expect("written");
    let store = place.open();
    store.save(Arc::new(record(&key, 100, RunResult::Success)));
    let id = RunId::new(&key, 100 * SECOND);
    assert!(store.get(&id).is_some());
    let query = RunQuery { limit: 5, ..RunQuery::default() };
    assert_eq!(dues_of(&store, &query), [100.0]);
    let mut waits = 0;
    while place.errors() < 2 && waits < 3_000 {
        thread::sleep(Duration::from_millis(10));
        waits += 1;
    }
    assert!(place.errors() >= 2, "the write and the reading of the folder");
    store.save(Arc::new(record(&key, 200, RunResult::Success)));
    fs::remove_file(&path).expect("removed");
    store.close();
    assert_eq!(place.files().len(), 2, "both, now that there is room");
}

#[test]
fn a_record_that_cannot_be_written_holds_up_no_other() {
    let place = Place::new();
    let key = key("a");
    let store = place.open();
    let id = RunId::new(&key, 100 * SECOND);
    fs::create_dir_all(place.runs().join(format!("{id}.json"))).expect("in the way");
    store.save(Arc::new(record(&key, 100, RunResult::Success)));
    store.save(Arc::new(record(&key, 200, RunResult::Success)));
    store.close();
    assert!(place.runs().join(format!("{}.json", RunId::new(&key, 200 * SECOND))).is_file());
    assert!(place.errors() > 0);
}

#[test]
fn two_daemons_do_not_write_into_one_folder() {
    let place = Place::new();
    let key = key("a");
    let (first, second) = (place.open(), place.open());
    first.due(&key, 100);
    let mut waits = 0;
    while !place.runs().join("dues.json").exists() && waits < 3_000 {
        thread::sleep(Duration::from_millis(10));
        waits += 1;
    }
    second.save(Arc::new(record(&key, 100, RunResult::Success)));
    second.close();
    assert_eq!(place.errors(), 2, "it is tried again at the end");
    first.save(Arc::new(record(&key, 200, RunResult::Success)));
    first.close();
    assert_eq!(place.files().iter().filter(|file| file.as_str() != "dues.json").count(), 1);
}

#[test]
fn old_records_are_removed() {
    let place = Place::new();
    let key = key("a");
    let path = place.folder.path().join("data");
    let store = place.open_at(path, Duration::from_secs(3_600));
    let now = crate::clock::Wall::anchor().unix_nanos(crate::clock::Stamp::now()) / SECOND;
    // The first save looks for old ones, and so does the next daemon's.
    let id = |ago: i64| RunId::new(&key, (now - ago) * SECOND);
    // What is not ours stays, whatever its age, and what cannot be removed keeps nothing else.
    fs::create_dir_all(place.runs().join(format!("{}.json", id(9_000)))).expect("a folder");
    fs::write(place.runs().join("20000101T000000000Z.json"), "not ours").expect("written");
    fs::write(place.runs().join(format!("{}.running", id(8_000))), "torn").expect("written");
    // A run that is under way keeps its draft, however long it takes.
    store.draft(record(&key, now - 7_500, RunResult::Interrupted));
    store.save(Arc::new(record(&key, now - 7_200, RunResult::Success)));
    store.save(Arc::new(record(&key, now - 60, RunResult::Success)));
    store.close();
    assert_eq!(
        place.files(),
        [
            "20000101T000000000Z.json".to_owned(),
            format!("{}.json", id(9_000)),
            format!("{}.running", id(7_500)),
            format!("{}.json", id(60)),
        ]
    );
}

fn dues_of(store: &Store, query: &RunQuery) -> Vec<f64> {
    let mut dues = Vec::new();
    store.list(query, |record| dues.push(record.due_at));
    dues
}
