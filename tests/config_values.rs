//! Configuration files: what the values of those that load are.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde_json::Value;
use tokenbeat::{
    config::{self, Config, Connection, HeaderValue, Models, SecretSource},
    protocol::Api,
    verdict::{Judge, Metric, PackScenario},
    workload::{Length, Workload},
};

fn load(path: &str) -> Config {
    match config::load(Path::new(path)) {
        Ok(config) => config,
        Err(problems) => panic!("{problems}"),
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = load("tests/config/ok/minimal.yml");
    let global = &config.global;
    assert_eq!(
        (global.timeout, global.idle_timeout, global.connect_timeout, global.max_response_bytes),
        (seconds(60), seconds(20), seconds(10), 4 << 20)
    );
    let target = &config.targets[0];
    assert_eq!(target.api, Api::OpenaiChat);
    assert!(target.authorization.is_none() && target.retry.is_none());
    assert!(target.tls.ca_file.is_none() && !target.tls.insecure_skip_verify);
    assert_eq!(target.budget, config::Budget::default());
    let probe = &config.probes[0];
    assert_eq!((probe.timeout, probe.connection), (seconds(60), Connection::Fresh));
    assert!(probe.slos.is_empty() && probe.maintenance.is_empty());
    let Workload::Synthetic(workload) = &*probe.workload else { panic!("synthetic") };
    assert_eq!(workload.output_tokens, Length::Constant(16));
    assert_eq!((workload.shared_prefix_tokens, workload.temperature), (0, 0.0));
}

#[test]
fn the_reference_is_read_as_it_is_written() {
    let config = load("config/tokenbeat.yml");
    let target = &config.targets[0];
    assert_eq!(target.url.as_str(), "https://vllm.example.com:8443/");
    let authorization = target.authorization.as_ref().expect("credentials");
    assert_eq!(authorization.scheme, "Bearer");
    assert_eq!(
        authorization.credentials,
        SecretSource::File("/run/secrets/llama-prod".into()),
        "an absolute path stays"
    );
    let headers: Vec<_> =
        target.http_headers.iter().map(|(name, values)| (name.as_str(), values.len())).collect();
    assert_eq!(headers, [("x-api-key", 1), ("x-signature", 1), ("x-tenant", 1)]);
    assert_eq!(
        target.http_headers[0].1[0],
        HeaderValue::Secret(SecretSource::Env("LLAMA_API_KEY".into()))
    );
    let retry = target.retry.expect("retries");
    assert_eq!((retry.attempts, retry.delay, retry.exponential), (3, seconds(1), true));
    assert_eq!(target.cost_per_hour, Some(5.672));
    assert_eq!(config.targets[1].models, Models::All { limit: 20 });
    let probe = &config.probes[0];
    assert_eq!(probe.targets.len(), 1, "one has the label");
    assert_eq!(config.probes[1].targets.len(), 2, "all");
    let slos: Vec<&str> = probe.slos.iter().map(|slo| &*slo.name).collect();
    assert_eq!(slos, ["snappy", "interactive"]);
    assert_eq!(probe.slos[0].thresholds[0].objective, 0.99);
    assert_eq!(probe.slos[0].thresholds[1].objective, 0.95);
    let window = &probe.maintenance[0];
    assert_eq!(window.days, [false, false, false, false, false, true, false]);
    assert_eq!((window.from_minute, window.to_minute), (0, 360));
    let window = &probe.maintenance[1];
    assert_eq!(window.days, [true, true, true, true, true, false, false]);
    assert_eq!((window.from_minute, window.to_minute), (0, 15));
    assert_eq!(probe.maintenance[0].zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(config.files.len(), 2);
}

/// Every key that the schema knows, at any level.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            let properties = members.get("properties").and_then(Value::as_object);
            found.extend(properties.into_iter().flat_map(|keys| keys.keys().cloned()));
            members.values().for_each(|member| keys(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn the_reference_names_every_key() {
    let text = std::fs::read_to_string("config/tokenbeat.yml").expect("the reference");
    let mut known = BTreeSet::new();
    keys(&config::schema(), &mut known);
    assert!(known.len() > 50, "the schema has keys");
    for key in known {
        assert!(text.contains(&format!("{key}:")) || text.contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn the_mlperf_packs_are_those_of_their_sources() {
    let config = load("config/slos.yml");
    let packs = [
        ("llama2-70b-server", 2000, 200),
        ("llama2-70b-interactive", 450, 40),
        ("llama3.1-405b-server", 6000, 175),
        ("llama3.1-405b-interactive", 4500, 80),
        ("llama3.1-8b-server", 2000, 100),
        ("llama3.1-8b-interactive", 500, 30),
        ("mixtral-8x7b-server", 2000, 200),
        ("deepseek-r1-server", 2000, 80),
        ("deepseek-r1-interactive", 1500, 15),
        ("gpt-oss-120b-server", 3000, 80),
        ("gpt-oss-120b-interactive", 2000, 15),
        ("gpt-oss-120b-interactive-rules-text", 2000, 20),
    ];
    assert_eq!(config.slos.len(), packs.len() + 2);
    let bounds = |name: &str| {
        let slo = &config.slos[name];
        assert_eq!(slo.judge, Judge::Each);
        let metrics: Vec<_> = slo.thresholds.iter().map(|threshold| threshold.metric).collect();
        let per_token = if slo.pack.is_some() { Metric::TpotMlperf } else { Metric::Tpot };
        assert_eq!(metrics, [Metric::Ttft, per_token]);
        (slo.thresholds[0].max.as_millis(), slo.thresholds[1].max.as_millis(), slo.objective)
    };
    for (name, ttft, tpot) in packs {
        let name = format!("mlperf-{name}");
        assert_eq!(bounds(&name), (ttft, tpot, 0.99), "{name}");
        let pack = config.slos[&*name].pack.as_ref().expect("a pack");
        let scenario = match pack.scenario {
            PackScenario::Server => "server",
            PackScenario::Interactive => "interactive",
        };
        assert!(name.starts_with(&format!("mlperf-{}-{scenario}", pack.model)), "{name}");
        assert!(pack.version.starts_with("6.0") && pack.source.starts_with("mlcommons/"));
    }
    assert_eq!(bounds("interactive"), (500, 30, 0.95));
    assert_eq!(bounds("standard"), (2000, 100, 0.95));
}

#[test]
fn the_example_targets_are_nine() {
    let config = load("config/targets.yml");
    let names: Vec<&str> = config.targets.iter().map(|target| &*target.name).collect();
    assert_eq!(
        names,
        [
            "gke-t4",
            "llm-d-pattern2-gpu",
            "llm-d-pattern3-gpu",
            "tpu-v6e",
            "ollama-local",
            "lmstudio-local",
            "llamacpp-local",
            "openai-gpt4",
            "openai-gpt35"
        ]
    );
    assert_eq!(config.targets[1].retry.expect("retries").attempts, 10);
    for target in &config.targets[7..] {
        let authorization = target.authorization.as_ref().expect("credentials");
        assert_eq!(authorization.credentials, SecretSource::Env("OPENAI_API_KEY".into()));
    }
}

#[test]
fn relative_paths_are_beside_the_file_in_which_they_stand() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = folder.path().join("[part]");
    std::fs::create_dir(&part).expect("a folder");
    let main = folder.path().join("main.yml");
    std::fs::write(&main, "include: ['[[]part[]]/*.yml']\n").expect("written");
    let target = "targets:\n  - {name: a, url: https://a.example.com, models: [m], \
                  authorization: {credentials_file: key}, tls_config: {ca_file: ca.pem}}\n";
    std::fs::write(part.join("targets.yml"), target).expect("written");
    let config = config::load(&main).expect("loads");
    let authorization = config.targets[0].authorization.as_ref().expect("credentials");
    assert_eq!(authorization.credentials, SecretSource::File(part.join("key")));
    assert_eq!(config.targets[0].tls.ca_file, Some(part.join("ca.pem")));
}

#[test]
fn the_hash_tells_changes_of_every_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (main, part) = (folder.path().join("main.yml"), folder.path().join("part.yml"));
    std::fs::write(&main, "include: [part.yml]\n").expect("written");
    let hash = |text: &str| {
        std::fs::write(&part, text).expect("written");
        config::load(&main).expect("loads").hash
    };
    let (first, second) = (hash("slos: {}\n"), hash("slos: {} \n"));
    assert_ne!(first, second);
    assert_eq!(hash("slos: {}\n"), first);
    assert!(first < 1 << 48 && second < 1 << 48, "a double holds it");
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let folder = tempfile::tempdir().expect("a folder");
    let large = folder.path().join("large.yml");
    std::fs::write(&large, "#".repeat((4 << 20) + 1)).expect("written");
    for (path, reason) in [
        (folder.path().join("none.yml"), "cannot be read: No such file"),
        (folder.path().to_owned(), "not a regular file"),
        (large, "larger than 4 MiB"),
    ] {
        let problems = config::load(&path).expect_err("cannot be read");
        let problem = problems.iter().next().expect("one");
        assert!(problem.message.contains(reason), "{problem}");
        assert_eq!((problem.position, problems.count()), (None, 1));
    }
}

#[test]
fn a_text_loads_like_a_file() {
    let text = std::fs::read_to_string("tests/config/ok/minimal.yml").expect("a file");
    let config = config::load_str("demo.yml", &text).expect("loads");
    assert_eq!((config.targets.len(), config.probes.len()), (1, 1));
    let problems = config::load_str("demo.yml", "target: []\n").expect_err("a slip");
    let problem = problems.iter().next().expect("one");
    assert_eq!(problem.nearest.as_deref(), Some("targets"));
    assert!(problems.to_string().starts_with("demo.yml:1:1: unknown key `target`"));
}
