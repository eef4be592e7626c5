//! From a beat to a notification: a simulated engine gets worse and better, and a real Prometheus
//! and a real Alertmanager, with the files that we ship, tell a webhook so.
//!
//! Nothing here is held against a clock. A rule promises to fire when its condition has held for so
//! many of its own evaluations, one a second, and is given a multiple of them.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
#[path = "../support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "../support/exposition.rs"]
mod exposition;
#[path = "../support/externals.rs"]
mod externals;
#[expect(dead_code, reason = "shared with tests/prometheus.rs, which serves with it too")]
#[path = "../support/loopback.rs"]
mod loopback;
mod quiet;
#[path = "../support/real_alertmanager.rs"]
mod real_alertmanager;
#[expect(dead_code, reason = "shared with tests/prometheus.rs, which has jobs of its own")]
#[path = "../support/real_prometheus.rs"]
mod real_prometheus;
mod scaled;
mod site;
#[path = "../support/webhook.rs"]
mod webhook;

use std::{fs, io::Write as _, thread, time::Duration};

use real_alertmanager::RealAlertmanager;
use real_prometheus::RealPrometheus;
use serde_json::Value;
use site::{DEAD, Ingestion, Programs, SLOW};
use webhook::{Notice, Webhook};

/// The rules as they are shipped.
const RULES: &str = "alerts/tokenbeat.rules.yml";
/// The group of the alerts on SLOs, whose evaluations are the clock.
const GROUP: &str = "tokenbeat.slo";
/// How many times what a rule promises it is given: machines that run tests are busy.
const MARGIN: u64 = 4;
/// The longest that anything is waited for, whatever it promises, in polls.
const POLLS: u32 = 1_500;
const POLL: Duration = Duration::from_millis(200);

/// The pair of windows that the tests look at: the fastest.
const FAST: [(&str, &str); 2] = [("severity", "critical"), ("long", "1h")];
/// Its factor, on a budget of 1 %.
const BURN: f64 = 14.4 * 0.01;

#[test]
fn a_slow_target_is_told_of_and_a_dead_one_told_of_once() {
    let test = "a_slow_target_is_told_of_and_a_dead_one_told_of_once";
    let Some(programs) = Programs::of(test) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut rules = scaled::scaled(&site::read(RULES));
    // A machine that runs other tests makes the client late in earnest, and then no latency would be
    // told of. That it is so is seen in `quiet`.
    scaled::leave_out(&mut rules, "TokenbeatProberSaturated");
    let rule_file = folder.path().join("rules.yml");
    fs::write(&rule_file, rules.to_string()).expect("written");
    let (steady, slow, dead) = (site::engine(), site::engine(), site::engine());
    let targets = [("steady", &steady), ("slow", &slow), ("dead", &dead)];
    let daemon = site::daemon(folder.path(), &targets);
    let webhook = Webhook::start();
    let alertmanager = site::alertmanager(&programs, &webhook);
    let mut servers = Ingestion::ALL.map(|ingestion| {
        site::prometheus(&programs, &daemon, &alertmanager, ingestion, &rule_file)
    });
    for (ingestion, server) in Ingestion::ALL.into_iter().zip(&mut servers) {
        // Ten good beats at each target are known, and each server has the form it is to have.
        let good = "count(tokenbeat_slo_good_requests_total >= 10) == 3";
        server.wait_for(good, |result| (!result.is_empty()).then_some(()));
        let native = "count(histogram_count(tokenbeat_probe_ttft_seconds))";
        let classic = "count(tokenbeat_probe_ttft_seconds_bucket)";
        let (has, lacks) = match ingestion {
            Ingestion::Classic => (classic, native),
            Ingestion::Native => (native, classic),
        };
        server.wait_for(has, |result| (!result.is_empty()).then_some(()));
        server.wait_for(lacks, |result| result.is_empty().then_some(()));
    }
    let site = Site { servers, alertmanager, webhook };

    // It gets worse. The long window, were it full of good beats, would need this share of itself to
    // be bad; then the condition must hold; two evaluations more for the scrape and the recording.
    let fast = scaled::alert(&rules, "TokenbeatSLOBurn", &FAST);
    let window = |name: &str| scaled::seconds(&fast["labels"][name]) / scaled::FACTOR as f64;
    let hold = scaled::seconds(&fast["for"]);
    let promise = (BURN * window("long") + hold).ceil() as u64 + 2;
    slow.handle().set_degrade(Some(SLOW)).expect("sound");
    let notices = site.told("TokenbeatSLOBurn", "slow", &FAST, true, promise);
    for notice in &notices {
        assert!(notice.annotations["summary"].contains("slow"), "{notice:?}");
        assert!(notice.annotations["description"].contains('%'), "{notice:?}");
        assert!(notice.annotations["runbook_url"].contains("TokenbeatSLOBurn"), "{notice:?}");
    }

    // The slower windows agree with it, and are kept quiet: one word on one matter.
    let warns = [("severity", "warning"), ("long", "1d")];
    let warning = scaled::alert(&rules, "TokenbeatSLOBurn", &warns);
    let promise = scaled::seconds(&warning["for"]).ceil() as u64 + 2;
    site.suppressed("TokenbeatSLOBurn", "slow", &warns, promise);

    // It gets better: once the short window is mostly good again, and has stayed so for a while.
    slow.handle().set_degrade(None).expect("sound");
    let keep = scaled::seconds(&fast["keep_firing_for"]);
    let promise = ((1.0 - BURN) * window("short") + keep).ceil() as u64 + 2;
    site.told("TokenbeatSLOBurn", "slow", &FAST, false, promise);

    // Another dies. Its SLO burns too, and nobody is told of that.
    let down = scaled::alert(&rules, "TokenbeatTargetDown", &[]);
    // Three intervals and a timeout, then the condition must hold.
    let promise = (3.0 * 0.2 + 2.0 + scaled::seconds(&down["for"])).ceil() as u64 + 2;
    dead.handle().set_degrade(Some(DEAD)).expect("sound");
    site.told("TokenbeatTargetDown", "dead", &[], true, promise);
    let promise = (BURN * window("long") + hold).ceil() as u64 + 2;
    site.suppressed("TokenbeatSLOBurn", "dead", &FAST, promise);
    let page = site.webhook.latest(&[("alertname", "TokenbeatSLOBurn"), ("target", "dead")]);
    assert!(page.is_none(), "{page:?}");
    dead.handle().set_degrade(None).expect("sound");
    let keep = scaled::seconds(&down["keep_firing_for"]);
    site.told("TokenbeatTargetDown", "dead", &[], false, keep.ceil() as u64 + 3);

    // The third was well all the time.
    let said = site.webhook.latest(&[("target", "steady")]);
    assert!(said.is_none(), "{said:?}");
}

#[test]
fn the_file_as_it_is_shipped_tells_of_a_dead_target_in_its_own_time() {
    let test = "the_file_as_it_is_shipped_tells_of_a_dead_target_in_its_own_time";
    let Some(programs) = Programs::of(test) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let rule_file = folder.path().join("rules.yml");
    let text = site::read(RULES);
    fs::write(&rule_file, &text).expect("written");
    let rules: Value = serde_saphyr::from_str(&text).expect("YAML");
    let (steady, dead) = (site::engine(), site::engine());
    let daemon = site::daemon(folder.path(), &[("steady", &steady), ("dead", &dead)]);
    let webhook = Webhook::start();
    let alertmanager = site::alertmanager(&programs, &webhook);
    let servers = Ingestion::ALL
        .map(|form| site::prometheus(&programs, &daemon, &alertmanager, form, &rule_file));
    let mut site = Site { servers, alertmanager, webhook };
    for server in &mut site.servers {
        let good = "count(tokenbeat_probe_success == 1) == 2";
        server.wait_for(good, |result| (!result.is_empty()).then_some(()));
    }
    let down = scaled::alert(&rules, "TokenbeatTargetDown", &[]);
    let promise = (3.0 * 0.2 + 2.0 + scaled::seconds(&down["for"])).ceil() as u64 + 2;
    dead.handle().set_degrade(Some(DEAD)).expect("sound");
    site.told("TokenbeatTargetDown", "dead", &[], true, promise);
    dead.handle().set_degrade(None).expect("sound");
    let keep = scaled::seconds(&down["keep_firing_for"]);
    site.told("TokenbeatTargetDown", "dead", &[], false, keep.ceil() as u64 + 3);
    let said = site.webhook.latest(&[("target", "steady")]);
    assert!(said.is_none(), "{said:?}");
}

/// The servers of a test, one a form of histograms.
struct Site {
    servers: [RealPrometheus; 2],
    alertmanager: RealAlertmanager,
    webhook: Webhook,
}

impl Site {
    /// Waits until, from each server, the latest word on `alert` at `target` is that it fires or is
    /// resolved. Returns those words.
    fn told(
        &self,
        alert: &str,
        target: &str,
        labels: &[(&str, &str)],
        fires: bool,
        promise: u64,
    ) -> Vec<Notice> {
        let word = if fires { "fires" } else { "is resolved" };
        let ask = |form: Ingestion| {
            let own = [("alertname", alert), ("target", target), ("ingestion", form.name())];
            let notice = self.webhook.latest(&[&own, labels].concat());
            notice.filter(|notice| notice.fires == fires)
        };
        self.within(promise, &format!("{alert} of {target} {word}"), ask)
    }

    /// Waits until Alertmanager holds `alert` of `target` from each server, and keeps it quiet.
    fn suppressed(&self, alert: &str, target: &str, labels: &[(&str, &str)], promise: u64) {
        let ask = |form: Ingestion| {
            let own = [("alertname", alert), ("target", target), ("ingestion", form.name())];
            let all = [&own, labels].concat();
            let is_it =
                |one: &&Value| all.iter().all(|(name, value)| one["labels"][name] == *value);
            let held = self.alertmanager.alerts();
            let status = &held.iter().find(is_it)?["status"];
            (status["state"] == "suppressed").then_some(())?;
            status["inhibitedBy"].as_array().filter(|by| !by.is_empty()).map(|_| ())
        };
        self.within(promise, &format!("{alert} of {target} {labels:?} is kept quiet"), ask);
    }

    /// Asks until there is an answer for each form, for as many evaluations as are promised, with
    /// the margin.
    fn within<T>(
        &self,
        promise: u64,
        what: &str,
        mut ask: impl FnMut(Ingestion) -> Option<T>,
    ) -> Vec<T> {
        let started = self.servers.each_ref().map(|server| server.evaluations(GROUP));
        let mut answers = Vec::new();
        for (index, form) in Ingestion::ALL.into_iter().enumerate() {
            let passed = || self.servers[index].evaluations(GROUP) - started[index];
            let mut polls = 0;
            let answer = loop {
                if let Some(answer) = ask(form) {
                    break answer;
                }
                polls += 1;
                let (log, notices) = (self.alertmanager.log(), self.webhook.notices());
                assert!(
                    polls < POLLS && passed() <= promise * MARGIN,
                    "{what} ({form:?}): not within {promise} evaluations × {MARGIN}\n{notices:#?}\n{log}"
                );
                thread::sleep(POLL);
            };
            let line =
                format!("{what} ({}): {} evaluations, promised {promise}\n", form.name(), passed());
            // Past the harness's capture: what it takes is worth knowing.
            std::io::stderr().write_all(line.as_bytes()).expect("stderr takes it");
            answers.push(answer);
        }
        answers
    }
}
