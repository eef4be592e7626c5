//! Sweeps of a running daemon: on their schedule, on demand, held back, through a restart.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod beside;
#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "../support/exposition.rs"]
mod exposition;
mod held;
mod restarts;
mod site;

use std::fs;

use daemon::until;
use nix::sys::signal::Signal;
use site::{JSON, Site, ask, at_least, json, run_now, sweep, value};

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
