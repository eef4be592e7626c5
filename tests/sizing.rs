//! The lengths of a run's prompts on servers whose tokens are not our words: right from the first
//! step on, by requests before it that are counted and told.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/serve.rs, which uses it all")]
mod daemon;
#[path = "support/exposition.rs"]
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
mod exposition;
#[path = "support/runner.rs"]
#[expect(dead_code, reason = "shared with tests/load.rs, which uses it all")]
mod runner;

use std::sync::Arc;

use daemon::tokenbeat;
use runner::{Runner, closed, poisson, scenario};
use serde_json::Value;
use tokenbeat::{
    arrival::{Arrival, Load},
    config::{self, Requests, Scenario},
    event::{RunRecord, RunResult, SizingRecord},
    load::{Halt, HaltReason, RunOrder},
    sim::{Dist, FaultRule, Sim, SimSpec, SpawnedSim, UsagePolicy},
    workload::Workload,
};

/// An engine whose template and vocabulary make a prompt of 200 words one of 300 tokens.
fn engine(spec: SimSpec) -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(1.0), Dist::constant_ms(0.1));
    let spec = SimSpec { ttft, itl, prompt_tokens_per_word: 1.45, template_tokens: 31, ..spec };
    Sim::spawn(spec).expect("an engine")
}

/// One that knows nothing of the target.
fn stranger(sim: &SpawnedSim) -> Runner {
    let mut runner = Runner::at(sim.base_url());
    runner.counted = None;
    runner
}

/// A step of each level with prompts of such lengths.
fn asking(input_tokens: &str, levels: Vec<Arrival>, requests: u64) -> Scenario {
    let text = format!(
        "workloads: {{w: {{synthetic: {{input_tokens: {input_tokens}, output_tokens: 2}}}}}}\n"
    );
    let config = config::load_str("workload.yml", &text).expect("a workload");
    let workload = Workload::clone(&config.workloads["w"]);
    Scenario {
        requests_per_step: Some(Requests::Count(requests)),
        ..Scenario::of("s", workload, Load::Levels(levels))
    }
}

fn run(runner: &Runner, order: RunOrder) -> RunRecord {
    let record = runner.loader().run(order, runner.sink(), Halt::default());
    RunRecord::clone(&record.blocking_recv().expect("a record"))
}

fn sizing(record: &RunRecord) -> &SizingRecord {
    record.sizing.as_ref().expect("something was asked")
}

#[test]
fn the_first_step_has_the_wanted_lengths() {
    for (lengths, levels) in [
        ("200", vec![closed(8), closed(16)]),
        ("{mean: 200, stddev: 20}", vec![poisson(200.0)]),
        ("{uniform: [60, 1500]}", vec![closed(20)]),
        ("{empirical: [40, 2000]}", vec![closed(20)]),
    ] {
        let sim = engine(SimSpec::default());
        let runner = stranger(&sim);
        let record = runner.run(asking(lengths, levels, 60));
        for step in &record.steps {
            let tokens = &step.tokens;
            let wanted = tokens.input_wanted_mean.expect("lengths were drawn");
            let had = tokens.input_length.mean.expect("the server counts");
            assert!((had / wanted - 1.0).abs() < 0.04, "{lengths}: {had} of {wanted}");
            assert!(step.warnings.iter().all(|one| one.code != "input_length_off"), "{lengths}");
        }
        let sizing = sizing(&record);
        assert!((1..=6).contains(&sizing.requests) && sizing.incomplete.is_none(), "{sizing:?}");
        assert!(sizing.input_tokens > 0 && sizing.output_tokens > 0, "{sizing:?}");
        // Told like every exchange of a run, and in no step.
        let judged: u64 = record.steps.iter().map(|step| step.n).sum();
        assert_eq!(runner.told().exchanges, judged + sizing.requests);
        assert_eq!(sim.handle().requests(), judged + sizing.requests);
        assert!(record.steps.iter().all(|step| step.window.warmup == 0));
    }
}

#[test]
fn what_was_learnt_is_not_asked_again_unless_the_lengths_are_others() {
    let sim = engine(SimSpec::default());
    let runner = stranger(&sim);
    let first = runner.order(asking("200", vec![closed(2)], 20));
    let link = Arc::clone(&first.link);
    assert!(run(&runner, first).sizing.is_some());
    let next = |lengths| RunOrder {
        link: Arc::clone(&link),
        ..runner.order(asking(lengths, vec![closed(2)], 20))
    };
    let record = run(&runner, next("200"));
    assert_eq!(record.sizing, None);
    let tokens = &record.steps[0].tokens;
    assert!((tokens.input_length.mean.expect("counted") / 200.0 - 1.0).abs() < 0.03);
    let record = run(&runner, next("3000"));
    assert!(record.sizing.is_some(), "that long a prompt is new");
    let mean = record.steps[0].tokens.input_length.mean.expect("counted");
    assert!((mean / 3000.0 - 1.0).abs() < 0.03, "what one question taught is heeded: {mean}");
}

#[test]
fn a_count_that_cannot_be_is_not_asked_for_twice() {
    let spec = SimSpec { prompt_tokens_per_word: 0.1, ..SimSpec::default() };
    let sim = Sim::spawn(spec).expect("an engine");
    let record = stranger(&sim).run(asking("{empirical: [100, 900]}", vec![closed(2)], 4));
    let sizing = sizing(&record);
    assert_eq!((sizing.requests, sizing.failed), (1, 0));
    assert!(sizing.incomplete.as_deref().is_some_and(|why| why.contains("cannot be")));
}

#[test]
fn nothing_is_asked_for_prompts_that_are_not_made_up() {
    let sim = engine(SimSpec::default());
    let text = "workloads: {w: {fixed: {prompt: 'Say yes.', max_tokens: 2}}}\n";
    let config = config::load_str("workload.yml", text).expect("a workload");
    let workload = Workload::clone(&config.workloads["w"]);
    let levels = Load::Levels(vec![closed(2)]);
    let requests_per_step = Some(Requests::Count(6));
    let record =
        stranger(&sim).run(Scenario { requests_per_step, ..Scenario::of("s", workload, levels) });
    assert_eq!((record.sizing, sim.handle().requests()), (None, 6));
}

#[test]
fn a_server_that_counts_no_prompt_is_asked_once() {
    let sim = engine(SimSpec { usage: UsagePolicy::Never, ..SimSpec::default() });
    let record = stranger(&sim).run(asking("200", vec![closed(2)], 6));
    let sizing = sizing(&record);
    assert_eq!((sizing.requests, sizing.failed, record.steps[0].n), (1, 0, 6));
    assert!(sizing.incomplete.as_deref().is_some_and(|why| why.contains("counts no prompt")));
}

#[test]
fn failures_are_tried_again_but_not_for_ever() {
    let fault = "http_503".parse().expect("a fault");
    let faults = vec![FaultRule { fault, ratio: 1.0 }];
    let sim = engine(SimSpec { faults, ..SimSpec::default() });
    let record = stranger(&sim).run(asking("{empirical: [100, 900]}", vec![closed(2)], 30));
    let sizing = sizing(&record);
    assert_eq!((record.result, sizing.requests, sizing.failed), (RunResult::Failed, 6, 6));
    assert!(sizing.incomplete.as_deref().is_some_and(|why| why.starts_with("http_5xx: ")));
}

#[test]
fn a_budget_pays_for_them_too() {
    let sim = engine(SimSpec::default());
    let mut runner = stranger(&sim);
    runner.target = ", budget: {requests_per_hour: 5}".to_owned();
    let record = runner.run(asking("200", vec![closed(1)], 50));
    assert_eq!((record.result, sim.handle().requests()), (RunResult::Interrupted, 5));
    assert_eq!(record.steps[0].n + sizing(&record).requests, 5);
    runner.target = ", budget: {requests_per_hour: 1}".to_owned();
    let record = runner.run(asking("200", vec![closed(1)], 50));
    assert_eq!((record.result, record.steps.len()), (RunResult::Interrupted, 0));
    assert!(record.reason.is_some_and(|why| why.contains("budget.requests_per_hour")));
}

#[test]
fn a_run_that_is_given_up_meanwhile_ends() {
    let sim = Sim::spawn(SimSpec { ttft: Dist::constant_ms(3_600_000.0), ..SimSpec::default() });
    let sim = sim.expect("an engine");
    let runner = stranger(&sim);
    let (halt, record) = runner.begin(scenario(vec![closed(1)], 4));
    runner.wait_for("a request", || sim.handle().requests() > 0);
    halt.abort(HaltReason::Cancelled, "somebody asked");
    let record = record.blocking_recv().expect("a record");
    assert_eq!((record.result, record.steps.len()), (RunResult::Cancelled, 0));
    assert_eq!(runner.told().exchanges, 1);
    assert!(runner.told().doing.iter().any(|doing| doing == "sizing prompts"));
}

#[test]
fn a_bench_tells_how_it_sized_its_prompts_and_takes_them_for_nobody_elses() {
    let sim = engine(SimSpec::default());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.json");
    let file = file.to_str().expect("a path of UTF-8");
    let url = sim.base_url();
    let flags = ["--isl", "400", "--osl", "40", "-c", "2", "-n", "40", "--output", file];
    let output =
        tokenbeat(&[&["bench", url][..], &flags].concat()).output().expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains(" tokens a word and "), "{told}");
    let record: Value =
        serde_json::from_slice(&std::fs::read(file).expect("written")).expect("JSON");
    let engine = &record["steps"][0]["engine"];
    assert_eq!(engine["foreign_token_ratio"], 0.0, "{engine}");
    let ratio = record["sizing"]["tokens_per_word"].as_f64().expect("learnt");
    // 1.45 a word, and full stops are none of this engine's words.
    assert!((1.2..1.45).contains(&ratio), "{ratio}");
    assert_eq!(record["steps"][0]["n"], 40);
}

#[test]
fn a_shared_prefix_is_as_long_as_wanted_and_hit() {
    let sim = engine(SimSpec::default());
    let mut scenario = asking("1124", vec![closed(4)], 40);
    let text = "workloads: {w: {synthetic: {input_tokens: 1124, output_tokens: 2, \
                shared_prefix_tokens: 1024}}}\n";
    let config = config::load_str("workload.yml", text).expect("a workload");
    scenario.workloads = vec![("w".into(), Arc::clone(&config.workloads["w"]))];
    let record = stranger(&sim).run(scenario);
    let tokens = &record.steps[0].tokens;
    // The first users find it cold; blocks at its end are not whole.
    let hit = tokens.cached_input as f64 / tokens.input as f64;
    assert!((0.75..=1024.0 / 1124.0).contains(&hit), "{hit} of {tokens:?}");
}
