//! Reloads of a running daemon: by signal, by request, by interval.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/certificates.rs"]
#[expect(dead_code, reason = "shared with tests/connections.rs, which uses it all")]
mod certificates;
#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::path::PathBuf;

use certificates::put;
use daemon::{Daemon, config, until};
use nix::sys::signal::Signal;
use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

const BAD: &str = "targets: [{nam: x}]\n";

struct Site {
    sim: SpawnedSim,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
        let sim = Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine");
        let folder = tempfile::tempdir().expect("a folder");
        let site = Self { sim, file: folder.path().join("a.yml"), _folder: folder };
        site.configure(&["stays", "goes"]);
        site
    }

    fn configure(&self, targets: &[&str]) {
        let targets: Vec<_> = targets.iter().map(|name| (*name, self.sim.base_url())).collect();
        put(&self.file, &config(&targets, ""));
    }
}

/// Waits until the last reload was, or was not, a success.
fn reloaded(daemon: &Daemon, well: bool) {
    let expected = f64::from(u8::from(well));
    until("the reload", || {
        let samples = daemon.scrape();
        let found = samples.get("tokenbeat_config_last_reload_successful", &[]);
        (found == expected).then_some(())
    });
}

/// Where in its interval the last beat was due.
fn phase(daemon: &Daemon, target: &str) -> f64 {
    let due = daemon.value("tokenbeat_probe_last_attempt_timestamp_seconds", target);
    due.expect("a beat has ended").rem_euclid(0.2)
}

#[test]
fn a_signal_reloads_and_leaves_alone_what_did_not_change() {
    let site = Site::new();
    let daemon = Daemon::serve(&site.file, &["--config.auto-reload-interval", "0"]);
    let (before, was) = (daemon.attempts("stays", 3.0), phase(&daemon, "stays"));
    daemon.attempts("goes", 1.0);

    site.configure(&["stays", "comes"]);
    daemon.signal(Signal::SIGHUP);
    daemon.attempts("comes", 1.0);
    assert!(daemon.value("tokenbeat_probe_attempts_total", "stays") >= Some(before));
    daemon.attempts("stays", before + 2.0);
    let moved = (phase(&daemon, "stays") - was).abs();
    assert!(moved.min(0.2 - moved) < 1e-4, "the phase stays: {moved}");
    let body = daemon.get("/metrics").body;
    assert!(!body.contains("goes"), "series of a removed target: {body}");
    let page = daemon.get("/api/v1/targets").body;
    assert!(page.contains("comes") && !page.contains("goes"), "{page}");

    put(&site.file, BAD);
    daemon.signal(Signal::SIGHUP);
    reloaded(&daemon, false);
    daemon.wait_for("a.yml:1:");
    let attempts = daemon.attempts("stays", 1.0);
    daemon.attempts("stays", attempts + 2.0);
    assert_eq!(daemon.get("/-/ready").status, 200);

    site.configure(&["stays", "comes"]);
    daemon.signal(Signal::SIGHUP);
    reloaded(&daemon, true);
    assert!(daemon.value("tokenbeat_probe_attempts_total", "stays") >= Some(attempts));
}

#[test]
fn a_request_reloads_where_that_is_allowed() {
    let site = Site::new();
    let closed = Daemon::serve(&site.file, &["--config.auto-reload-interval", "0"]);
    let refused = closed.ask("POST", "/-/reload", "").expect("an answer");
    assert_eq!(refused.status, 403);
    let flags = ["--config.auto-reload-interval", "0", "--web.enable-lifecycle"];
    let open = Daemon::serve(&site.file, &flags);
    site.configure(&["stays", "comes"]);
    assert_eq!(open.ask("POST", "/-/reload", "").expect("an answer").status, 200);
    open.attempts("comes", 1.0);
    put(&site.file, BAD);
    let refused = open.ask("PUT", "/-/reload", "").expect("an answer");
    assert_eq!(refused.status, 500);
    assert!(refused.body.contains("a.yml:1:"), "{}", refused.body);
    reloaded(&open, false);
    assert!(open.value("tokenbeat_probe_attempts_total", "comes").is_some());
}

#[test]
fn a_refusal_is_told_to_everyone_who_asks() {
    let site = Site::new();
    let daemon = Daemon::serve(&site.file, &["--config.auto-reload-interval", "0"]);
    put(&site.file, BAD);
    for times in 1..=3 {
        daemon.signal(Signal::SIGHUP);
        until("a refusal in the log", || {
            (daemon.output().matches("reload refused").count() == times).then_some(())
        });
    }
}

#[test]
fn a_change_of_words_gives_no_new_budget() {
    let site = Site::new();
    let configure = |team: &str| {
        let text = config(&[("t", site.sim.base_url())], "");
        let more = format!(
            "models: [sim-8b], budget: {{requests_per_hour: 2}}, labels: {{team: {team}}}}}"
        );
        put(&site.file, &text.replace("models: [sim-8b]}", &more));
    };
    configure("one");
    let daemon = Daemon::serve(&site.file, &["--config.auto-reload-interval", "0"]);
    let skipped = |least: f64| {
        until("skipped beats", || {
            let found = daemon.scrape();
            let skipped = found.get("tokenbeat_probe_skipped_total", &[("reason", "budget")]);
            (skipped >= least).then_some(skipped)
        })
    };
    let before = skipped(1.0);
    configure("two");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("configuration reloaded");
    assert!(daemon.get("/metrics").body.contains("team=\"two\""));
    skipped(before + 3.0);
    assert_eq!(site.sim.handle().requests(), 2);
}

#[test]
fn a_beat_that_could_not_be_made_is_not_told_as_a_failure_of_the_target() {
    let site = Site::new();
    let daemon = Daemon::serve(&site.file, &["--config.auto-reload-interval", "0"]);
    daemon.attempts("stays", 1.0);
    let text = config(&[("stays", site.sim.base_url())], "");
    let key = "models: [sim-8b], authorization: {credentials_file: no-such-file}}";
    put(&site.file, &text.replace("models: [sim-8b]}", key));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("a beat could not be measured");
    assert!(!daemon.output().contains("beats fail"), "{}", daemon.output());
}

#[test]
fn a_changed_file_is_found_and_a_mistake_taken_back_is_forgiven() {
    let site = Site::new();
    let daemon = Daemon::serve(&site.file, &["--config.auto-reload-interval", "1s"]);
    daemon.attempts("goes", 1.0);
    put(&site.file, BAD);
    reloaded(&daemon, false);
    assert!(daemon.value("tokenbeat_probe_attempts_total", "goes").is_some());
    // Back to what is in force: nothing changes but that the file is good again.
    site.configure(&["stays", "goes"]);
    reloaded(&daemon, true);
    site.configure(&["stays", "comes"]);
    daemon.attempts("comes", 1.0);
    assert_eq!(daemon.value("tokenbeat_probe_attempts_total", "goes"), None);
}
