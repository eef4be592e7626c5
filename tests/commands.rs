//! The command line as a process: exit codes, environment, pipes that close.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{collections::BTreeMap, fs, process::Output};

use daemon::{Daemon, config, tokenbeat};

fn run(arguments: &[&str]) -> Output {
    tokenbeat(arguments).output().expect("the binary runs")
}

#[test]
fn the_version_is_told() {
    let output = run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    let version = concat!("tokenbeat ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), version);
}

#[test]
fn usage_errors_end_with_1() {
    for (arguments, words) in [
        (&[][..], "Usage:"),
        (&["sreve"][..], "serve"),
        (&["serve", "--config.fiel", "x"][..], "--config.file"),
        (&["serve", "--log.level", "loud"][..], "loud"),
        (&["serve", "--web.listen-address", "9877"][..], "ADDRESS:PORT"),
        (&["serve", "--config.auto-reload-interval", "soon"][..], "soon"),
        (&["check", "config"][..], "FILE"),
    ] {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    for command in ["metrics", "schema"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut child = tokenbeat(&[command]);
        let output = child.stdout(writer).output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_ref()), (Some(0), ""), "{command}");
    }
}

#[test]
fn a_checked_configuration_is_told_by_the_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    let path = file.to_str().expect("UTF-8");
    fs::write(&file, config(&[("t", "http://127.0.0.1:1")], "")).expect("written");
    assert_eq!(run(&["check", "config", path]).status.code(), Some(0));
    fs::write(&file, "probes: 3\n").expect("written");
    let output = run(&["check", "config", path]);
    assert_eq!(output.status.code(), Some(1));
    let said = [output.stdout, output.stderr].concat();
    assert!(String::from_utf8_lossy(&said).contains("a.yml:1:9: "));
}

#[test]
fn flags_come_before_the_environment_and_strangers_are_ignored() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    fs::write(&file, config(&[("t", "http://127.0.0.1:1")], "")).expect("written");
    let mut command = tokenbeat(&["serve", "--log.format", "logfmt"]);
    command
        .env("TOKENBEAT_CONFIG_FILE", &file)
        .env("TOKENBEAT_WEB_LISTEN_ADDRESS", "127.0.0.1:0")
        .env("TOKENBEAT_WEB_ENABLE_LIFECYCLE", "true")
        .env("TOKENBEAT_CONFIG_AUTO_RELOAD_INTERVAL", "0")
        // The flag wins; with JSON the address could not be read from the log as it is.
        .env("TOKENBEAT_LOG_FORMAT", "json")
        // What Kubernetes sets for a Service of our name.
        .env("TOKENBEAT_PORT", "tcp://10.0.0.1:9877")
        .env("TOKENBEAT_SERVICE_HOST", "10.0.0.1")
        .env("TOKENBEAT_PORT_9877_TCP_PROTO", "tcp");
    let daemon = Daemon::start(&mut command);
    assert_eq!(daemon.ask("POST", "/-/reload", "").expect("an answer").status, 200);
    assert!(daemon.output().contains("level=info message=listening"), "{}", daemon.output());
}

#[test]
fn a_variable_says_yes_or_no_in_the_usual_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    fs::write(&file, config(&[("t", "http://127.0.0.1:1")], "")).expect("written");
    let serve = |word: &str| {
        let mut command = tokenbeat(&["serve", "--web.listen-address", "127.0.0.1:0"]);
        command.env("TOKENBEAT_CONFIG_FILE", &file).env("TOKENBEAT_WEB_ENABLE_PROBE", word);
        command
    };
    for (word, status) in [("1", 404), ("yes", 404), ("true", 404), ("0", 403), ("", 403)] {
        let daemon = Daemon::start(&mut serve(word));
        let answer = daemon.ask("GET", "/probe?target=nobody", "").expect("an answer");
        assert_eq!(answer.status, status, "{word:?}: {}", answer.body);
    }
    let output = serve("perhaps").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("expected true or false"));
}

#[test]
fn an_occupied_port_has_its_cause_told_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    fs::write(&file, config(&[("t", "http://127.0.0.1:1")], "")).expect("written");
    let path = file.to_str().expect("UTF-8");
    let output = run(&["serve", "--config.file", path, "--web.listen-address", &address]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("os error").count(), 1, "{said}");
    assert!(said.contains(&format!("cannot listen on {address}: ")), "{said}");
}

#[test]
fn a_json_line_is_one_object_without_a_key_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yml");
    fs::write(&file, config(&[("t", "http://127.0.0.1:1")], "")).expect("written");
    let daemon = Daemon::serve(&file, &["--log.format", "json"]);
    daemon.wait_for("beats fail");
    for line in daemon.output().lines() {
        let object: Strict = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        for key in ["timestamp", "level", "message"] {
            assert!(object.0.contains_key(key), "{line}");
        }
        if line.contains("beats fail") {
            assert_eq!(object.0["target"], "t", "{line}");
            assert_eq!(object.0["outcome"], "connect", "{line}");
        }
    }
}

/// A JSON object that has no key twice.
struct Strict(BTreeMap<String, serde_json::Value>);

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> serde::de::Visitor<'de> for Keys {
            type Value = Strict;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<Strict, A::Error> {
                let mut object = BTreeMap::new();
                while let Some((key, value)) = entries.next_entry::<String, serde_json::Value>()? {
                    if object.insert(key.clone(), value).is_some() {
                        return Err(serde::de::Error::custom(format!("`{key}` twice")));
                    }
                }
                Ok(Strict(object))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}
