//! The files of `deploy/`: they are accepted by those who read them, hold together, and run.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/externals.rs"]
mod externals;
#[expect(dead_code, reason = "shared with tests/prometheus.rs, which serves with it too")]
#[path = "support/loopback.rs"]
mod loopback;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use externals::external;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use regex::Regex;
use serde_json::Value;

const COMPOSE: &str = "deploy/compose/compose.yaml";

#[test]
fn the_configurations_are_accepted_by_those_who_read_them() {
    let test = "the_configurations_are_accepted_by_those_who_read_them";
    accepted(
        Command::new(env!("CARGO_BIN_EXE_tokenbeat")).args(["check", "config"]),
        "tokenbeat.yml",
    );
    let (Some(promtool), Some(amtool)) = (external(test, "promtool"), external(test, "amtool"))
    else {
        return;
    };
    // As the container sees it: the rules beside it, and looked into.
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(root("deploy/compose/prometheus.yml"), folder.path().join("prometheus.yml"))
        .expect("copied");
    std::os::unix::fs::symlink(root("alerts"), folder.path().join("alerts")).expect("linked");
    let output = Command::new(promtool)
        .args(["check", "config"])
        .arg(folder.path().join("prometheus.yml"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("rules found"), "{said}");
    accepted(Command::new(amtool).arg("check-config"), "alertmanager.yml");
}

fn accepted(checker: &mut Command, file: &str) {
    let output = checker.arg(root("deploy/compose").join(file)).output().expect("it runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{file}: {said}");
}

#[test]
fn what_keeps_alerts_quiet_names_alerts_that_there_are() {
    let rules = yaml("alerts/tokenbeat.rules.yml");
    let groups = rules["groups"].as_array().expect("groups");
    let there: BTreeSet<&str> = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().expect("rules"))
        .filter_map(|rule| rule["alert"].as_str())
        .collect();
    let matchers =
        Regex::new(r#"alertname=~?"Tokenbeat(?:\(([^)]*)\)|(\w+))""#).expect("a pattern");
    let config = yaml("deploy/compose/alertmanager.yml");
    let mut named = 0;
    for rule in config["inhibit_rules"].as_array().expect("rules") {
        let sides = [&rule["source_matchers"], &rule["target_matchers"]];
        for matcher in sides.into_iter().flat_map(|side| side.as_array().expect("matchers")) {
            let matcher = matcher.as_str().expect("text");
            for found in matchers.captures_iter(matcher) {
                let names = found.get(1).or(found.get(2)).expect("one of them").as_str();
                for name in names.split('|') {
                    named += 1;
                    let name = format!("Tokenbeat{name}");
                    assert!(there.contains(name.as_str()), "{name} is no alert: {there:?}");
                }
            }
        }
    }
    assert!(named > 10, "the matchers were not understood");
}

#[test]
fn the_composition_holds_together() {
    let compose = yaml(COMPOSE);
    let services = compose["services"].as_object().expect("services");
    let volumes = compose["volumes"].as_object().expect("volumes");
    for (name, service) in services {
        let get = |key: &str| service.get(key).or_else(|| service["<<"].get(key));
        // Built here, or a version that does not change under us.
        let image = get("image").and_then(Value::as_str).expect("an image");
        let (_, tag) = image.rsplit_once(':').expect("a tag");
        let pinned = tag.chars().any(|c| c.is_ascii_digit()) && tag.matches('.').count() == 2;
        assert!(pinned || get("build").is_some(), "{name}: {image}");
        assert_eq!(get("read_only"), Some(&true.into()), "{name} writes to its image");
        let test = service["healthcheck"]["test"].as_array().expect("a health check");
        assert_eq!(test[0], "CMD", "{name}: a shell may not be there");
        for port in service["ports"].as_array().expect("ports") {
            assert!(port.as_str().expect("text").starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let volume = volume.as_str().expect("text");
            let source = volume.split(':').next().expect("a source");
            if source.starts_with('.') {
                let path = root("deploy/compose").join(source);
                assert!(path.exists(), "{name}: {source} is not there");
                assert!(volume.ends_with(":ro"), "{name} may write to {source}");
            } else {
                assert!(volumes.contains_key(source), "{name}: no volume {source}");
            }
        }
        for needed in service["depends_on"].as_object().into_iter().flat_map(|map| map.keys()) {
            assert!(services.contains_key(needed), "{name} waits for {needed}");
        }
        for setting in service["environment"].as_object().into_iter().flat_map(|map| map.keys()) {
            let secret =
                ["PASSWORD", "TOKEN", "SECRET", "KEY"].iter().any(|word| setting.contains(word));
            assert!(!secret, "{name}: {setting}");
        }
    }
    // Every name that a file in there calls is a service, at a port that it listens on.
    for (file, host) in [
        ("tokenbeat.yml", "sim-steady:8000"),
        ("tokenbeat.yml", "sim-moody:8000"),
        ("prometheus.yml", "tokenbeat:9877"),
        ("prometheus.yml", "alertmanager:9093"),
        ("grafana/provisioning/datasources/prometheus.yml", "prometheus:9090"),
    ] {
        let text = fs::read_to_string(root("deploy/compose").join(file)).expect("a file");
        assert!(text.contains(host), "{file} does not name {host}");
        let (service, port) = host.split_once(':').expect("a port");
        let published = services[service]["ports"][0].as_str().expect("a port");
        assert!(published.ends_with(&format!(":{port}")), "{service}: {published}");
    }
    for path in ["dashboards/tokenbeat.yml", "datasources/prometheus.yml"] {
        assert_eq!(yaml(&format!("deploy/compose/grafana/provisioning/{path}"))["apiVersion"], 1);
    }
}

#[test]
fn what_the_image_is_built_from_is_there() {
    let docker = fs::read_to_string(root("deploy/compose/Dockerfile")).expect("a file");
    let ignore =
        fs::read_to_string(root("deploy/compose/Dockerfile.dockerignore")).expect("a file");
    let mut copied = 0;
    for line in docker.lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from"))
    {
        let words: Vec<&str> =
            line.split(' ').skip(1).filter(|word| !word.starts_with("--")).collect();
        for source in &words[..words.len() - 1] {
            copied += 1;
            assert!(root(source).exists(), "{source} is not there");
            let kept = ignore.lines().filter_map(|line| line.strip_prefix('!'));
            let mut kept = kept.map(|pattern| pattern.trim_end_matches('*'));
            assert!(kept.any(|start| source.starts_with(start)), "{source} does not travel");
        }
    }
    assert!(copied > 5, "the Dockerfile was not understood");
    let minimum = fs::read_to_string(root("Cargo.toml")).expect("a file");
    let (_, minimum) = minimum.split_once("rust-version = \"").expect("a version");
    let (minimum, _) = minimum.split_once('"').expect("its end");
    assert!(
        docker.contains(&format!("rust:{minimum}-")),
        "the image has another Rust than {minimum}"
    );
}

/// How often, and how many times, the script and what it started are asked.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: u32 = 600;

#[test]
fn the_script_starts_all_of_it_and_leaves_nothing_behind() {
    let test = "the_script_starts_all_of_it_and_leaves_nothing_behind";
    let (Some(prometheus), Some(_)) =
        (external(test, "prometheus"), external(test, "alertmanager"))
    else {
        return;
    };
    let addresses = free_addresses();
    let temporary = tempfile::tempdir().expect("a folder");
    // Where the tests run in the background SIGINT is ignored, and a shell cannot undo that.
    let mut command = Command::new("env");
    command
        .arg("--default-signal=INT")
        .arg(root("deploy/run-local.sh"))
        .env("TOKENBEAT_BINARY", env!("CARGO_BIN_EXE_tokenbeat"))
        .env("MONITORING_BIN", prometheus.parent().expect("a folder"))
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let names = ["STEADY", "MOODY", "DAEMON", "PROMETHEUS", "ALERTMANAGER"];
    for (name, address) in names.iter().zip(&addresses) {
        command.env(format!("{name}_ADDRESS"), address.to_string());
    }
    let mut script = command.spawn().expect("it starts");
    let mut lines = BufReader::new(script.stdout.take().expect("piped")).lines();
    let mut started = Vec::new();
    // Ends with the script if it fails, and then there are too few.
    for line in lines.by_ref().map_while(Result::ok) {
        if let Some((_, id)) = line.rsplit_once(" pid ") {
            started.push(Pid::from_raw(id.parse().expect("a process id")));
        }
        if line.contains("Ctrl-C") {
            break;
        }
    }
    assert_eq!(started.len(), names.len(), "{:?}", script.try_wait());
    let wanted = "/api/v1/query?query=count(tokenbeat_probe_success==1)";
    let two = |body: &str| {
        let answer: Value = serde_json::from_str(body).expect("JSON");
        answer["data"]["result"][0]["value"][1] == "2"
    };
    eventually("two good targets, by way of Prometheus", || {
        loopback::get(addresses[3], wanted).is_ok_and(|body| two(&body))
    });
    let rules = loopback::get(addresses[3], "/api/v1/rules?type=alert").expect("an answer");
    assert!(rules.contains("TokenbeatTargetDown"), "{rules}");
    let found = loopback::get(addresses[3], "/api/v1/alertmanagers").expect("an answer");
    assert!(found.contains(&addresses[4].to_string()), "{found}");
    let id = i32::try_from(script.id()).expect("a process id");
    kill(Pid::from_raw(id), Signal::SIGINT).expect("it runs");
    eventually("its end", || script.try_wait().expect("asked").is_some());
    assert_eq!(script.wait().expect("ended").code(), Some(0));
    for id in started {
        assert_eq!(kill(id, None), Err(Errno::ESRCH), "{id} still runs");
    }
    let left: Vec<_> = fs::read_dir(temporary.path()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..TRIES {
        if is_so() {
            return;
        }
        thread::sleep(PAUSE);
    }
    panic!("{what}: not in time");
}

/// Five addresses that are free now. Held at once, so that no two are the same.
fn free_addresses() -> Vec<SocketAddr> {
    let bind = |_| TcpListener::bind("127.0.0.1:0").expect("a port");
    let held: Vec<TcpListener> = (0..5).map(bind).collect();
    held.iter().map(|one| one.local_addr().expect("bound")).collect()
}

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
