use super::*;
use crate::{
    event::{
        Achieved, Compared, Engine, EngineFacts, Environment, Findings, Latency, LoadRecord, Rates,
        Retried, RunRecord, RunResult, SCHEMA_VERSION, Standing, StepRecord, Tokens, Trigger,
        Validity, Window,
    },
    verdict::State,
};

/// A run of one step, whose numbers all follow from one: how much slower the engine is.
fn run(number: u32, slower: f64) -> RunRecord {
    let at = f64::from(number) * 1000.0;
    let tokens = Some(1000.0 / slower);
    RunRecord {
        schema_version: SCHEMA_VERSION,
        id: number.to_string(),
        tokenbeat_version: "1".to_owned(),
        trigger: Trigger::Schedule,
        result: RunResult::Success,
        reason: None,
        due_at: at - 600.0,
        started_at: at - 600.0,
        ended_at: at,
        sweep: "nightly".to_owned(),
        scenario: "short".to_owned(),
        target: "t".to_owned(),
        origin: "http://t.test".to_owned(),
        model: "m".to_owned(),
        api: "openai_chat".to_owned(),
        engine: Some(Engine {
            name: "vllm".to_owned(),
            version: Some("0.33.0".to_owned()),
            facts: EngineFacts::default(),
        }),
        environment: Environment::default(),
        labels: [].into(),
        cost_per_hour: None,
        workloads: [].into(),
        seed: number.into(),
        sizing: None,
        calibration: None,
        steps: vec![step(slower, tokens)],
        findings: Findings {
            max_goodput_requests_per_second: Some(4.4),
            max_output_tokens_per_second: tokens,
            ..Findings::default()
        },
    }
}

fn step(slower: f64, output_tokens_per_second: Option<f64>) -> StepRecord {
    let latency = |(name, seconds): (&str, f64)| {
        let (p50, p99) = (Some(seconds * slower), Some(3.0 * seconds * slower));
        (name.to_owned(), Latency { n: 500, n_ok: 500, p50, p99, ..Latency::default() })
    };
    StepRecord {
        step: 1,
        workload: "chat".to_owned(),
        load: LoadRecord { text: "20 users".to_owned(), ..LoadRecord::default() },
        achieved: Achieved::default(),
        window: Window::default(),
        n: 500,
        outcomes: [].into(),
        latencies: [("ttft", 0.25), ("tpot", 0.02), ("e2e", 2.0)].map(latency).into(),
        rates: Rates { output_tokens_per_second, ..Rates::default() },
        tokens: Tokens { output_wanted_mean: Some(100.0), ..Tokens::default() },
        retried: Retried::default(),
        engine: None,
        gpu: None,
        cause: None,
        validity: Validity::default(),
        standings: vec![Standing {
            slo: "interactive".to_owned(),
            metric: None,
            threshold: None,
            objective: 0.95,
            n: 500,
            misses: 0,
            state: State::Pass,
        }],
        stopped: None,
        warnings: Vec::new(),
        compat: [].into(),
    }
}

/// A history of runs of the same engine, with a little noise, and what was told of the last.
fn history(runs: std::ops::Range<u32>) -> (History, Vec<Regression>) {
    let mut history = History::default();
    let mut last = Vec::new();
    for number in runs {
        last = judge(&mut history, &run(number, quiet(number)));
    }
    (history, last)
}

/// Noise of about one per cent.
fn quiet(number: u32) -> f64 {
    [1.0, 1.01, 0.99, 1.005, 0.995][number as usize % 5]
}

fn judge(history: &mut History, run: &RunRecord) -> Vec<Regression> {
    history.judge(&Point::of(run).expect("a run that counts"))
}

fn of(found: &[Regression], metric: Compared) -> &Regression {
    found.iter().find(|one| one.metric == metric).expect("a series")
}

fn active(found: &[Regression]) -> usize {
    found.iter().filter(|one| one.active).count()
}

#[test]
fn nothing_is_told_before_there_is_a_baseline() {
    let (mut history, fifth) = history(0..5);
    assert_eq!(fifth, []);
    let sixth = judge(&mut history, &run(5, 1.0));
    let told: Vec<_> = sixth.iter().map(|one| (one.step, one.metric.as_str())).collect();
    let step = |metric| (Some(1), metric);
    let wanted = [
        step("ttft_p50"),
        step("ttft_p99"),
        step("tpot_p50"),
        step("tpot_p99"),
        step("e2e_p50"),
        step("e2e_p99"),
        step("output_tokens"),
        (None, "max_goodput"),
        (None, "max_output_tokens"),
    ];
    assert_eq!(told.len(), wanted.len(), "{told:?}");
    assert!(wanted.iter().all(|one| told.contains(one)), "{told:?}");
    for one in sixth {
        assert_eq!(
            (one.active, one.baseline_runs, one.last_change_at),
            (false, 5, None),
            "{one:?}"
        );
        assert!(one.change_ratio.expect("finite").abs() < 0.02 && one.p_value > 0.2, "{one:?}");
    }
}

#[test]
fn a_change_for_the_worse_is_active_from_its_second_run_and_until_it_is_over() {
    let (mut history, _) = history(0..20);
    let first = judge(&mut history, &run(20, 1.2));
    assert_eq!(active(&first), 0);
    assert!(of(&first, Compared::TtftP50).p_value < 1e-6);
    let second = judge(&mut history, &run(21, 1.2));
    let (ttft, tokens) = (of(&second, Compared::TtftP50), of(&second, Compared::OutputTokens));
    assert_eq!((ttft.active, ttft.baseline_runs, ttft.last_change_at), (true, 20, Some(21_000.0)));
    assert!((ttft.change_ratio.expect("finite") - 0.2).abs() < 0.01, "{ttft:?}");
    assert!((tokens.change_ratio.expect("finite") + 1.0 / 6.0).abs() < 0.01, "{tokens:?}");
    assert!(tokens.active && !of(&second, Compared::MaxGoodput).active);
    // It does not become its own excuse.
    for number in 22..30 {
        let found = judge(&mut history, &run(number, 1.2));
        assert_eq!(of(&found, Compared::TtftP50).last_change_at, Some(21_000.0));
        assert_eq!(active(&found), active(&second), "run {number}");
    }
    assert!(active(&judge(&mut history, &run(30, 1.0))) > 0, "one good run");
    let over = judge(&mut history, &run(31, 1.0));
    assert_eq!(active(&over), 0);
    assert_eq!(of(&over, Compared::TtftP50).last_change_at, Some(31_000.0));
}

#[test]
fn one_bad_run_is_no_regression_and_no_baseline() {
    let (mut history, _) = history(0..20);
    for number in 20..40 {
        let bad = number % 4 == 0;
        let found = judge(&mut history, &run(number, if bad { 1.5 } else { quiet(number) }));
        assert_eq!(active(&found), 0, "run {number}");
        let change = of(&found, Compared::E2eP50).change_ratio.expect("finite");
        assert_eq!(change > 0.45, bad, "run {number}: {change}");
    }
}

#[test]
fn a_worse_level_is_the_baseline_after_twenty_runs() {
    let (mut history, _) = history(0..10);
    let level = |number| run(number, 1.2 * quiet(number));
    for number in 10..30 {
        let found = judge(&mut history, &level(number));
        assert_eq!(active(&found) > 0, (11..29).contains(&number), "run {number}");
    }
    let after = judge(&mut history, &level(30));
    let ttft = of(&after, Compared::TtftP50);
    assert!(!ttft.active && ttft.change_ratio.expect("finite").abs() < 0.02, "{ttft:?}");
    assert_eq!((ttft.baseline_runs, ttft.last_change_at), (20, Some(29_000.0)));
}

#[test]
fn a_better_level_is_the_baseline_after_five_runs_and_never_active() {
    let (mut history, _) = history(0..20);
    for number in 20..25 {
        let found = judge(&mut history, &run(number, 0.8 * quiet(number)));
        assert_eq!(active(&found), 0);
        let ttft = of(&found, Compared::TtftP50).change_ratio.expect("finite");
        assert!((ttft + 0.2).abs() < 0.02, "{ttft}");
    }
    // Back at the old level, it is worse than the new one.
    judge(&mut history, &run(25, 1.0));
    let back = judge(&mut history, &run(26, 1.0));
    let ttft = of(&back, Compared::TtftP50);
    assert!(ttft.active && ttft.baseline_runs == 5, "{ttft:?}");
}

#[test]
fn what_fails_is_infinitely_worse_and_enters_no_baseline() {
    let (mut history, _) = history(0..10);
    for number in 10..40 {
        let mut failing = run(number, 1.0);
        let none = Latency { n: 500, failed: 400, infinite: true, ..Latency::default() };
        failing.steps[0].latencies.insert("e2e".to_owned(), none);
        failing.steps[0].rates.output_tokens_per_second = Some(0.0);
        let found = judge(&mut history, &failing);
        let (e2e, tokens) = (of(&found, Compared::E2eP50), of(&found, Compared::OutputTokens));
        assert_eq!((e2e.change_ratio, e2e.p_value, e2e.active), (None, 0.0, number > 10));
        assert_eq!((tokens.change_ratio, tokens.active), (Some(-1.0), number > 10));
    }
}

#[test]
fn other_conditions_open_a_new_baseline() {
    type Change = fn(&mut RunRecord);
    let changes: [(&str, Change); 7] = [
        ("scenario", |run| run.scenario.push('x')),
        ("api", |run| run.api.push('x')),
        ("version of the engine", |run| {
            run.engine = Some(Engine {
                name: "vllm".to_owned(),
                version: Some("9".to_owned()),
                facts: EngineFacts::default(),
            });
        }),
        ("engine", |run| {
            run.engine = Some(Engine {
                name: "sglang".to_owned(),
                version: None,
                facts: EngineFacts::default(),
            });
        }),
        ("tokenbeat", |run| run.tokenbeat_version.push('x')),
        ("our machine", |run| run.environment.fingerprint.push('x')),
        ("lengths", |run| run.steps[0].tokens.output_wanted_mean = Some(9_999.0)),
    ];
    for (what, change) in changes {
        let (mut history, _) = history(0..10);
        for number in 10..15 {
            let mut other = run(number, 1.5);
            change(&mut other);
            let found = judge(&mut history, &other);
            let of_step = found.iter().filter(|one| one.step.is_some()).count();
            assert_eq!((of_step, active(&found)), (0, 0), "{what}, run {number}");
        }
        let mut other = run(15, 1.5);
        change(&mut other);
        let found = judge(&mut history, &other);
        assert_eq!(of(&found, Compared::TtftP50).baseline_runs, 5, "{what}");
    }
}

#[test]
fn an_engine_that_is_not_known_or_was_given_other_memory_is_no_other_engine() {
    let facts = EngineFacts { cache_blocks: Some(7), ..EngineFacts::default() };
    for engine in [
        Some(Engine { name: "vllm".to_owned(), version: Some("0.33.0".to_owned()), facts }),
        None,
        Some(Engine { name: "vllm".to_owned(), version: None, facts: EngineFacts::default() }),
    ] {
        let (mut history, _) = history(0..10);
        let silent = RunRecord { engine: engine.clone(), ..run(10, 1.0) };
        assert!(!judge(&mut history, &silent).is_empty(), "{engine:?}");
        assert_eq!(of(&judge(&mut history, &run(11, 1.0)), Compared::TtftP50).baseline_runs, 11);
    }
}

#[test]
fn another_load_of_a_step_is_another_step_and_another_slo_another_goodput() {
    let (mut other_load, _) = history(0..10);
    let mut run_of = run(10, 1.5);
    run_of.steps[0].load.text = "21 users".to_owned();
    assert_eq!(judge(&mut other_load, &run_of), []);
    let (mut other_slo, _) = history(0..10);
    let mut run_of = run(10, 1.0);
    run_of.steps[0].standings[0].objective = 0.5;
    let found = judge(&mut other_slo, &run_of);
    assert!(!found.is_empty() && found.iter().all(|one| one.metric != Compared::MaxGoodput));
}

#[test]
fn of_a_search_only_the_answer_is_compared() {
    let mut history = History::default();
    for number in 0..6 {
        let mut search = run(number, 1.0);
        search.findings.bracket_low = Some(20.0);
        search.steps[0].load.text = format!("{number} users");
        let found = judge(&mut history, &search);
        let told: Vec<_> = found.iter().map(|one| (one.step, one.metric)).collect();
        let wanted = if number < 5 { vec![] } else { vec![(None, Compared::MaxGoodput)] };
        assert_eq!(told, wanted, "run {number}");
    }
}

#[test]
fn only_complete_and_valid_runs_count_and_a_p99_of_enough_exchanges() {
    use RunResult::{Cancelled, Failed, Interrupted, Invalid};
    for result in [Invalid, Failed, Interrupted, Cancelled] {
        assert!(Point::of(&RunRecord { result, ..run(0, 1.0) }).is_none(), "{result:?}");
    }
    for (n, tails) in [(298, 0), (299, 3)] {
        let mut run = run(0, 1.0);
        run.steps[0].latencies.values_mut().for_each(|latency| latency.n = n);
        let point = Point::of(&run).expect("a run that counts");
        let is_tail = |metric: Compared| metric.as_str().ends_with("_p99");
        let found = point.values.iter().filter(|value| is_tail(value.case.metric)).count();
        assert_eq!(found, tails, "{n} exchanges");
    }
}

#[test]
fn one_that_starts_again_tells_the_time_that_was_told() {
    let (mut whole, _) = history(0..20);
    let mut kept = Vec::new();
    for number in 20..60 {
        let slower = if number < 30 { 1.2 } else { 1.0 };
        let mut run = run(number, slower * quiet(number));
        run.findings.regressions = judge(&mut whole, &run);
        kept.push(run);
    }
    // Of what was before the last flip nothing is known any more.
    let mut after = History::default();
    for run in &kept[12..] {
        judge(&mut after, run);
    }
    let next = run(60, 1.0);
    let flips = |found: &[Regression]| {
        found.iter().map(|one| (one.active, one.last_change_at)).collect::<Vec<_>>()
    };
    let (wanted, found) = (judge(&mut whole, &next), judge(&mut after, &next));
    assert_eq!(of(&wanted, Compared::TtftP50).last_change_at, Some(31_000.0));
    assert_eq!(flips(&wanted), flips(&found));
}

#[test]
fn discoveries_are_corrected_for_their_number() {
    assert_eq!(surest(vec![]), -1.0);
    assert_eq!(surest(vec![0.011]), -1.0);
    assert_eq!(surest(vec![0.0, 1.0, 1.0]), 0.0);
    // The example of Benjamini and Hochberg's step-up: 0.009 is one because 0.0099 is.
    assert_eq!(surest(vec![0.0099, 0.009, 0.0001]), 0.0099);
    assert_eq!(surest(vec![0.009, 0.5, 0.0001]), 0.0001);
}
