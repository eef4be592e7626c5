//! Configuration files: what the values of those that load are.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde_json::Value;
use tokenbeat::{
    arrival::{Arrival, Load, Open, Pattern},
    config::{
        self, Bound, Config, Connection, HeaderValue, Missed, Models, Overlap, Requests,
        SecretSource, StopWhen, Warmup,
    },
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
    assert_eq!(config.files.len(), 5);
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
    // The percentiles are told together.
    assert!(
        text.contains("p50, p75, p90, p95, p99 of ttft, tpot, e2e, ttfo, ttst, itl, tpot_mlperf")
    );
    let percentile =
        |key: &str| key.split_once("_p").is_some_and(|(_, percent)| percent.parse::<u8>().is_ok());
    for key in known.into_iter().filter(|key| !percentile(key)) {
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
fn the_example_targets_are_those_of_the_documents() {
    let config = load("config/targets.yml");
    let names: Vec<&str> = config.targets.iter().map(|target| &*target.name).collect();
    assert_eq!(
        names,
        [
            "gke-t4",
            "llm-d-pattern2-gpu",
            "llm-d-pattern3-gpu",
            "eks-g5-8xlarge",
            "eks-g5-12xlarge",
            "eks-g5-16xlarge",
            "eks-g5-48xlarge",
            "ec2-t4",
            "dynamo-disaggregated",
            "tpu-v6e",
            "ollama-local",
            "lmstudio-local",
            "llamacpp-local",
            "openai-gpt4",
            "openai-gpt35"
        ]
    );
    assert_eq!(config.targets[1].retry.expect("retries").attempts, 10);
    let costs: Vec<_> = config.targets.iter().filter_map(|target| target.cost_per_hour).collect();
    assert_eq!(costs, [2.448, 5.672, 4.352, 16.288]);
    for target in &config.targets[13..] {
        let authorization = target.authorization.as_ref().expect("credentials");
        assert_eq!(authorization.credentials, SecretSource::Env("OPENAI_API_KEY".into()));
    }
}

#[test]
fn a_sweep_is_read_as_it_is_written() {
    let config = load("tests/config/ok/scenarios.yml");
    let target = &config.targets[0];
    assert_eq!(target.exclusive_group.as_deref(), Some("pool"));
    let metrics = target.engine_metrics.as_ref().expect("engine metrics");
    assert_eq!((metrics.urls[0].path(), metrics.interval), ("/metrics", seconds(15)));
    assert_eq!(target.tokenizer.as_deref(), Some(Path::new("tests/config/ok/tokenizer.json")));
    let nightly = &config.sweeps[0];
    let cron = nightly.cron.as_ref().expect("a schedule");
    assert_eq!((cron.text(), cron.zone().iana_name()), ("30 2 * * MON-FRI", Some("Europe/Berlin")));
    let guard = nightly.guard;
    assert_eq!(
        (guard.engine_requests_waiting, guard.probe_failure_ratio, guard.max_duration),
        (Some(2), None, seconds(5_400))
    );
    assert_eq!((nightly.overlap, nightly.missed), (Overlap::Queue, Missed::Once));
    assert_eq!((nightly.slos.len(), nightly.maintenance.len()), (1, 1));
    let users = &nightly.scenario;
    let names: Vec<&str> = users.workloads.iter().map(|(name, _)| &**name).collect();
    assert_eq!((&*users.name, names), ("users", vec!["short", "recorded"]));
    assert_eq!(
        (users.requests_per_step, users.duration),
        (Some(Requests::PerUser(10)), Some(seconds(300)))
    );
    assert_eq!(users.warmup, Warmup { requests: 3, duration: seconds(2) });
    assert_eq!(
        (users.settle, users.timeout, users.seed),
        (seconds(30), Some(seconds(90)), Some(7))
    );
    let bound = |metric, quantile, max| Bound { metric, quantile, max: seconds(max) };
    assert_eq!(
        users.stop_when,
        StopWhen {
            error_ratio: Some(0.05),
            bounds: vec![bound(Metric::Ttft, 0.5, 1), bound(Metric::E2e, 0.95, 10)],
        }
    );
    let Load::Levels(levels) = &users.load else { panic!("levels") };
    assert_eq!(levels.iter().filter_map(Arrival::concurrency).collect::<Vec<_>>(), [1, 5]);
}

#[test]
fn what_a_sweep_does_not_say_has_its_default() {
    let config = load("tests/config/ok/scenarios.yml");
    let by_hand = &config.sweeps[1];
    assert!(by_hand.cron.is_none() && by_hand.slos.is_empty() && by_hand.maintenance.is_empty());
    assert_eq!((by_hand.overlap, by_hand.missed), (Overlap::Skip, Missed::Skip));
    assert_eq!(by_hand.targets.len(), 2);
    let guard = by_hand.guard;
    assert_eq!((guard.engine_requests_waiting, guard.max_duration), (None, seconds(3_600)));
    let search = &config.scenarios["search"];
    assert_eq!(search.connection, Connection::Reuse);
    assert_eq!(
        (search.settle, search.warmup, search.timeout),
        (seconds(0), Warmup::default(), None)
    );
    assert_eq!((&search.stop_when, search.seed), (&StopWhen::default(), None));
    let Load::Search(search) = &search.load else { panic!("a search") };
    assert_eq!(
        (search.start, search.max, search.precision, search.max_steps),
        (1.0, 64.0, 0.05, 12)
    );
}

#[test]
fn a_run_may_take_what_its_steps_by_time_take_and_the_ends_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("main.yml");
    let rows = (0..=3).map(|hour| format!("{{\"timestamp\": {}}}\n", hour * 3_600));
    std::fs::write(folder.path().join("t.jsonl"), rows.collect::<String>()).expect("written");
    for (load, rest, most) in [
        // Less than the usual hour, whatever it is.
        ("concurrency: [1, 2]", "duration: 1m", 3_600),
        ("concurrency: [1, 2]", "requests_per_step: 10x", 3_600),
        // Three windows, the pauses between them, and 60 s at the end of each and before the first.
        ("concurrency: [1, 2, 3]", "duration: 1h, settle: 1m", 3 * 3_600 + 120 + 240),
        ("concurrency: [1]", "duration: 1h, timeout: 5m", 3_600 + 600),
        // Users enter for 99 s, and 30 s of warm-up are over by then.
        ("concurrency: [100], spawn_rate: 1", "duration: 1h, warmup_duration: 30s", 3_819),
        ("concurrency: [100], spawn_rate: 1", "duration: 1h, warmup_duration: 2m", 3_840),
        // A trace ends itself.
        ("trace: t.jsonl", "seed: 1", 3 * 3_600 + 120),
        ("trace: {file: t.jsonl, speed: 2}", "seed: 1", 5_400 + 120),
        ("trace: t.jsonl", "duration: 2h", 2 * 3_600 + 120),
    ] {
        let text = format!(
            "targets: [{{name: a, url: 'http://a.test', models: [m]}}]\n\
             workloads: {{w: {{synthetic: {{}}}}}}\n\
             scenarios: {{s: {{workload: w, load: {{{load}}}, {rest}}}}}\n\
             sweeps: [{{name: x, targets: [a], scenario: s}}]\n"
        );
        std::fs::write(&main, text).expect("written");
        let config = config::load(&main).expect(load);
        assert_eq!(config.sweeps[0].guard.max_duration, seconds(most), "{load}, {rest}");
    }
}

#[test]
fn a_trace_and_a_dataset_are_part_of_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write(
        "main.yml",
        "workloads: {w: {dataset: {file: questions.jsonl}}}\n\
         scenarios: {s: {workload: w, load: {trace: trace.jsonl}}}\n",
    );
    write("questions.jsonl", "{\"prompt\": \"a\"}\n");
    write("trace.jsonl", "{\"timestamp\": 5}\n{\"timestamp\": 7, \"output_tokens\": 3}\n");
    let main = folder.path().join("main.yml");
    let loaded = || config::load(&main).expect("a configuration");
    let first = loaded();
    let Load::Levels(levels) = &first.scenarios["s"].load else { panic!("levels") };
    let [Arrival::Open(open)] = levels.as_slice() else { panic!("one level") };
    let Pattern::Trace { demands, .. } = &open.pattern else { panic!("a trace") };
    assert_eq!((demands[1].offset, demands[1].output_tokens), (seconds(2), Some(3)));
    let names: Vec<_> = first.files.iter().filter_map(|file| file.file_name()).collect();
    assert_eq!(names, ["main.yml", "questions.jsonl", "trace.jsonl"]);
    assert_eq!(first.hash, loaded().hash);
    write("questions.jsonl", "{\"prompt\": \"b\"}\n");
    assert_ne!(first.hash, loaded().hash, "a changed dataset is a changed configuration");
}

#[test]
fn the_shipped_scenarios_have_the_parameters_of_the_documents() {
    let scenario = |name: &str| config::shipped_scenario(name).expect(name);
    let users = |name: &str| match &scenario(name).load {
        Load::Levels(levels) => levels.iter().filter_map(Arrival::concurrency).collect(),
        Load::Search(_) => Vec::new(),
    };
    assert_eq!(users("throughput_benchmark"), [1, 5, 10, 20, 50]);
    assert_eq!(users("load_test"), [10, 25, 50, 75, 100]);
    assert_eq!(users("stress_test"), [1, 5, 10, 25, 50, 100, 150, 200]);
    assert_eq!(users("concurrency_sweep"), [10, 20, 40, 80, 120, 200]);
    let sweep = scenario("concurrency_sweep");
    assert_eq!((sweep.requests_per_step, sweep.settle), (Some(Requests::PerUser(10)), seconds(30)));
    let Workload::Synthetic(chat) = &*sweep.workloads[0].1 else { panic!("synthetic") };
    assert_eq!(chat.input_tokens, Length::Normal { mean: 200.0, stddev: 20.0 });
    assert_eq!(chat.output_tokens, Length::Normal { mean: 100.0, stddev: 10.0 });
    let stress = scenario("stress_test");
    let bound = Bound { metric: Metric::E2e, quantile: 0.95, max: seconds(10) };
    assert_eq!(stress.stop_when, StopWhen { error_ratio: Some(0.05), bounds: vec![bound] });
    assert_eq!(stress.duration, Some(seconds(120)));
    let Load::Levels(levels) = &scenario("poisson_goodput").load else { panic!("levels") };
    let open = Open { pattern: Pattern::Poisson { rate: 20.0 }, max_in_flight: Some(32) };
    assert_eq!(levels.as_slice(), [Arrival::Open(open)]);
    assert_eq!(scenario("latency_benchmark").workloads.len(), 6);
    assert_eq!(scenario("load_test").duration, Some(seconds(600)));
    assert!(matches!(scenario("find_capacity").load, Load::Search(_)));
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
