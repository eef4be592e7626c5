//! What outlives a daemon: records, drafts, due times.

use std::{
    fs,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;

use crate::{
    daemon::{Daemon, tokenbeat, until},
    site::{Site, at_least, json, run_now, sweep, value},
};

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
fn what_is_due_by_a_new_schedule_was_not_missed_before() {
    let site = Site::new();
    // Once a year, and seen by a daemon that knew another schedule, or none.
    let yearly = "- {name: s, cron: '0 0 1 1 *', targets: [t], scenario: short, missed: once}\n";
    for schedule in ["0 12 * * * UTC", ""] {
        site.configure(yearly);
        fs::create_dir_all(site.runs()).expect("a folder");
        let known = format!("\"due\": 1000000000000000000, \"schedule\": \"{schedule}\"");
        let dues = format!("{{\"[\\\"s\\\",\\\"t\\\",\\\"sim-8b\\\"]\": {{{known}}}}}");
        let file = site.runs().join("dues.json");
        fs::write(&file, dues).expect("written");
        let mut daemon = site.serve(&[]);
        until("the schedule in the store", || {
            fs::read_to_string(&file).ok().filter(|text| text.contains("0 0 1 1 * UTC"))
        });
        daemon.attempts("t", 5.0);
        daemon.signal(Signal::SIGTERM);
        daemon.ended();
        assert!(!daemon.output().contains("a run begins"), "{}", daemon.output());
    }
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
fn a_limit_on_files_stops_no_daemon() {
    let site = Site::new();
    site.configure("- {name: s, targets: [t], scenario: short}\n");
    let (file, data) = (site.file(), site.folder.path().join("data"));
    let serve = tokenbeat(&["serve", "--web.listen-address", "127.0.0.1:0"]);
    let mut limited = Command::new("sh");
    // By default the system ends whoever writes more than that.
    limited.args(["-c", "ulimit -f 0 && exec \"$@\"", "sh"]).arg(serve.get_program());
    limited.args(serve.get_args()).args(["--web.enable-lifecycle", "--config.file"]).arg(file);
    let mut daemon = Daemon::start(limited.arg("--storage.path").arg(data).stdin(Stdio::null()));
    run_now(&daemon);
    until("its end", || sweep(&daemon)["last_run"]["id"].as_str().map(str::to_owned));
    assert!(value(&daemon, "tokenbeat_store_errors_total", &[]) >= Some(1.0));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.output());
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
        let draft: serde_json::Value = serde_json::from_str(&draft).ok()?;
        (draft["steps"].as_array().map(Vec::len) == Some(1)).then_some(())
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
    // A step that a busy machine has marked says nothing.
    let marks = record["steps"][0]["validity"]["marks"].as_array().expect("a list");
    let verdict = if marks.is_empty() { "pass" } else { "not_enough_data" };
    assert_eq!(record["findings"]["verdicts"]["fast"], verdict, "{}", record["findings"]);
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
