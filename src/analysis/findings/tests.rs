use std::time::Duration;

use super::*;
use crate::{
    analysis::SearchOutcome,
    event::{
        Achieved, Latency, LoadRecord, Rates, Retried, Standing, Tokens, Validity, Window,
        dollars_per_million_tokens,
    },
    verdict::{Judge, Metric, Pack, PackScenario, Threshold},
};

/// A step of so many users that had so many tokens a second at such a median end to end.
fn step(number: u32, users: u32, tokens: f64, e2e: f64) -> StepRecord {
    let latency = |p50: f64| Latency { p50: Some(p50), n: 100, ..Latency::default() };
    StepRecord {
        step: number,
        workload: "chat".into(),
        load: LoadRecord {
            arrival: "closed".into(),
            concurrency: Some(users),
            ..LoadRecord::default()
        },
        achieved: Achieved::default(),
        window: Window { seconds: 600.0, ..Window::default() },
        n: 100,
        outcomes: BTreeMap::from([("ok".into(), 100)]),
        latencies: BTreeMap::from([
            ("e2e".into(), latency(e2e)),
            ("ttft".into(), latency(e2e / 10.0)),
        ]),
        rates: Rates {
            output_tokens_per_second: Some(tokens),
            requests_per_second: Some(tokens / 128.0),
            goodput_requests_per_second: Some(tokens / 128.0),
            ..Rates::default()
        },
        tokens: Tokens { output: 12_800, ..Tokens::default() },
        retried: Retried::default(),
        validity: Validity::default(),
        engine: None,
        gpu: None,
        cause: None,
        standings: Vec::new(),
        stopped: None,
        warnings: Vec::new(),
        compat: BTreeMap::new(),
    }
}

fn sweep(rows: &[(u32, f64, f64)]) -> Vec<StepRecord> {
    rows.iter()
        .zip(0..)
        .map(|((users, tokens, e2e), number)| step(number, *users, *tokens, *e2e))
        .collect()
}

fn slo(name: &str) -> Arc<Slo> {
    Arc::new(Slo {
        name: name.into(),
        thresholds: vec![Threshold {
            metric: Metric::Ttft,
            max: Duration::from_secs(1),
            objective: 0.95,
        }],
        objective: 0.95,
        window: Duration::from_secs(86_400),
        judge: Judge::Each,
        pack: None,
    })
}

fn judged(mut step: StepRecord, state: State) -> StepRecord {
    let standing = |metric: Option<&str>, state| Standing {
        slo: "interactive".into(),
        metric: metric.map(str::to_owned),
        threshold: None,
        objective: 0.95,
        n: 100,
        misses: 0,
        state,
    };
    step.standings = vec![standing(None, state), standing(Some("ttft"), State::Fail)];
    step
}

fn marked(mut step: StepRecord, mark: Mark) -> StepRecord {
    step.validity.marks.push(mark);
    step
}

fn codes(findings: &Findings) -> Vec<&str> {
    findings.warnings.iter().map(|warning| &*warning.code).collect()
}

/// Five sweeps as they were published, of A10G machines: users, tokens a second, mean latency.
#[test]
#[expect(clippy::approx_constant, reason = "a published 6.28 s, no 2 π")]
fn published_sweeps_are_read_as_their_authors_read_them() {
    for (rows, best, peak, saturation, knee) in [
        (
            [
                (10, 236.62, 5.04),
                (20, 554.70, 4.31),
                (40, 766.65, 6.09),
                (80, 828.76, 9.58),
                (120, 1007.91, 9.95),
                (200, 771.25, 17.85),
            ],
            20,
            120,
            Some(120),
            Some(20),
        ),
        (
            [
                (10, 231.0, 5.31),
                (20, 448.0, 5.23),
                (40, 706.0, 6.28),
                (80, 881.0, 8.85),
                (120, 961.0, 9.26),
                (200, 789.0, 16.83),
            ],
            20,
            120,
            Some(120),
            Some(40),
        ),
        (
            [
                (10, 570.0, 2.24),
                (20, 1193.0, 2.12),
                (40, 1428.0, 3.39),
                (80, 1609.0, 5.50),
                (120, 1910.0, 6.37),
                (200, 1891.0, 8.97),
            ],
            20,
            120,
            Some(120),
            Some(20),
        ),
        (
            [
                (10, 221.0, 5.54),
                (20, 453.0, 5.06),
                (40, 706.0, 6.16),
                (80, 896.0, 8.67),
                (120, 985.0, 9.20),
                (200, 892.0, 11.96),
            ],
            20,
            120,
            Some(120),
            Some(40),
        ),
        (
            [
                (10, 781.0, 1.61),
                (20, 1073.0, 2.32),
                (40, 1307.0, 3.64),
                (80, 1401.0, 6.48),
                (120, 1364.0, 9.54),
                (200, 1149.0, 16.97),
            ],
            10,
            80,
            Some(80),
            Some(10),
        ),
    ] {
        let findings = findings(&sweep(&rows), &FindingsContext::default());
        let users = |step: Option<u32>| step.map(|step| rows[step as usize].0);
        assert_eq!(users(findings.best_latency_step), Some(best));
        assert_eq!(users(findings.peak_throughput_step), Some(peak));
        assert_eq!(users(findings.saturation_step), saturation);
        assert_eq!(users(findings.knee_step), knee);
        assert_eq!(findings.knee_concurrency, knee.map(f64::from));
        assert_eq!(codes(&findings), [""; 0]);
    }
}

#[test]
fn throughput_that_still_rises_has_no_saturation() {
    let rising = [(1, 100.0, 1.0), (2, 200.0, 1.0), (4, 400.0, 1.0)];
    let findings = findings(&sweep(&rising), &FindingsContext::default());
    assert_eq!((findings.peak_throughput_step, findings.saturation_step), (Some(2), None));
    assert_eq!((findings.knee_step, codes(&findings)), (None, vec!["throughput_still_rising"]));
}

#[test]
fn what_a_million_tokens_cost() {
    // 2.448 dollars for 961 × 3,600 tokens.
    let cost = dollars_per_million_tokens(2.448, 961.0).expect("a cost");
    assert!((cost - 0.7076).abs() < 1e-4, "{cost}");
    assert_eq!(dollars_per_million_tokens(2.448, 0.0), None);
    let mut steps = sweep(&[(40, 500.0, 4.0), (120, 961.0, 9.26)]);
    steps[0].rates.cost_dollars_per_million_output_tokens = Some(1.36);
    steps[1].rates.cost_dollars_per_million_output_tokens = Some(cost);
    let found = findings(&steps, &FindingsContext::default());
    assert_eq!(found.cost_dollars_per_million_output_tokens, Some(cost), "that of the peak");
}

#[test]
fn marked_steps_are_kept_out_and_named() {
    let mut steps = sweep(&[(1, 100.0, 1.0), (2, 150.0, 1.5), (4, 900.0, 0.1)]);
    steps[2] = marked(judged(steps[2].clone(), State::Fail), Mark::ClientSaturated);
    steps[0] = judged(steps[0].clone(), State::Pass);
    let context = FindingsContext { slos: vec![slo("interactive")], ..FindingsContext::default() };
    let found = findings(&steps, &context);
    assert_eq!((found.best_latency_step, found.peak_throughput_step), (Some(0), Some(1)));
    assert_eq!(found.verdicts["interactive"], State::Pass);
    assert_eq!(codes(&found), ["client_saturated", "throughput_still_rising"]);
    assert!(found.warnings[0].text.starts_with("step 2: "));

    let all: Vec<_> = steps.into_iter().map(|step| marked(step, Mark::Throttled)).collect();
    let found = findings(&all, &context);
    assert_eq!(found.verdicts["interactive"], State::NotEnoughData);
    assert!(codes(&found).contains(&"no_valid_step"));
    assert_eq!(
        (found.peak_throughput_step, found.max_goodput_requests_per_second),
        (Some(2), None)
    );
}

#[test]
fn the_worst_step_is_the_verdict_and_the_best_certified_one_the_goodput() {
    let [one, two, three] = [(0, 256.0), (1, 512.0), (2, 1024.0)]
        .map(|(number, tokens)| step(number, number + 1, tokens, 1.0));
    let steps = [judged(one, State::Pass), judged(two, State::Pass), judged(three, State::Fail)];
    let context = FindingsContext { slos: vec![slo("interactive")], ..FindingsContext::default() };
    let found = findings(&steps, &context);
    assert_eq!(found.verdicts["interactive"], State::Fail);
    assert_eq!(found.max_goodput_requests_per_second, Some(4.0));
}

#[test]
fn a_search_speaks_for_itself() {
    let outcome = SearchOutcome {
        low: Some(36.0),
        high: None,
        goodput: Some(17.5),
        estimate: Some(37.0),
        confidence: 0.9,
    };
    let steps = [
        judged(step(0, 36, 256.0, 1.0), State::Pass),
        judged(step(1, 72, 512.0, 1.0), State::Fail),
    ];
    let context = FindingsContext { slos: vec![slo("interactive")], search: Some(outcome) };
    let found = findings(&steps, &context);
    assert_eq!(found.verdicts["interactive"], State::Pass);
    assert_eq!(found.max_goodput_requests_per_second, Some(17.5));
    assert_eq!((found.bracket_low, found.bracket_high), (Some(36.0), None));
    assert_eq!(found.bracket_estimate, Some(37.0));
    assert_eq!((found.bracket_confidence, codes(&found)), (Some(0.9), vec!["no_upper_end"]));
}

#[test]
fn a_search_without_a_valid_step_has_no_bracket_and_no_verdict() {
    let steps = sweep(&[(1, 100.0, 1.0), (2, 150.0, 1.5)]);
    let steps: Vec<_> = steps
        .into_iter()
        .map(|step| marked(judged(step, State::Pass), Mark::ClientSaturated))
        .collect();
    let context = FindingsContext {
        slos: vec![slo("interactive")],
        search: Some(SearchOutcome { confidence: 1.0, ..SearchOutcome::default() }),
    };
    let found = findings(&steps, &context);
    assert_eq!(found.verdicts["interactive"], State::NotEnoughData);
    let bracket = (found.bracket_low, found.bracket_high, found.bracket_estimate);
    assert_eq!((bracket, found.bracket_confidence), ((None, None, None), None));
    assert_eq!(found.max_goodput_requests_per_second, None);
    assert_eq!(
        codes(&found),
        ["client_saturated", "no_valid_step", "nothing_certified", "no_upper_end"]
    );
}

#[test]
fn what_the_prefix_cache_brings_is_told_at_the_least_load() {
    let of = |number, workload: &str, users, e2e| StepRecord {
        workload: workload.into(),
        ..step(number, users, 100.0, e2e)
    };
    let steps = [
        of(0, "prefix-cold", 12, 80.0),
        of(1, "prefix-cold", 1, 30.0),
        of(2, "prefix-warm", 12, 10.0),
        of(3, "prefix-warm", 1, 5.0),
    ];
    let found = findings(&steps, &FindingsContext::default());
    assert!(found.prefix_cache_speedup.is_some_and(|speedup| (speedup - 6.0).abs() < 1e-12));
    assert_eq!(findings(&steps[..2], &FindingsContext::default()).prefix_cache_speedup, None);
}

#[test]
fn rules_that_were_not_met_are_named_with_slo_and_step() {
    let pack = Pack {
        version: "6.0.17".into(),
        model: "llama2-70b".into(),
        scenario: PackScenario::Server,
        source: "loadgen/mlperf.conf".into(),
    };
    let packed = Arc::new(Slo { pack: Some(pack), ..(*slo("mlperf")).clone() });
    let context =
        FindingsContext { slos: vec![slo("plain"), packed], ..FindingsContext::default() };
    let found = findings(&sweep(&[(10, 100.0, 1.0)]), &context);
    // Closed, which is two rules, and an objective of 95 %.
    assert_eq!(found.unmet_rules.len(), 3);
    assert!(found.unmet_rules.iter().all(|rule| rule.starts_with("mlperf: step 0: ")));
}

#[test]
fn nothing_follows_from_nothing() {
    assert_eq!(findings(&[], &FindingsContext::default()), Findings::default());
}
