//! `check target` against scripted servers: engines are recognised by what they really answer, and
//! every way in which a target can be wrong has its line and its exit code.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

#[path = "support/scripted.rs"]
mod scripted;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use regex::Regex;
use scripted::{Answer, Reply, Script, Server};
use serde_json::Value;
use tokenbeat::{
    check::Colour,
    cli::{Exit, check_target::CheckTarget},
    config::{
        Authorization, Config, EngineMetrics, Global, Models, Nvml, SecretSource, Seen, Target,
        TlsFiles,
    },
    protocol::Api,
};

const CHAT: &str = "/v1/chat/completions";

/// The files of an engine, and the path that each answers.
const FILES: [(&str, &str); 9] = [
    ("models", "/v1/models"),
    ("health", "/health"),
    ("liveliness", "/health/liveliness"),
    ("readiness", "/health/readiness"),
    ("version", "/version"),
    ("props", "/props"),
    ("api_version", "/api/version"),
    ("server_info", "/get_server_info"),
    ("info", "/info"),
];

/// What the checks of one run came to.
struct Checked {
    exit: Result<Exit, String>,
    output: String,
}

impl Checked {
    fn json(&self) -> Value {
        serde_json::from_str(&self.output).expect("JSON")
    }

    /// Status and detail of a check.
    fn says(&self, name: &str) -> (String, String) {
        let json = self.json();
        let checks = json["checks"].as_array().expect("checks");
        let check = checks.iter().find(|check| check["name"] == name).expect("every check is told");
        let text = |key: &str| check[key].as_str().expect("text").to_owned();
        (text("status"), text("detail"))
    }
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    check: CheckTarget,
}

async fn check(arguments: &[&str]) -> Checked {
    check_with(arguments, || anyhow::bail!("no configuration in this test")).await
}

async fn check_with(arguments: &[&str], load: impl FnOnce() -> anyhow::Result<Config>) -> Checked {
    let cli = Cli::try_parse_from([&["check"], arguments].concat()).expect("arguments");
    let mut output = Vec::new();
    let exit = cli.check.run(|_| load(), Colour::No, &mut output).await;
    let exit = exit.map_err(|error| format!("{error:#}"));
    Checked { exit, output: String::from_utf8(output).expect("text") }
}

fn tests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A server that answers as `engine` did, and streams what `stream` streamed.
fn engine(engine: &str, stream: &str) -> Script {
    let folder = tests().join("check").join(engine);
    let read = |name: &str| Reply::Whole(Answer::read(&folder.join(name)));
    let files = FILES.iter().chain(&[("metrics", "/metrics")]);
    let there = files.filter(|(name, _)| folder.join(name).with_extension("body").exists());
    let mut paths: HashMap<_, _> =
        there.map(|(name, path)| ((*path).to_owned(), read(name))).collect();
    let stream = tests().join("wire").join(stream).join("chat_stream_usage");
    paths.insert(CHAT.to_owned(), Reply::Whole(Answer::read(&stream)));
    Script { paths, otherwise: read("err_404_path") }
}

fn vllm() -> Script {
    engine("vllm", "vllm")
}

/// vLLM, but for one path.
fn vllm_but(path: &str, reply: Reply) -> Script {
    let mut script = vllm();
    script.paths.insert(path.to_owned(), reply);
    script
}

#[tokio::test]
async fn engines_are_recognised_by_what_they_answer() {
    for (folder, stream, name, version, health) in [
        ("vllm", "vllm", "vLLM", Some("0.32.0"), "passed"),
        ("vllm-metrics", "vllm", "vLLM", None, "passed"),
        ("llamacpp", "llamacpp", "llama.cpp", Some("b11434-0000000"), "passed"),
        ("litellm", "litellm", "LiteLLM", Some("1.106.2"), "passed"),
        ("llama-cpp-python", "llama-cpp-python", "llama-cpp-python", None, "skipped"),
        ("transformers-serve", "transformers-serve", "transformers serve", None, "passed"),
        ("sglang", "vllm", "SGLang", Some("0.5.9"), "passed"),
        ("ollama", "vllm", "Ollama", Some("0.12.6"), "skipped"),
        ("tgi", "vllm", "TGI", Some("3.0.1"), "passed"),
        ("lm-studio", "vllm", "LM Studio", None, "skipped"),
        ("openai", "vllm", "OpenAI", Some("2020-10-01"), "skipped"),
    ] {
        let server = Server::play(engine(folder, stream)).await;
        let checked = check(&[&server.url(), "--json"]).await;
        let found = &checked.json()["engine"];
        assert_eq!(found["name"], name, "{folder}: {}", checked.output);
        assert_eq!(found["version"].as_str(), version, "{folder}");
        assert_eq!(checked.says("health").0, health, "{folder}: {:?}", checked.says("health"));
        let asked = server.asked();
        assert!(asked.len() <= 10, "{folder}: a handful of requests, not {}", asked.len());
    }
}

/// llama.cpp with the metrics that it once told, which are not everything that an engine can tell.
fn llamacpp_with_metrics() -> Script {
    let mut script = engine("llamacpp", "llamacpp");
    let text = tests().join("wire").join("llamacpp").join("metrics_after_load.txt");
    let text = std::fs::read_to_string(text).expect("the fixture");
    let reply = Reply::Whole(Answer::new("200 OK", "text/plain", &text));
    script.paths.insert("/metrics".to_owned(), reply);
    script
}

#[tokio::test]
async fn what_the_engines_metrics_tell_of_and_what_not_is_said() {
    let server = Server::play(llamacpp_with_metrics()).await;
    let checked = check(&[&server.url(), "--json"]).await;
    let (status, detail) = checked.says("engine_metrics");
    assert_eq!((&*status, &*detail), ("passed", "llama.cpp at /metrics, 7 of 11 families"));
    let found = &checked.json()["engine_metrics"];
    let missing = ["kv_usage", "preemptions", "ttft", "queue"];
    assert_eq!(found["missing"], Value::from(missing.to_vec()), "{found}");
    assert_eq!(found["families"].as_array().map(Vec::len), Some(7));
    let lines = check(&[&server.url()]).await.output;
    for name in missing {
        assert!(lines.contains(&format!("not told        {name}: ")), "{lines}");
    }
}

#[tokio::test]
async fn without_metrics_of_the_engine_the_remedy_is_told_and_nothing_fails() {
    let server = Server::play(engine("llamacpp", "llamacpp")).await;
    let checked = check(&[&server.url(), "--json"]).await;
    assert_eq!(checked.exit, Ok(Exit::Done), "{}", checked.output);
    let (status, detail) = checked.says("engine_metrics");
    assert!(
        status == "skipped" && detail.contains("start llama-server with --metrics"),
        "{detail}"
    );
    assert_eq!(checked.json()["engine_metrics"], Value::Null);
}

#[tokio::test]
async fn configured_metrics_are_read_with_their_own_key() {
    let (server, engine) =
        (Server::play(vllm()).await, Server::play(llamacpp_with_metrics()).await);
    let folder = tempfile::tempdir().expect("a folder");
    let [key, own] = ["key", "own"].map(|name| folder.path().join(name));
    std::fs::write(&key, "sk-planted\n").expect("written");
    std::fs::write(&own, "sk-metrics\n").expect("written");
    let load = |authorization: Option<PathBuf>, path: &str| {
        let mut config = config(&server.url(), TlsFiles::default(), &key);
        let mut target = Target::clone(&config.targets[0]);
        let bearer = |file| Authorization {
            scheme: "Bearer".to_owned(),
            credentials: SecretSource::File(file),
        };
        target.engine_metrics = Some(EngineMetrics {
            urls: vec![format!("{}{path}", engine.url()).parse().expect("a URL")],
            interval: Duration::from_secs(15),
            authorization: authorization.map(bearer),
        });
        config.targets = vec![Arc::new(target)];
        move || Ok(config)
    };
    let arguments = ["llama-prod", "--config.file", "t.yml", "--json"];
    for (authorization, sent) in [(None, None), (Some(own.clone()), Some("Bearer sk-metrics"))] {
        let checked = check_with(&arguments, load(authorization, "/metrics")).await;
        assert_eq!(checked.says("engine_metrics").0, "passed", "{}", checked.output);
        let asked = engine.asked();
        let last = asked.last().expect("it was asked");
        assert_eq!(last.contains("sk-"), sent.is_some(), "{last}");
        assert!(sent.is_none_or(|sent| last.contains(sent)), "{last}");
    }
    let wrong = check_with(&arguments, load(None, "/nowhere")).await;
    assert_eq!(wrong.says("engine_metrics").0, "warned", "somebody wants them");
}

#[tokio::test]
async fn engines_tell_what_they_have_loaded_without_being_asked_for_more() {
    for (folder, model, most) in [
        ("vllm", Some("/models/llama-rnd/tinymode"), Some(2_048)),
        ("llamacpp", Some("tiny.gguf"), Some(2_048)),
        ("sglang", Some("qwen/qwen2.5-0.5b-instruct"), Some(32_768)),
        ("tgi", Some("org/model"), Some(2_048)),
        ("litellm", None, None),
        ("ollama", None, None),
    ] {
        let server = Server::play(engine(folder, "vllm")).await;
        let checked = check(&[&server.url(), "--json"]).await;
        let found = &checked.json()["engine"];
        assert_eq!(found["model"].as_str(), model, "{folder}: {}", checked.output);
        assert_eq!(found["max_model_tokens"].as_u64(), most, "{folder}");
    }
    // What no model can have is not told.
    let models = r#"{"data":[{"id":"tiny","owned_by":"vllm","root":7,"max_model_len":-1}]}"#;
    let models = Reply::Whole(Answer::new("200 OK", "application/json", models));
    let server = Server::play(vllm_but("/v1/models", models)).await;
    let found = check(&[&server.url(), "--json"]).await.json()["engine"].clone();
    assert_eq!(found["max_model_tokens"], Value::Null, "{found}");
}

#[tokio::test]
async fn a_server_like_no_other_is_not_given_a_name() {
    let models = r#"{"data":[{"id":"tiny","owned_by":"us"}]}"#;
    let models = Reply::Whole(Answer::new("200 OK", "application/json", models));
    let mut script = vllm_but("/v1/models", models);
    script.paths.remove("/version");
    let server = Server::play(script).await;
    let checked = check(&[&server.url(), "--json"]).await;
    assert_eq!(checked.says("engine"), ("skipped".to_owned(), "not recognised".to_owned()));
    assert_eq!(checked.exit, Ok(Exit::Done), "an unknown engine is no failure");
}

/// Times and the port are different in every run.
fn normalised(output: &str, server: &Server) -> String {
    let text = output.replace(&server.address.to_string(), "127.0.0.1:[port]");
    let times = Regex::new(r"\d+(\.\d+)? (µs|ms|s)\b").expect("valid");
    let text = times.replace_all(&text, "[time]");
    let millis = Regex::new(r#"("ms"|_ms"|"(connect|decode|dns|first_token|send|wait)"): [\d.]+"#);
    millis.expect("valid").replace_all(&text, "$1: \"[ms]\"").into_owned()
}

/// Whether this process was late is the machine's matter, not the form's.
fn unspoiled(text: &str) -> String {
    let late = Regex::new(r"(?m)^. stamps .*$").expect("valid");
    let text = late.replace_all(text, "[stamps]").into_owned();
    let summary = Regex::new(r"\d+ passed, \d+ warned").expect("valid");
    summary.replace_all(&text, "[n] passed, [n] warned").into_owned()
}

#[tokio::test]
async fn the_form_for_people() {
    let server = Server::play(vllm()).await;
    let checked = check(&[&server.url()]).await;
    insta::assert_snapshot!(unspoiled(&normalised(&checked.output, &server)));
    assert_eq!(checked.exit, Ok(Exit::Done));
}

#[tokio::test]
async fn the_form_for_programs() {
    let server = Server::play(vllm()).await;
    let checked = check(&[&server.url(), "--json"]).await;
    let mut json = checked.json();
    let stamps = json["checks"].as_array_mut().expect("checks").pop().expect("the last one");
    assert_eq!(stamps["name"], "stamps");
    json["numbers"]["stamps"] = "[kernel or read]".into();
    let text = serde_json::to_string_pretty(&json).expect("JSON");
    insta::assert_snapshot!(normalised(&text, &server));
}

#[tokio::test]
async fn what_is_wrong_has_its_line_and_its_exit_code() {
    let page = Answer::new("200 OK", "text/html", "<!doctype html><title>Welcome</title>");
    let json = |status, body| Reply::Whole(Answer::new(status, "application/json", body));
    let page = || Reply::Whole(page.clone());
    let broken = || Reply::Whole(Answer { head: "garbage\r\n".to_owned(), body: Vec::new() });
    for (path, reply, arguments, name, status, piece) in [
        ("/v1/models", json("200 OK", r#"{"data":[]}"#), &[][..], "models", "failed", "empty"),
        ("/v1/models", json("200 OK", r#"{"data":[{"#), &[], "models", "failed", "no list"),
        ("/v1/models", page(), &[], "models", "failed", "page for people"),
        ("/v1/models", json("401 Unauthorized", "{}"), &[], "models", "failed", "--api-key-env"),
        ("/v1/models", json("500 Oh", "no"), &[], "model", "failed", "--model"),
        ("/v1/models", json("500 Oh", "no"), &["--model", "tiny"], "models", "skipped", "500"),
        ("/none", page(), &["--model", "tinny"], "model", "failed", "nearest: tiny"),
        ("/none", page(), &["--model", "tinny"], "answered_model", "warned", "\"tiny\""),
        ("/health", json("503 No", r#"{"detail":"loading"}"#), &[], "health", "failed", "loading"),
        ("/health", page(), &[], "health", "skipped", "/v1/models answers"),
        ("/health", broken(), &[], "health", "failed", "no whole answer"),
        ("/health/liveliness", broken(), &[], "reachable", "passed", "answered HTTP"),
        ("/health/liveliness", json("200 OK", "{}"), &[], "health", "passed", "/health is well"),
        (CHAT, broken(), &[], "completion", "failed", "http_malformed"),
        (CHAT, page(), &[], "completion", "failed", "stream_malformed"),
        (CHAT, json("401 No", r#"{"error":"no key"}"#), &[], "completion", "failed", "http_401"),
        (CHAT, json("200 OK", r#"{"error":"broken"}"#), &[], "completion", "failed", "broken"),
        ("/none", page(), &["--max-tokens", "3"], "length", "failed", "16 of at most 3"),
        ("/none", page(), &["--max-tokens", "3"], "usage", "failed", "at most 3"),
        ("/none", page(), &["--max-tokens", "99"], "length", "warned", "16 of at most 99"),
    ] {
        let server = Server::play(vllm_but(path, reply)).await;
        let url = server.url();
        let checked = check(&[&[url.as_str(), "--json"], arguments].concat()).await;
        let (found, detail) = checked.says(name);
        assert_eq!(found, status, "{path} {arguments:?} {name}: {detail}");
        assert!(detail.contains(piece), "{path} {arguments:?} {name}: {detail}");
        let passed = checked.json()["passed"] == true;
        let exit = if passed { Exit::Done } else { Exit::NotMeasured };
        assert_eq!(checked.exit, Ok(exit), "{path} {arguments:?}");
        assert!(!(passed && status == "failed"), "{path} {arguments:?}: a failed check fails");
    }
}

#[tokio::test]
async fn nothing_else_is_tried_where_nothing_answers() {
    // Nobody listens on a port that only root may bind.
    let checked = check(&["http://127.0.0.1:1", "--json"]).await;
    assert_eq!(checked.says("reachable").0, "failed", "{}", checked.output);
    assert_eq!(checked.says("completion"), ("skipped".to_owned(), "not tried".to_owned()));
    assert_eq!(checked.exit, Ok(Exit::NotMeasured));

    let mute = Server::play(Script { paths: HashMap::new(), otherwise: Reply::Silence }).await;
    let checked = check(&[&mute.url(), "--json", "--timeout", "200ms"]).await;
    assert!(checked.says("reachable").1.contains("no answer within 200 ms"), "{}", checked.output);
    assert!(mute.asked().len() <= 1, "{:?}", mute.asked());
}

#[tokio::test]
async fn a_stream_that_never_comes_is_not_waited_for() {
    let server = Server::play(vllm_but(CHAT, Reply::Silence)).await;
    let checked = check(&[&server.url(), "--json", "--timeout", "2s"]).await;
    let (status, detail) = checked.says("completion");
    assert!(status == "failed" && detail.contains("timeout_first_token"), "{detail}");
    assert_eq!(checked.exit, Ok(Exit::NotMeasured));
}

#[tokio::test]
async fn a_redirect_takes_no_credentials_away() {
    let elsewhere = Server::play(vllm()).await;
    let mut answer = Answer::new("307 Go", "text/plain", "");
    answer.head.push_str(&format!("location: {}/v1/models\r\n", elsewhere.url()));
    let server = Server::play(vllm_but("/v1/models", Reply::Whole(answer))).await;
    let checked = check(&[&server.url(), "--json"]).await;
    assert_eq!(checked.says("models").0, "failed", "{}", checked.output);
    assert!(elsewhere.asked().is_empty(), "redirects are not followed");
}

#[tokio::test]
async fn a_key_that_the_server_quotes_is_nowhere_in_the_output() {
    // The variable is one that every process has; its value stands for the key.
    let (variable, key) = ("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"));
    let quoting = Script { paths: HashMap::new(), otherwise: Reply::QuotesKey };
    let server = Server::play(quoting).await;
    let url = server.url();
    for form in [&["--json"][..], &[]] {
        let flags = [url.as_str(), "--api-key-env", variable, "--model", "tiny"];
        let checked = check(&[&flags, form].concat()).await;
        assert_eq!(checked.exit, Ok(Exit::NotMeasured));
        assert!(checked.output.contains("wrong key"), "the error is told: {}", checked.output);
        assert!(checked.output.contains("<secret>"), "{}", checked.output);
        assert!(!checked.output.contains(key), "the key is not: {}", checked.output);
    }
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.contains(key)), "every request had the key");
}

#[tokio::test]
async fn headers_reach_the_target_and_a_base_url_may_name_the_version() {
    let server = Server::play(vllm()).await;
    let url = format!("{}/v1/", server.url());
    let checked = check(&[&url, "--header", "x-tenant: canary"]).await;
    assert_eq!(checked.exit, Ok(Exit::Done), "{}", checked.output);
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.to_lowercase().contains("x-tenant: canary")));
    assert!(asked.iter().any(|request| request.starts_with("GET /health ")), "{asked:?}");
}

#[tokio::test]
async fn what_we_lack_ourselves_is_an_error_and_no_verdict() {
    for (arguments, piece) in [
        (&["http://127.0.0.1:1", "--api-key-env", "TOKENBEAT_NOT_SET"][..], "TOKENBEAT_NOT_SET"),
        (&["http://127.0.0.1:1", "--header", "x-api-key: sk-planted"], "--api-key-env"),
        (&["https://127.0.0.1:1", "--ca-file", "/none/such.pem"], "/none/such.pem"),
        (&["llama-prod"], "--config.file"),
        (&["llama-prod", "--config.file", "t.yml"], "no configuration in this test"),
    ] {
        let checked = check(arguments).await;
        let error = checked.exit.expect_err("no verdict");
        assert!(error.contains(piece) && !error.contains("sk-planted"), "{arguments:?}: {error}");
        assert_eq!(checked.output, "", "{arguments:?}");
    }
}

/// A configuration with one target, whose key is in `key_file`.
fn config(url: &str, tls: TlsFiles, key_file: &Path) -> Config {
    let credentials = SecretSource::File(key_file.to_owned());
    let models = Models::List(vec!["tiny".into()]);
    let url = url.parse().expect("a URL");
    let authorization = Some(Authorization { scheme: "Bearer".to_owned(), credentials });
    let plain = Target::plain("llama-prod", url, Api::OpenaiChat, models);
    let target = Target { authorization, tls, ..plain };
    let global = Global {
        timeout: Duration::from_secs(60),
        first_token_timeout: None,
        idle_timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(10),
        max_response_bytes: 1 << 20,
        external_labels: BTreeMap::new(),
    };
    let targets = vec![Arc::new(target)];
    Config {
        global,
        targets,
        probes: Vec::new(),
        slos: BTreeMap::new(),
        workloads: BTreeMap::new(),
        scenarios: BTreeMap::new(),
        sweeps: Vec::new(),
        otlp: None,
        nvml: Nvml::default(),
        files: Vec::new(),
        hash: 0,
        seen: Seen::default(),
    }
}

#[tokio::test]
async fn a_target_is_checked_by_name_with_its_own_trust_and_key() {
    let (server, certificate) = Server::play_tls(vllm(), &["inner.test"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (ca_file, key_file) = (folder.path().join("ca.pem"), folder.path().join("key"));
    std::fs::write(&ca_file, certificate).expect("written");
    std::fs::write(&key_file, "sk-planted\n").expect("written");
    let load = |server_name: Option<&str>| {
        let server_name = server_name.map(str::to_owned);
        let tls = TlsFiles { ca_file: Some(ca_file.clone()), server_name, ..TlsFiles::default() };
        let config = config(&server.url(), tls, &key_file);
        move || Ok(config)
    };
    let arguments = ["llama-prod", "--config.file", "t.yml", "--json"];
    let wrong = check_with(&arguments, load(None)).await;
    assert_eq!(wrong.says("reachable").0, "failed", "the certificate is for another name");
    assert!(server.asked().is_empty(), "nothing was said to a server that is not trusted");

    let right = check_with(&arguments, load(Some("inner.test"))).await;
    assert_eq!(right.exit, Ok(Exit::Done), "{}", right.output);
    assert_eq!(right.json()["target"], "llama-prod");
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.contains("Bearer sk-planted")), "{asked:?}");
    let host = format!("host: {}\r\n", server.address);
    assert!(asked.iter().all(|request| request.to_lowercase().contains(&host)), "{asked:?}");

    let unknown = check_with(&["llama-prd", "--config.file", "t.yml"], load(None)).await;
    assert!(unknown.exit.expect_err("no such target").contains("nearest: llama-prod"));
}

#[tokio::test]
async fn flags_say_whom_to_trust() {
    let (server, certificate) = Server::play_tls(vllm(), &["127.0.0.1"]).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), certificate).expect("written");
    let (url, ca_file) = (server.url(), file.path().to_str().expect("UTF-8"));
    for (flags, exit) in [
        (&["--ca-file", ca_file][..], Exit::Done),
        (&["--insecure-skip-verify"], Exit::Done),
        (&[], Exit::NotMeasured),
    ] {
        let checked = check(&[&[url.as_str(), "--json"], flags].concat()).await;
        assert_eq!(checked.exit, Ok(exit), "{flags:?}: {}", checked.output);
    }
}

#[tokio::test]
async fn a_refused_field_is_left_out_and_told() {
    let refusal = r#"{"detail":"Unexpected fields in the request: {'top_p'}"}"#;
    let refusal = Answer::new("422 Unprocessable Entity", "application/json", refusal);
    let Some(Reply::Whole(stream)) = vllm().paths.remove(CHAT) else {
        panic!("vLLM streams");
    };
    let server = Server::play(vllm_but(CHAT, Reply::InTurn(refusal, stream))).await;
    let checked = check(&[&server.url(), "--json"]).await;
    assert_eq!(checked.exit, Ok(Exit::Done), "{}", checked.output);
    assert_eq!(checked.json()["numbers"]["refused_fields"], serde_json::json!(["top_p"]));
    let plain = check(&[&server.url()]).await;
    assert!(!plain.output.contains("refused"), "each check begins anew: {}", plain.output);
}
