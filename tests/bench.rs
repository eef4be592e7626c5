//! `tokenbeat bench` as a process, against the simulator: results in every form, exit codes, what
//! is refused, how it is interrupted, and that no secret comes out.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[path = "support/echo.rs"]
#[expect(dead_code, reason = "shared with tests/secrets.rs, which uses it all")]
mod echo;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
    thread,
    time::Duration,
};

use daemon::tokenbeat;
use echo::Echo;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokenbeat::sim::{Dist, Flavour, Sim, SimSpec, SpawnedSim};

/// What a bearer token and a header hold in these tests; they appear nowhere else.
const BEARER: &str = "sk-planted-bearer-77";
const TENANT: &str = "planted-tenant-42";

fn engine(spec: SimSpec) -> SpawnedSim {
    Sim::spawn(spec).expect("an engine")
}

/// An engine that answers in a fraction of a second.
fn quick() -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(20.0), Dist::constant_ms(2.0));
    engine(SimSpec { ttft, itl, ..SimSpec::default() })
}

/// A benchmark with short answers.
fn bench(url: &str, flags: &[&str]) -> Command {
    tokenbeat(&[&["bench", url, "--isl", "20", "--osl", "8"][..], flags].concat())
}

fn run(url: &str, flags: &[&str]) -> Output {
    bench(url, flags).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", text(bytes)))
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("UTF-8").to_owned()
}

/// The committed schema, which is what others read records by.
fn schema() -> jsonschema::Validator {
    let schema = fs::read("docs/run-record.schema.json").expect("the committed schema");
    jsonschema::validator_for(&json(&schema)).expect("a schema")
}

/// The code that a record with these contents stands for. A busy machine may spoil a step, and
/// then says so; whatever it says, record and code agree.
fn code_of(record: &Value) -> i32 {
    let verdicts = record["findings"]["verdicts"].as_object().expect("verdicts");
    if verdicts.values().any(|verdict| verdict == "fail") {
        3
    } else if record["result"] == "invalid"
        || verdicts.values().any(|verdict| verdict == "not_enough_data")
    {
        4
    } else {
        0
    }
}

#[test]
fn a_sweep_is_told_in_every_form() {
    let (sim, folder) = (quick(), tempfile::tempdir().expect("a folder"));
    let [record, csv, html] = ["run.json", "run.csv", "run.html"].map(|it| path(folder.path(), it));
    let files = ["--output", &record, "--csv", &csv, "--html", &html];
    let load = ["--concurrency", "1,2", "--requests", "5x", "--seed", "7"];
    let output = run(sim.base_url(), &[&load[..], &files].concat());
    let (out, err) = (text(&output.stdout), text(&output.stderr));

    let record = json(&fs::read(record).expect("written"));
    assert_eq!(output.status.code(), Some(code_of(&record)), "{out}{err}");
    let faults: Vec<_> = schema().iter_errors(&record).map(|it| it.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
    let steps = record["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 2);
    assert_eq!((&steps[0]["n"], &steps[1]["n"]), (&5.into(), &10.into()));
    assert_eq!((&record["seed"], &record["trigger"]), (&7.into(), &"bench".into()));
    assert_eq!(record["model"], "sim-8b");
    let engine = &record["engine"];
    assert_eq!((&engine["name"], &engine["model"]), (&"vLLM".into(), &"sim-8b".into()));
    assert_eq!(engine["max_model_tokens"], SimSpec::default().max_output_tokens);

    for wanted in
        ["Time to first token (ms)", "Concurrency | Req/sec", "n too small", "Step 1, 2 users"]
    {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    assert!(out.is_ascii(), "not a terminal: {out}");
    assert!(err.contains("step 1 done: 2 users"), "{err}");

    let csv = fs::read_to_string(csv).expect("written");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.starts_with("run,started_at,target,model"), "{csv}");
    let html = fs::read_to_string(html).expect("written");
    assert!(html.contains("<svg") && !html.contains("<script"), "{html}");
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 3);
}

#[test]
fn what_an_engine_tells_in_its_answers_is_in_the_record() {
    let (ttft, itl) = (Dist::constant_ms(20.0), Dist::constant_ms(2.0));
    let sim = engine(SimSpec { flavour: Flavour::LlamaCpp, ttft, itl, ..SimSpec::default() });
    // Its counters, which would be found, come first.
    let flags = ["--requests", "4", "--engine-metrics", "off"];
    let output = run(sim.base_url(), &[&flags[..], &["--format", "json"]].concat());
    let record = json(&output.stdout);
    let faults: Vec<_> = schema().iter_errors(&record).map(|it| it.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
    let engine = &record["steps"][0]["engine"];
    assert_eq!((&engine["answers"], &engine["readings"]), (&4.into(), &0.into()), "{record}");
    assert!(engine["prefill_mean"].as_f64().expect("told") >= 0.02, "{engine}");
    assert_eq!(engine["sources"]["decode_mean"], "answers");
    assert_eq!(engine["queue_mean"], Value::Null);
    let output = run(sim.base_url(), &flags);
    let out = text(&output.stdout);
    assert!(out.contains("from answers: decode, prefill, prefix hit ratio"), "{out}");
}

#[test]
fn what_is_printed_is_chosen() {
    let sim = quick();
    let flags = ["--requests", "4", "--compat", "vllm"];
    let record = run(sim.base_url(), &[&flags[..], &["--format", "json"]].concat());
    let record = json(&record.stdout);
    assert!(record["steps"][0]["compat"]["ttft"]["n"].as_u64() > Some(0), "{record}");
    let flat = run(sim.base_url(), &["--requests", "4", "--format", "flat-json"]);
    let flat = json(&flat.stdout);
    assert_eq!(flat["results"]["successful"], 4, "{flat}");
    assert!(flat["results"]["ttft_ms"]["p50"].as_f64() > Some(19.0), "{flat}");
    let markdown = run(sim.base_url(), &["--requests", "4", "--format", "markdown"]);
    assert!(text(&markdown.stdout).contains("| Statistic "), "{}", text(&markdown.stdout));
}

#[test]
fn a_missed_slo_and_too_little_data_have_their_codes() {
    let sim = quick();
    for (goodput, state) in [("ttft:1ms", "fail"), ("ttft:30s", "not_enough_data")] {
        let flags = ["--requests", "20", "--goodput", goodput, "--format", "json"];
        let output = run(sim.base_url(), &flags);
        let record = json(&output.stdout);
        let step = &record["steps"][0];
        // A step that a busy machine has marked says nothing.
        let marked = step["validity"]["marks"].as_array().is_some_and(|marks| !marks.is_empty());
        let state = if marked { "not_enough_data" } else { state };
        assert_eq!(step["standings"][0]["state"], state, "{record}");
        assert_eq!(output.status.code(), Some(code_of(&record)), "{record}");
        assert_ne!(output.status.code(), Some(0));
    }
}

#[test]
fn a_rate_is_sent_on_its_schedule() {
    let sim = quick();
    let flags = ["--request-rate", "40", "--arrival", "constant", "--duration", "2s"];
    let output =
        run(sim.base_url(), &[&flags[..], &["--warmup", "0", "--format", "json"]].concat());
    let record = json(&output.stdout);
    let step = &record["steps"][0];
    assert_eq!(step["load"]["arrival"], "constant");
    let n = step["n"].as_u64().expect("a number");
    assert!((78..=82).contains(&n), "{n} in two seconds at 40 a second");
}

#[test]
fn nobody_there_is_not_measured() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let url = format!("http://{port}");
    let output = run(&url, &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("is the server up") && !said.contains("--model"), "{said}");
    let output = run(&url, &["--model", "m", "--requests", "3", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let record = json(&output.stdout);
    assert_eq!(record["steps"][0]["outcomes"]["connect"], 3, "{record}");
}

#[test]
fn every_model_has_a_run() {
    let models = vec!["one".to_owned(), "two".to_owned()];
    let sim = engine(SimSpec { models, ttft: Dist::constant_ms(5.0), ..SimSpec::default() });
    let output = run(sim.base_url(), &["--all-models", "--requests", "2", "--format", "json"]);
    let records = json(&output.stdout);
    let models: Vec<_> = records.as_array().expect("two").iter().map(|it| &it["model"]).collect();
    assert_eq!(models, ["one", "two"]);
    let ids: Vec<_> = [0, 1].map(|at| records[at]["id"].as_str().expect("an id")).into();
    assert!(ids[0] < ids[1], "{ids:?}");
}

#[test]
fn models_are_compared_at_the_end() {
    let models = vec!["one".to_owned(), "two".to_owned()];
    let folder = tempfile::tempdir().expect("a folder");
    let html = path(folder.path(), "run.html");
    let sim = engine(SimSpec { models, ttft: Dist::constant_ms(5.0), ..SimSpec::default() });
    let output = run(sim.base_url(), &["--all-models", "--requests", "2", "--html", &html]);
    let out = text(&output.stdout);
    let (_, compared) = out.split_once("Models compared").expect("a comparison");
    for wanted in ["| one ", "| two ", "TPOT p50"] {
        assert!(compared.contains(wanted), "{wanted}: {out}");
    }
    assert!(fs::read_to_string(html).expect("written").contains("Models compared"));
}

/// A server that knows `/health` and nothing else. Its threads end with their connections.
fn gateway() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(&client).lines();
                while let Some(Ok(first)) = lines.next() {
                    let known = first.starts_with("GET /health ");
                    // The rest of the head; a GET has no body.
                    let _ = lines.by_ref().find(|line| line.as_ref().is_ok_and(String::is_empty));
                    let status = if known { "200 OK" } else { "404 Not Found" };
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok");
                    if (&client).write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

#[test]
fn a_path_needs_no_model() {
    let flags = ["--http-path", "/health", "-n", "50", "-c", "5", "--format", "json"];
    let output = tokenbeat(&[&["bench", &gateway()][..], &flags].concat()).output();
    let output = output.expect("the binary runs");
    let record = json(&output.stdout);
    assert_eq!(record["steps"][0]["outcomes"]["ok"], 50, "{record}");
    assert_eq!(record["model"], "-");
    assert_eq!(output.status.code(), Some(code_of(&record)), "{}", text(&output.stderr));
}

#[test]
fn wrong_flags_are_refused_before_anything_is_sent() {
    let sim = quick();
    let folder = tempfile::tempdir().expect("a folder");
    let missing = path(folder.path(), "none/run.json");
    for (flags, words) in [
        (&["--concurrency", "4", "--request-rate", "5"][..], "--max-concurrency"),
        (&["--concurrency", "0"], "a whole number above 0"),
        (&["--request-rate", "inf"], "--concurrency"),
        (&["--find-max-goodput"], "--goodput"),
        (&["--goodput", "speed:3"], "ttft"),
        (&["--goodput", "ttft:"], "--goodput: the time of ttft"),
        (&["--slo", "interactiv"], "interactive"),
        (&["--format", "xml"], "flat-json"),
        (&["--compat", "ab"], "genai-perf"),
        (&["--duration", "60"], "duration"),
        (&["--header", "x-api-key: sk-1"], "--api-key-env"),
        (&["--api-key-env", "TOKENBEAT_TEST_UNSET"], "TOKENBEAT_TEST_UNSET"),
        (&["--api-key-env", "sk-planted"], "not the key itself"),
        (&["--api", "openai"], "openai_completions"),
        (&["--scenario", "find_capacity"], "--slo NAME"),
        (&["--output", &missing], "cannot write"),
        (&["--tokenizer", &missing], "--tokenizer"),
        (&["--tokenizer", "Cargo.toml"], "not a tokenizer.json"),
    ] {
        let output = run(sim.base_url(), flags);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {said}");
        assert!(said.contains(words), "{flags:?}: {said}");
        assert!(output.stdout.is_empty(), "{flags:?}");
        assert!(!said.contains("planted"), "{flags:?}: {said}");
    }
    let output = tokenbeat(&["bench", sim.base_url(), "--dataset", &missing]).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("none/run.json"), "{}", text(&output.stderr));
    assert_eq!(sim.handle().requests(), 0);
    let output = run("nowhere", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--config.file"));
}

#[test]
fn a_file_that_cannot_be_written_costs_no_other_form() {
    let (sim, folder) = (quick(), tempfile::tempdir().expect("a folder"));
    let csv = path(folder.path(), "run.csv");
    let flags = ["--requests", "2", "--output", "/dev/full", "--csv", &csv];
    let output = run(sim.base_url(), &flags);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/dev/full"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Time to first token"), "{}", text(&output.stdout));
    assert!(fs::read_to_string(csv).expect("written").contains("sim-8b"));
}

#[test]
fn a_file_that_may_not_grow_costs_no_result() {
    let (sim, folder) = (quick(), tempfile::tempdir().expect("a folder"));
    let bench = bench(sim.base_url(), &["-n", "2", "-o", &path(folder.path(), "run.json")]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 0 && exec \"$@\"", "sh"]).arg(bench.get_program());
    let output = limited.args(bench.get_args()).output().expect("the binary runs");
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.contains("cannot write")), (Some(1), true), "{said}");
    assert!(text(&output.stdout).contains("Time to first token"), "{}", text(&output.stdout));
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0, "{said}");
}

#[test]
fn nobody_who_reads_changes_no_code() {
    let (sim, folder) = (quick(), tempfile::tempdir().expect("a folder"));
    let record = path(folder.path(), "run.json");
    let flags = ["--requests", "20", "--goodput", "ttft:1ms", "--output", &record];
    let mut child = bench(sim.base_url(), &flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let record = json(&fs::read(record).expect("written"));
    assert_ne!(code_of(&record), 0);
    assert_eq!(output.status.code(), Some(code_of(&record)), "{}", text(&output.stderr));
    let full = fs::File::options().write(true).open("/dev/full").expect("a full disk");
    let output = bench(sim.base_url(), &["--requests", "2"]).stdout(full).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot print"), "{}", text(&output.stderr));
}

/// A run that has made its first step and now waits for its second, which does not come.
fn settling(sim: &SpawnedSim, flags: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let load = ["--concurrency", "1,2", "--requests", "20", "--settle", "10m"];
    let mut child = bench(sim.base_url(), &[&load[..], flags].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("step 0 done") {
        line.clear();
        assert!(said.read_line(&mut line).expect("readable") > 0, "it ended early");
    }
    (child, said)
}

#[test]
fn what_was_measured_outlives_the_process() {
    let (sim, folder) = (quick(), tempfile::tempdir().expect("a folder"));
    let [record, csv, html] = ["run.json", "run.csv", "run.html"].map(|it| path(folder.path(), it));
    let files = ["--output", &record, "--csv", &csv, "--html", &html];
    let (mut child, _said) = settling(&sim, &files);
    // The last that is written.
    daemon::until("the page", || Path::new(&html).exists().then_some(()));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let record = json(&fs::read(record).expect("written"));
    assert_eq!(record["result"], "interrupted", "{record}");
    assert!(record["reason"].as_str().expect("why").contains("had not ended"), "{record}");
    assert_eq!(record["steps"].as_array().map(Vec::len), Some(1), "{record}");
    assert_eq!(record["steps"][0]["n"], 20, "{record}");
    assert_eq!(fs::read_to_string(csv).expect("written").lines().count(), 2);
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 3, "and nothing beside");
}

#[test]
fn an_interrupt_keeps_what_there_is() {
    let sim = quick();
    let (child, mut said) = settling(&sim, &["--format", "json"]);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    kill(pid, Signal::SIGINT).expect("it runs");
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("readable");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{rest}");
    let record = json(&output.stdout);
    assert_eq!(record["result"], "cancelled", "{record}");
    assert_eq!(record["steps"][0]["n"], 20, "{record}");
}

/// A benchmark whose first completion is in flight, behind some control requests.
fn under_way(sim: &SpawnedSim, flags: &[&str]) -> (Child, Pid) {
    let child = bench(sim.base_url(), flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let asked = || sim.handle().recent_requests().iter().any(|it| it.method == "POST");
    daemon::until("a request", || asked().then_some(()));
    (child, pid)
}

#[test]
fn a_sigterm_that_comes_twice_at_once_is_one() {
    let sim = engine(SimSpec { itl: Dist::constant_ms(200.0), ..SimSpec::default() });
    let (child, pid) = under_way(&sim, &["--requests", "2", "--warmup", "0"]);
    kill(pid, Signal::SIGTERM).expect("it runs");
    // At once, the kernel would make one of them.
    thread::sleep(Duration::from_millis(20));
    kill(pid, Signal::SIGTERM).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        (output.status.code(), text(&output.stderr).contains("giving up")),
        (Some(143), false)
    );
}

#[test]
fn a_second_interrupt_gives_up_what_is_in_flight() {
    let (ttft, itl) = (Dist::constant_ms(20.0), Dist::constant_ms(60_000.0));
    let sim = engine(SimSpec { ttft, itl, ..SimSpec::default() });
    let flags = ["--requests", "2", "--warmup", "0", "--timeout", "10m"];
    let (mut child, pid) = under_way(&sim, &flags);
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    kill(pid, Signal::SIGINT).expect("it runs");
    let mut line = String::new();
    while !line.contains("once more") {
        line.clear();
        assert!(said.read_line(&mut line).expect("readable") > 0, "it ended early");
    }
    kill(pid, Signal::SIGINT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stdout).contains("cancelled"), "{}", text(&output.stdout));
}

#[test]
fn a_planted_secret_comes_out_nowhere() {
    let (echo, folder) = (Echo::start(), tempfile::tempdir().expect("a folder"));
    let [record, csv, html] = ["run.json", "run.csv", "run.html"].map(|it| path(folder.path(), it));
    let header = format!("X-Tenant: {TENANT}");
    let flags =
        ["--model", "m", "--requests", "30", "--api-key-env", "PLANTED", "--header", &header];
    let files = ["--output", &record, "--csv", &csv, "--html", &html];
    let output = bench(&echo.url(), &[&flags[..], &files].concat())
        .env("PLANTED", BEARER)
        .env("RUST_LOG", "trace")
        .output()
        .expect("the binary runs");
    assert!(echo.answered() >= 30, "{}", text(&output.stderr));
    let mut places = vec![("stdout", text(&output.stdout)), ("stderr", text(&output.stderr))];
    for file in [&record, &csv, &html] {
        places.push((file, fs::read_to_string(file).expect("written")));
    }
    for (place, content) in places {
        assert!(!content.contains("planted"), "{place}: {content}");
    }
}

#[test]
fn neither_the_path_of_a_url_nor_that_of_a_file_comes_out() {
    let (echo, folder) = (Echo::start(), tempfile::tempdir().expect("a folder"));
    let [record, csv, html] = ["run.json", "run.csv", "run.html"].map(|it| path(folder.path(), it));
    let dataset = path(folder.path(), "planted.jsonl");
    fs::write(&dataset, "{\"prompt\": \"How are you?\", \"max_tokens\": 4}\n").expect("written");
    let url = format!("{}/planted-key", echo.url());
    let files = ["--output", &record, "--csv", &csv, "--html", &html];
    let flags = ["bench", &url, "--model", "m", "--requests", "5", "--dataset", &dataset];
    let output = tokenbeat(&[&flags[..], &files].concat()).output().expect("the binary runs");
    assert!(echo.answered() >= 5, "{}", text(&output.stderr));
    let mut places = vec![("stdout", text(&output.stdout)), ("stderr", text(&output.stderr))];
    for file in [&record, &csv, &html] {
        places.push((file, fs::read_to_string(file).expect("written")));
    }
    for (place, content) in places {
        assert!(!content.contains("planted"), "{place}: {content}");
    }
}
