//! Sweeps of a running daemon: on their schedule, on demand, through a restart.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    thread,
};

use daemon::{Answer, Daemon, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

const JSON: &str = "content-type: application/json\r\n";

/// An engine, a configuration and a folder for what is stored.
struct Site {
    sim: SpawnedSim,
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
        let sim = Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine");
        Self { sim, folder: tempfile::tempdir().expect("a folder") }
    }

    /// One target that is probed often, two scenarios, and the given sweeps.
    fn configure(&self, sweeps: &str) {
        let text = format!(
            "global: {{timeout: 20s}}\n\
             targets: [{{name: t, url: \"{}\", models: [sim-8b]}}]\n\
             workloads: {{w: {{synthetic: {{input_tokens: 16, output_tokens: 4}}}}}}\n\
             slos: {{fast: {{thresholds: {{ttft: 1s}}, objective: 50%}}}}\n\
             probes: [{{name: p, targets: all, workload: w, interval: 100ms, timeout: 5s, slo: fast}}]\n\
             scenarios:\n\
             \x20 short: {{workload: w, load: {{concurrency: [1, 2]}}, requests_per_step: 10}}\n\
             \x20 long: {{workload: w, load: {{concurrency: [1, 1, 1]}}, duration: 5m}}\n\
             sweeps:\n{sweeps}",
            self.sim.base_url()
        );
        fs::write(self.file(), text).expect("written");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("a.yml")
    }

    fn runs(&self) -> PathBuf {
        self.folder.path().join("data").join("runs")
    }

    fn serve(&self, more: &[&str]) -> Daemon {
        let data = self.folder.path().join("data");
        let fixed = ["--storage.path", data.to_str().expect("UTF-8")];
        Daemon::serve(&self.file(), &[&fixed, more].concat())
    }

    /// Files of the store that end so.
    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.runs()) else { return Vec::new() };
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let is = |path: &PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.ends_with(ending) && name != "dues.json"
        };
        paths.filter(is).collect()
    }
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
}

/// A series of the sweep; absent if there is none.
fn value(daemon: &Daemon, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = daemon.scrape();
    let has = |of: &std::collections::BTreeMap<String, String>| {
        labels.iter().all(|(name, value)| of.get(*name).is_some_and(|one| one == value))
    };
    let mut found = samples.values.iter().filter(|((found, of), _)| found == name && has(of));
    found.next().map(|(_, value)| *value)
}

fn at_least(daemon: &Daemon, name: &str, labels: &[(&str, &str)], least: f64) -> f64 {
    until(name, || value(daemon, name, labels).filter(|found| *found >= least))
}

/// The first sweep that the API lists.
fn sweep(daemon: &Daemon) -> Value {
    json(&daemon.get("/api/v1/sweeps"))[0].clone()
}

fn ask(daemon: &Daemon, path: &str, headers: &str) -> Answer {
    daemon.ask("POST", path, headers).expect("an answer")
}

/// Starts the sweep `s` and returns the id of its run, once it is under way.
fn run_now(daemon: &Daemon) -> String {
    let answer = ask(daemon, "/api/v1/sweeps/s/run", JSON);
    assert_eq!(answer.status, 202, "{}", answer.body);
    let id = json(&answer)["runs"][0]["id"].as_str().expect("an id").to_owned();
    // A short run may be over before anybody looks.
    until("the run", || {
        let sweep = sweep(daemon);
        [&sweep["running"]["id"], &sweep["last_run"]["id"]]
            .contains(&&Value::from(&*id))
            .then_some(())
    });
    id
}

#[test]
fn a_sweep_runs_when_it_is_due_and_everything_of_it_is_told() {
    let site = Site::new();
    site.configure(
        "- {name: s, cron: '*/3 * * * * *', targets: [t], scenario: short, slo: fast}\n",
    );
    let mut daemon = site.serve(&[]);
    let of = [("sweep", "s"), ("target", "t"), ("model", "sim-8b")];
    let runs: f64 = until("two runs", || {
        let samples = daemon.scrape();
        let runs = |result| {
            let labels = [("sweep", "s"), ("result", result)];
            samples.get("tokenbeat_sweep_runs_total", &labels)
        };
        let ended = runs("success") + runs("invalid");
        // Whatever of a run is told is told in one scrape.
        if ended > 0.0 {
            for step in ["0", "1"] {
                let labels = [("sweep", "s"), ("step", step)];
                assert_eq!(samples.get("tokenbeat_sweep_step_samples", &labels), 10.0);
            }
            let last = samples.get("tokenbeat_sweep_last_end_timestamp_seconds", &of);
            let due = samples.get("tokenbeat_sweep_last_due_timestamp_seconds", &of);
            assert!(last > 0.0 && due.rem_euclid(3.0) == 0.0, "{due}");
        }
        (ended >= 2.0).then_some(ended)
    });
    assert!(runs >= 2.0);
    let next = value(&daemon, "tokenbeat_sweep_next_run_timestamp_seconds", &of).expect("a time");
    assert_eq!(next.rem_euclid(3.0), 0.0);
    let shown = sweep(&daemon);
    assert_eq!(shown["cron"], "*/3 * * * * *");
    assert_eq!(shown["last_run"]["trigger"], "schedule");
    let page = daemon.get("/").body;
    assert!(page.contains("id=\"sweeps\"") && page.contains("2 users"), "{page}");
    assert!(page.contains("href=\"api/v1/runs/") && page.contains(".html\""), "{page}");

    let listed = json(&daemon.get("/api/v1/runs?sweep=s&limit=1"));
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let id = listed[0]["id"].as_str().expect("an id");
    for path in [format!("/api/v1/runs/{id}"), format!("/api/v1/runs/{id}.json")] {
        let record = json(&daemon.get(&path));
        assert_eq!((&record["id"], &record["schema_version"]), (&listed[0]["id"], &1.into()));
        assert_eq!(record["steps"].as_array().map(Vec::len), Some(2));
    }
    // As a page that brings its own style and runs nothing, and as a table.
    let page = daemon.get(&format!("/api/v1/runs/{id}.html"));
    assert!(page.body.contains("<svg") && page.body.contains("2 users"), "{}", page.body);
    let head = page.head.to_lowercase();
    let policy = "content-security-policy: default-src 'none'; style-src 'unsafe-inline'";
    assert!(head.contains(policy) && head.contains("text/html"), "{head}");
    let table = daemon.get(&format!("/api/v1/runs/{id}.csv"));
    assert!(table.head.contains("text/csv") && table.head.contains(&format!("{id}.csv")));
    assert_eq!(table.body.lines().count(), 3, "{}", table.body);
    for odd in ["../../a", "..%2f..%2fa.json", "x.html", ".csv", "%00", "a.yml"] {
        assert_eq!(daemon.get(&format!("/api/v1/runs/{odd}")).status, 404, "{odd}");
    }
    assert_eq!(daemon.get("/api/v1/runs?modle=x").status, 400);
    assert!(json(&daemon.get("/api/v1/runs?sweep=no")).as_array().is_some_and(Vec::is_empty));

    // Beats beside the sweep were told apart.
    let beside = [("slo", "fast"), ("reason", "own_sweep")];
    at_least(&daemon, "tokenbeat_slo_excluded_requests_total", &beside, 1.0);

    // A sweep that is gone takes its series with it.
    site.configure("- {name: other, targets: [t], scenario: short}\n");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("configuration reloaded");
    let metrics = daemon.get("/metrics").body;
    assert!(!metrics.contains("sweep=\"s\"") && metrics.contains("sweep=\"other\""));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.output());
}

#[test]
fn what_comes_due_during_a_run_is_skipped_and_a_cancelled_run_is_drained() {
    let site = Site::new();
    site.configure("- {name: s, cron: '* * * * * *', targets: [t], scenario: long}\n");
    let daemon = site.serve(&["--web.enable-lifecycle"]);
    let overlap = [("sweep", "s"), ("reason", "overlap")];
    at_least(&daemon, "tokenbeat_sweep_skipped_total", &overlap, 2.0);
    let busy = ask(&daemon, "/api/v1/sweeps/s/run", JSON);
    assert_eq!(busy.status, 409, "{}", busy.body);
    let refused = &json(&busy)["refused"][0];
    assert!(refused["reason"].as_str().is_some_and(|why| why.starts_with("busy")), "{refused}");

    let id = sweep(&daemon)["running"]["id"].as_str().expect("a run").to_owned();
    let cancel = format!("/api/v1/runs/{id}/cancel");
    assert_eq!(ask(&daemon, &cancel, JSON).status, 202);
    let cancelled = [("sweep", "s"), ("result", "cancelled")];
    at_least(&daemon, "tokenbeat_sweep_runs_total", &cancelled, 1.0);
    let record = json(&daemon.get(&format!("/api/v1/runs/{id}")));
    assert_eq!(record["result"], "cancelled");
    let steps = record["steps"].as_array().expect("steps");
    assert!(steps.iter().all(|step| step["outcomes"]["aborted"].as_u64().unwrap_or(0) == 0));
    assert_eq!(ask(&daemon, &cancel, JSON).status, 409, "it has ended");
    assert_eq!(ask(&daemon, "/api/v1/runs/no/cancel", JSON).status, 404);
}

#[test]
fn only_whoever_may_can_start_a_sweep() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: short}\n");
    let closed = site.serve(&[]);
    let run = "/api/v1/sweeps/s/run";
    assert_eq!(ask(&closed, run, JSON).status, 403);
    assert_eq!(ask(&closed, "/api/v1/runs/x/cancel", JSON).status, 403);
    drop(closed);
    let open = site.serve(&["--web.enable-lifecycle"]);
    for (headers, status) in [
        ("", 415),
        ("content-type: text/plain\r\n", 415),
        ("content-type: application/json\r\norigin: http://evil.test\r\n", 403),
        ("content-type: application/json\r\nsec-fetch-site: cross-site\r\n", 403),
        ("content-type: application/json\r\norigin: null\r\n", 403),
    ] {
        assert_eq!(ask(&open, run, headers).status, status, "{headers}");
    }
    assert_eq!(open.get(run).status, 405);
    assert_eq!(ask(&open, "/api/v1/sweeps/no/run", JSON).status, 404);
    assert_eq!(ask(&open, &format!("{run}?target=no"), JSON).status, 404);
    assert_eq!(ask(&open, &format!("{run}?targte=t"), JSON).status, 400, "not all of them");
    let same = "content-type: application/json; charset=utf-8\r\norigin: http://test\r\n";
    let answer = ask(&open, &format!("{run}?target=t&model=sim-8b"), same);
    assert_eq!(answer.status, 202, "{}", answer.body);
    until("its end", || sweep(&open)["last_run"]["trigger"].as_str().map(str::to_owned));
    assert_eq!(sweep(&open)["last_run"]["trigger"], "manual");
}

#[test]
fn a_daemon_that_starts_again_knows_what_was() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: short, slo: fast}\n");
    let mut first = site.serve(&["--web.enable-lifecycle"]);
    run_now(&first);
    let of = [("sweep", "s")];
    let ended = at_least(&first, "tokenbeat_sweep_last_end_timestamp_seconds", &of, 1.0);
    let step = [("sweep", "s"), ("step", "1")];
    let samples = value(&first, "tokenbeat_sweep_step_samples", &step);
    assert_eq!(samples, Some(10.0));
    first.signal(Signal::SIGTERM);
    assert_eq!(first.ended().code(), Some(0), "{}", first.output());
    assert_eq!(site.files(".json").len(), 1);

    let second = site.serve(&[]);
    at_least(&second, "tokenbeat_sweep_last_end_timestamp_seconds", &of, ended);
    assert_eq!(value(&second, "tokenbeat_sweep_step_samples", &step), samples);
    let runs =
        value(&second, "tokenbeat_sweep_runs_total", &[("sweep", "s"), ("result", "success")]);
    assert_eq!(runs, Some(0.0), "what was restored is not counted");
    assert_eq!(sweep(&second)["last_run"]["trigger"], "manual");
}

#[test]
fn a_run_at_the_end_of_the_daemon_is_kept_as_interrupted() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let site = Site::new();
        site.configure("- {name: s, targets: [t], scenario: long}\n");
        let mut daemon = site.serve(&["--web.enable-lifecycle"]);
        let id = run_now(&daemon);
        until("a draft", || (site.files(".running").len() == 1).then_some(()));
        daemon.signal(signal);
        daemon.ended();
        if signal == Signal::SIGTERM {
            assert_eq!((site.files(".json").len(), site.files(".running").len()), (1, 0));
        }
        let next = site.serve(&[]);
        let result = until("the record", || {
            let answer = next.get(&format!("/api/v1/runs/{id}"));
            (answer.status == 200).then(|| json(&answer)["result"].clone())
        });
        assert_eq!(result, "interrupted", "{signal}");
        until("the end of the draft", || site.files(".running").is_empty().then_some(()));
    }
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let site = Site::new();
    // Due once a year: the one of this year was missed, whenever this is read.
    let yearly = "- {name: s, cron: '0 0 1 1 *', targets: [t], scenario: short, missed: once}\n";
    site.configure(yearly);
    fs::create_dir_all(site.runs()).expect("a folder");
    let dues = "{\"[\\\"s\\\",\\\"t\\\",\\\"sim-8b\\\"]\": {\"due\": 1000000000000000000}}";
    fs::write(site.runs().join("dues.json"), dues).expect("written");
    let mut daemon = site.serve(&[]);
    until("the run", || sweep(&daemon)["last_run"]["trigger"].as_str().map(str::to_owned));
    assert_eq!(sweep(&daemon)["last_run"]["trigger"], "missed");
    daemon.signal(Signal::SIGTERM);
    daemon.ended();
    // It is not made up for twice.
    let again = site.serve(&[]);
    until("what was", || sweep(&again)["last_run"]["id"].as_str().map(str::to_owned));
    again.attempts("t", 5.0);
    assert!(!again.output().contains("a run begins"), "{}", again.output());
}

#[test]
fn a_folder_that_takes_nothing_stops_no_sweep() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: short}\n");
    fs::write(site.folder.path().join("data"), "in the way").expect("written");
    let daemon = site.serve(&["--web.enable-lifecycle"]);
    let id = run_now(&daemon);
    until("its end", || sweep(&daemon)["last_run"]["id"].as_str().map(str::to_owned));
    assert!(value(&daemon, "tokenbeat_store_errors_total", &[]) >= Some(1.0));
    assert_eq!(daemon.get(&format!("/api/v1/runs/{id}")).status, 200, "memory has it");
    assert!(daemon.output().contains("the store"), "{}", daemon.output());
    assert_eq!(daemon.get("/-/ready").status, 200);
}

#[test]
fn without_a_sweep_nothing_is_stored() {
    let site = Site::new();
    site.configure(" []\n");
    let mut daemon = site.serve(&[]);
    daemon.attempts("t", 3.0);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(!site.folder.path().join("data").exists());
}

#[test]
fn a_guard_holds_a_sweep_back() {
    let site = Site::new();
    site.configure(
        "- {name: s, targets: [t], scenario: short, guard: {probe_failure_ratio: 50%}}\n",
    );
    site.sim.handle().set_faults(["http_503"; 400]).expect("a known fault");
    let daemon = site.serve(&["--web.enable-lifecycle"]);
    daemon.attempts("t", 5.0);
    let held = ask(&daemon, "/api/v1/sweeps/s/run", JSON);
    assert_eq!(held.status, 409, "{}", held.body);
    let refused = &json(&held)["refused"][0];
    assert!(refused["reason"].as_str().is_some_and(|why| why.starts_with("guard")), "{refused}");
}

/// An engine's metrics page that always tells of so many waiting requests.
fn queue_of(waiting: u32) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    // The thread ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = format!("vllm:num_requests_waiting{{model_name=\"m\"}} {waiting}.0\n");
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close");
            let _ = write!(stream, "{head}\r\n\r\n{body}");
        }
    });
    format!("http://{address}/metrics")
}

#[test]
fn a_full_queue_holds_a_sweep_back_and_an_unknown_one_does_not() {
    for (url, status) in [
        (queue_of(3), 409),
        (queue_of(2), 202),
        // Nobody listens there.
        ("http://127.0.0.1:1/metrics".to_owned(), 202),
    ] {
        let site = Site::new();
        let guard = "guard: {engine_requests_waiting: 2}";
        site.configure(&format!("- {{name: s, targets: [t], scenario: short, {guard}}}\n"));
        let text = fs::read_to_string(site.file()).expect("written");
        let metrics = format!("models: [sim-8b], engine_metrics: {{url: \"{url}\"}}}}");
        fs::write(site.file(), text.replace("models: [sim-8b]}", &metrics)).expect("written");
        let daemon = site.serve(&["--web.enable-lifecycle"]);
        let answer = ask(&daemon, "/api/v1/sweeps/s/run", JSON);
        assert_eq!(answer.status, status, "{url}: {}", answer.body);
        let warning = "the queue of the engine is not known";
        if url.contains(":1/") {
            daemon.wait_for(warning);
        } else {
            assert!(!daemon.output().contains(warning), "{}", daemon.output());
        }
    }
}

#[test]
fn a_run_that_was_killed_is_closed_with_its_steps_and_its_target_is_free() {
    let site = Site::new();
    let sweeps = "- {name: s, targets: [t], scenario: short, slo: fast}\n";
    site.configure(sweeps);
    // Its first step ends, then it settles for long.
    let text = fs::read_to_string(site.file()).expect("written");
    let long = text.replace("requests_per_step: 10}", "requests_per_step: 10, settle: 5m}");
    fs::write(site.file(), long).expect("written");
    let mut daemon = site.serve(&["--web.enable-lifecycle"]);
    let id = run_now(&daemon);
    until("a step in the draft", || {
        let draft = fs::read_to_string(site.files(".running").first()?).ok()?;
        (draft.lines().count() == 2).then_some(())
    });
    daemon.signal(Signal::SIGKILL);
    daemon.ended();

    site.configure(sweeps);
    let next = site.serve(&["--web.enable-lifecycle"]);
    let of = [("sweep", "s")];
    let ended = at_least(&next, "tokenbeat_sweep_last_end_timestamp_seconds", &of, 1.0);
    let record = json(&next.get(&format!("/api/v1/runs/{id}")));
    assert_eq!(
        (&record["result"], record["ended_at"].as_f64()),
        (&"interrupted".into(), Some(ended))
    );
    assert_eq!(record["steps"].as_array().map(Vec::len), Some(1));
    assert_eq!(record["findings"]["peak_throughput_step"], 0, "{}", record["findings"]);
    assert!(record["environment"]["fingerprint"].as_str().is_some_and(|print| !print.is_empty()));
    assert_eq!(value(&next, "tokenbeat_sweep_running", &of), Some(0.0));
    assert_eq!(value(&next, "tokenbeat_sweep_step_samples", &of), None, "it was not carried out");
    run_now(&next);
    let success = [("sweep", "s"), ("result", "success")];
    let invalid = [("sweep", "s"), ("result", "invalid")];
    until("a whole run", || {
        let runs = [success, invalid].map(|of| value(&next, "tokenbeat_sweep_runs_total", &of));
        (runs.into_iter().flatten().sum::<f64>() >= 1.0).then_some(())
    });
}

#[test]
fn a_sweep_that_was_skipped_was_due_also_after_a_restart() {
    let site = Site::new();
    // A window that is always open.
    let window = "maintenance: ['00:00-24:00']";
    site.configure(&format!(
        "- {{name: s, cron: '* * * * * *', targets: [t], scenario: short, {window}}}\n"
    ));
    let mut daemon = site.serve(&[]);
    let skipped = [("sweep", "s"), ("reason", "maintenance")];
    at_least(&daemon, "tokenbeat_sweep_skipped_total", &skipped, 1.0);
    let of = [("sweep", "s")];
    let name = "tokenbeat_sweep_last_due_timestamp_seconds";
    let due = at_least(&daemon, name, &of, 1.0);
    daemon.signal(Signal::SIGTERM);
    daemon.ended();
    // On demand from now on, so that nothing else is due.
    site.configure("- {name: s, targets: [t], scenario: short}\n");
    let next = site.serve(&[]);
    at_least(&next, name, &of, due);
    assert_eq!(value(&next, "tokenbeat_sweep_last_end_timestamp_seconds", &of), None);
}

#[test]
fn a_target_that_is_only_swept_has_its_labels_too() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: short}\n");
    let text = fs::read_to_string(site.file()).expect("written");
    let lines = text.lines().filter(|line| !line.starts_with("probes:"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let swept = text.replace("models: [sim-8b]", "models: [sim-8b], labels: {accelerator: H100}");
    fs::write(site.file(), &swept).expect("written");
    let daemon = site.serve(&[]);
    let of = [("target", "t"), ("model", "sim-8b"), ("accelerator", "H100")];
    at_least(&daemon, "tokenbeat_target_info", &of, 1.0);
    // And no longer once it is neither probed nor swept.
    fs::write(site.file(), swept.split("sweeps:").next().expect("a part")).expect("written");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("configuration reloaded");
    assert_eq!(value(&daemon, "tokenbeat_target_info", &of), None);
}

#[test]
fn a_budget_that_is_spent_ends_a_run_and_is_named() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: short}\n");
    let text = fs::read_to_string(site.file()).expect("written");
    let lines = text.lines().filter(|line| !line.starts_with("probes:"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let budget = "models: [sim-8b], budget: {requests_per_hour: 15}";
    fs::write(site.file(), text.replace("models: [sim-8b]", budget)).expect("written");
    let daemon = site.serve(&["--web.enable-lifecycle"]);
    let id = run_now(&daemon);
    let interrupted = [("sweep", "s"), ("result", "interrupted")];
    at_least(&daemon, "tokenbeat_sweep_runs_total", &interrupted, 1.0);
    let record = json(&daemon.get(&format!("/api/v1/runs/{id}")));
    let reason = record["reason"].as_str().expect("a reason");
    assert!(reason.contains("`budget.requests_per_hour: 15`"), "{reason}");
    let refused = json(&ask(&daemon, "/api/v1/sweeps/s/run", JSON))["refused"][0].clone();
    assert!(refused["reason"].as_str().is_some_and(|why| why.starts_with("budget")), "{refused}");
}

#[test]
fn a_reload_leaves_a_run_alone_until_its_sweep_is_gone() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: long}\n");
    let daemon = site.serve(&["--web.enable-lifecycle"]);
    let id = run_now(&daemon);
    site.configure("- {name: s, targets: [t], scenario: long, guard: {max_duration: 20m}}\n");
    daemon.signal(Signal::SIGHUP);
    let of = [("sweep", "s")];
    until("the new form", || {
        let most = value(&daemon, "tokenbeat_sweep_max_duration_seconds", &of);
        (most == Some(1200.0)).then_some(())
    });
    assert_eq!(sweep(&daemon)["running"]["id"], *id);
    assert_eq!(value(&daemon, "tokenbeat_sweep_running", &of), Some(1.0));
    site.configure("- {name: other, targets: [t], scenario: short}\n");
    daemon.signal(Signal::SIGHUP);
    let record = until("its record", || {
        let answer = daemon.get(&format!("/api/v1/runs/{id}"));
        (answer.status == 200).then(|| json(&answer))
    });
    assert_eq!(record["result"], "cancelled");
    assert!(record["reason"].as_str().is_some_and(|why| why.contains("no longer configured")));
    // The target is free for the one that is left.
    until("its turn", || {
        (ask(&daemon, "/api/v1/sweeps/other/run", JSON).status == 202).then_some(())
    });
}
