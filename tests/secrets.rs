//! A planted secret leaves by the request and by nothing else, also when the server repeats it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/asker.rs"]
mod asker;
#[path = "support/certificates.rs"]
#[expect(dead_code, reason = "shared with tests/connections.rs, which uses it all")]
mod certificates;
#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[path = "support/echo.rs"]
mod echo;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;
#[expect(dead_code, reason = "shared with tests/faults.rs, which uses it all")]
#[path = "support/pipeline.rs"]
mod pipeline;

use std::{panic, path::Path};

use asker::Asker;
use certificates::put;
use daemon::{Daemon, tokenbeat, until};
use echo::{Echo, WAYS};
use nix::sys::signal::Signal;
use tokenbeat::config::{Secret, SecretSource};

const BEARER: &str = "sk-planted-in-the-file-93b1c7";
const HEADER: &str = "planted-in-the-environment-5f20aa";
const KEY: &str = "cGxhbnRlZC1pbi10aGUta2V5LWZpbGU5";

/// The beginning of each secret; it appears nowhere else, and is asserted on so that a secret cut
/// short is found too.
const PLANTED: [&str; 3] = ["sk-planted-in", "planted-in-the-env", "cGxhbnRlZC1pbi10"];

/// The one check: nothing planted is in what came out of `place`.
fn clean(place: &str, text: &str) {
    for secret in PLANTED {
        let Some(at) = text.find(secret) else { continue };
        let around = text.floor_char_boundary(at.saturating_sub(200));
        panic!("{secret}… is in {place}: {}", &text[around..text.floor_char_boundary(at + 40)]);
    }
}

/// A configuration with all three secrets: two targets, of which one has a broken key.
fn config(folder: &Path, echo: &Echo) -> String {
    put(&folder.join("bearer"), &format!("{BEARER}\n"));
    put(&folder.join("cert.pem"), &certificates::self_signed().certificate);
    let key = format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n");
    put(&folder.join("key.pem"), &key);
    let secrets = format!(
        "authorization: {{credentials_file: {}}}, \
         http_headers: {{x-api-key: {{secrets_env: PLANTED_HEADER}}}}",
        folder.join("bearer").display()
    );
    let tls = format!(
        "tls_config: {{cert_file: {}, key_file: {}}}",
        folder.join("cert.pem").display(),
        folder.join("key.pem").display()
    );
    let telemetry = format!(
        "engine_metrics: {{url: \"{}/metrics\", interval: 1s, \
         authorization: {{credentials_file: {}}}}}",
        echo.url(),
        folder.join("bearer").display()
    );
    format!(
        "targets:\n\
         \x20 - {{name: plain, url: \"{}\", models: [sim-8b], {secrets}, {telemetry}}}\n\
         \x20 - {{name: tls, url: \"https://{}\", models: [sim-8b], {secrets}, {tls}}}\n\
         workloads:\n\
         \x20 w: {{synthetic: {{expect: {{same_model: true, contains: word}}}}}}\n\
         probes:\n\
         \x20 - {{name: p, targets: all, workload: w, interval: 200ms, timeout: 10s}}\n",
        echo.url(),
        echo.address()
    )
}

#[test]
fn no_output_of_the_daemon_has_a_secret() {
    let (folder, echo) = (tempfile::tempdir().expect("a folder"), Echo::start());
    let file = folder.path().join("a.yml");
    put(&file, &config(folder.path(), &echo));
    let mut command = tokenbeat(&["serve", "--log.level", "trace", "--web.enable-lifecycle"]);
    command
        .args(["--web.enable-probe", "--web.show-content"])
        .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
        .arg(&file)
        .env("PLANTED_HEADER", HEADER);
    let mut daemon = Daemon::start(&mut command);
    until("every way of giving away", || (echo.answered() > 2 * WAYS).then_some(()));
    daemon.attempts("tls", 1.0);
    for accept in [
        "text/plain;version=0.0.4",
        "application/openmetrics-text;version=1.0.0",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    ] {
        let answer = daemon.ask("GET", "/metrics", &format!("accept: {accept}\r\n"));
        let answer = answer.expect("an answer");
        assert!(answer.body.contains("tokenbeat_probe_attempts"), "{accept}");
        clean(accept, &answer.body);
    }
    let traces = daemon.get("/api/v1/traces").body;
    assert!(traces.contains("wait") && traces.contains("trace_id"), "{traces}");
    clean("the traces", &traces);
    let why = until("why the engine is not read", || {
        let targets = daemon.get("/api/v1/targets").body;
        targets.contains("\"up\":false").then_some(targets)
    });
    clean("why the engine is not read", &why);
    let paths = ["/", "/api/v1/targets", "/api/v1/probes", "/api/v1/status", "/nowhere"];
    for path in paths {
        let answer = daemon.get(path);
        clean(path, &(answer.head + &answer.body));
    }
    // As many on demand as there are ways, so that the traces are of all kinds.
    for target in ["plain", "tls"] {
        for _ in 0..WAYS {
            let path = format!("/probe?target={target}&debug=true");
            let answer = daemon.get(&path);
            assert_eq!(answer.status, 200, "{}", answer.body);
            clean(&path, &(answer.head + &answer.body));
        }
    }
    put(&file, &format!("targets: [{{authorization: {{credentials: {BEARER}}}}}]\n"));
    let refused = daemon.ask("POST", "/-/reload", "").expect("an answer");
    assert_eq!(refused.status, 500);
    clean("the answer to a reload", &refused.body);
    clean("the status after a reload", &daemon.get("/api/v1/status").body);
    clean("the page after a reload", &daemon.get("/").body);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
    let log = daemon.output();
    assert!(
        log.contains("<secret>"),
        "what the server repeated is struck out, not left out: {log}"
    );
    clean("the log", &log);
}

#[test]
fn no_command_says_a_secret() {
    let (folder, echo) = (tempfile::tempdir().expect("a folder"), Echo::start());
    let file = folder.path().join("a.yml");
    for mistake in [
        format!("targets: [{{name: t, authorization: {{credentials: {BEARER}}}}}]\n"),
        format!("targets: [{{name: t, authorization: {BEARER}}}]\n"),
        format!("targets: [{{name: t, url: \"http://user:{BEARER}@host/\", models: [m]}}]\n"),
        format!("targets: [{{name: t, http_headers: {{x-api-key: {{values: [{BEARER}]}}}}}}]\n"),
        format!("targets: [{{name: t, authorization: {{credentials_env: {BEARER}}}}}]\n"),
    ] {
        put(&file, &mistake);
        for command in [&["check", "config"][..], &["serve", "--config.file"][..]] {
            let output = tokenbeat(command).arg(&file).output().expect("it runs");
            assert_eq!(output.status.code(), Some(1));
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(said.contains("a.yml:1:"), "{said}");
            clean(&mistake.replace(BEARER, "…"), &said);
        }
    }
    put(&file, &config(folder.path(), &echo));
    for target in ["plain", "tls"] {
        for form in [&[][..], &["--json"][..]] {
            for _ in 0..WAYS {
                let mut command = tokenbeat(&["check", "target", target, "--config.file"]);
                let output = command.arg(&file).args(form).env("PLANTED_HEADER", HEADER).output();
                let output = output.expect("it runs");
                let said = [output.stdout, output.stderr].concat();
                clean("check target", &String::from_utf8_lossy(&said));
            }
        }
    }
}

/// What escaping and the making of one line change.
#[test]
fn a_secret_is_struck_out_also_where_it_was_altered() {
    const ALTERED: &str = "sk-planted-in  two\"blanks\\and";
    let (folder, echo) = (tempfile::tempdir().expect("a folder"), Echo::start());
    let text = config(folder.path(), &echo).replace(
        "{secrets_env: PLANTED_HEADER}",
        &format!("{{files: [{}]}}", folder.path().join("header").display()),
    );
    for name in ["bearer", "header"] {
        put(&folder.path().join(name), ALTERED);
    }
    let asker = Asker::new(&text);
    while echo.answered() < WAYS {
        let exchange = asker.ask();
        clean("an exchange", &format!("{exchange:?}"));
        for shown in [exchange.detail, exchange.text, exchange.timeline.model] {
            let left = shown.unwrap_or_default();
            assert!(!left.contains("blanks"), "a part is left: {left}");
        }
    }
    clean("the log of every library", &asker.log());
}

#[test]
fn no_value_prints_a_secret() {
    let (folder, echo) = (tempfile::tempdir().expect("a folder"), Echo::start());
    let text = config(folder.path(), &echo).replace(
        "{secrets_env: PLANTED_HEADER}",
        &format!("{{files: [{}]}}", folder.path().join("header").display()),
    );
    put(&folder.path().join("header"), HEADER);
    clean("a configuration", &format!("{:#?}", pipeline::load(&text)));
    let asker = Asker::new(&text);
    clean("a link", &format!("{:?}", asker.link()));
    // An exchange may be answered twice, where a field is refused.
    while echo.answered() < WAYS {
        let exchange = asker.ask();
        clean("an exchange", &format!("{exchange:?}"));
    }
    clean("the log of every library", &asker.log());

    let secret = Secret::from(BEARER.to_owned());
    clean("a secret", &format!("{secret} {secret:?} {:#?}", Some(&secret)));
    let source = SecretSource::File(folder.path().join("bearer"));
    clean("a source", &format!("{source} {source:?} {:?}", source.read()));
    let panicked = panic::catch_unwind(move || panic!("a bug about {secret:?}"));
    let message = panicked.expect_err("a panic");
    clean("a panic", message.downcast_ref::<String>().expect("words"));
}
