//! Forms of loads, and what is said of those that are none.

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::*;

fn build(spec: Value) -> Result<Load, Vec<String>> {
    let demands: Arc<[Demand]> = vec![Demand::default()].into();
    let spec = LoadSpec::deserialize(spec).expect("the form");
    spec.build(|file| (file == Path::new("there.jsonl")).then_some(demands)).map_err(|faults| {
        faults.into_iter().map(|(path, error)| format!("{}: {error}", path.join("."))).collect()
    })
}

fn levels(spec: Value) -> Vec<Arrival> {
    match build(spec) {
        Ok(Load::Levels(levels)) => levels,
        other => panic!("levels: {other:?}"),
    }
}

fn open(pattern: Pattern, max_in_flight: Option<u32>) -> Arrival {
    Arrival::Open(Open { pattern, max_in_flight })
}

#[test]
fn users_are_one_level_or_several() {
    let closed = |users, spawn_rate| Arrival::Closed(Closed { users, spawn_rate, ramp: None });
    assert_eq!(levels(json!({"concurrency": 8})), [closed(8, None)]);
    assert_eq!(
        levels(json!({"concurrency": [1, 5], "spawn_rate": 2.5})),
        [closed(1, Some(2.5)), closed(5, Some(2.5))]
    );
}

#[test]
fn a_rate_has_a_pattern_and_a_gate() {
    assert_eq!(
        levels(json!({"rate": [5, 10.5], "max_concurrency": 32})),
        [
            open(Pattern::Poisson { rate: 5.0 }, Some(32)),
            open(Pattern::Poisson { rate: 10.5 }, Some(32)),
        ]
    );
    let constant = json!({"rate": 5, "arrival": "constant"});
    assert_eq!(levels(constant), [open(Pattern::Constant { rate: 5.0 }, None)]);
    let gamma = json!({"rate": 5, "arrival": "gamma", "burstiness": 0.5});
    assert_eq!(levels(gamma), [open(Pattern::Gamma { rate: 5.0, burstiness: 0.5 }, None)]);
    let burst = json!({"rate": 5, "arrival": "burst", "burst_size": 10});
    let period = Duration::from_secs(2);
    assert_eq!(levels(burst), [open(Pattern::Burst { size: 10, period }, None)]);
}

#[test]
fn a_ramp_is_of_the_rate_or_of_users() {
    let over = Duration::from_secs(60);
    let rate = json!({"ramp": {"from": 0, "to": 20, "over": "1m"}, "arrival": "constant"});
    let burstiness = f64::INFINITY;
    let pattern = Pattern::Ramp { from: 0.0, to: 20.0, over, steps: None, burstiness };
    assert_eq!(levels(rate), [open(pattern, None)]);
    let users =
        json!({"ramp": {"of": "concurrency", "from": 1, "to": 9, "over": "1m", "steps": 4}});
    let ramp = Some(UserRamp { from: 1, over, steps: Some(4) });
    assert_eq!(levels(users), [Arrival::Closed(Closed { users: 9, spawn_rate: None, ramp })]);
}

#[test]
fn a_trace_is_read_and_has_a_speed() {
    let demands: Arc<[Demand]> = vec![Demand::default()].into();
    let pattern = |speed| Pattern::Trace { demands: Arc::clone(&demands), speed };
    assert_eq!(levels(json!({"trace": "there.jsonl"})), [open(pattern(1.0), None)]);
    let fast = json!({"trace": {"file": "there.jsonl", "speed": 2}, "max_concurrency": 4});
    assert_eq!(levels(fast), [open(pattern(2.0), Some(4))]);
    // Whoever reads it says why it cannot be read.
    assert_eq!(build(json!({"trace": "gone.jsonl"})), Err(Vec::new()));
}

#[test]
fn a_search_has_bounds_and_a_precision() {
    let rate = json!({"find_max_goodput": {"max": 100, "arrival": "constant"}});
    let expected = Search {
        of: Quantity::Rate,
        start: 1.0,
        max: 100.0,
        precision: 0.05,
        max_steps: 12,
        burstiness: f64::INFINITY,
    };
    assert_eq!(build(rate), Ok(Load::Search(expected)));
}

#[test]
fn what_is_no_load_is_told_with_its_place() {
    for (spec, told) in [
        (json!({}), vec![": there is no level in it"]),
        (json!({"rate": 5, "concurrency": 5}), vec![": `concurrency` and `rate` cannot stand"]),
        (
            json!({"rate": 5, "spawn_rate": 1}),
            vec!["spawn_rate: `spawn_rate` means something with `concurrency` only"],
        ),
        (
            json!({"concurrency": 5, "arrival": "gamma", "max_concurrency": 4}),
            vec!["arrival: `arrival` means something", "max_concurrency: `max_concurrency` means"],
        ),
        (
            json!({"rate": 5, "burstiness": 2, "burst_size": 4}),
            vec!["burstiness: `burstiness` means something", "burst_size: `burst_size` means"],
        ),
        (json!({"rate": 5, "arrival": "gamma"}), vec!["arrival: `arrival: gamma` needs"]),
        (json!({"rate": 5, "arrival": "burst"}), vec!["arrival: `arrival: burst` needs"]),
        (
            json!({"ramp": {"from": 2, "to": 2, "over": "0s"}}),
            vec!["ramp.over: a ramp takes time", "ramp.to: a ramp changes something"],
        ),
        (
            json!({"ramp": {"of": "concurrency", "from": 9, "to": 1, "over": "1m"}}),
            vec!["ramp.to: users are whole numbers"],
        ),
        (
            json!({"ramp": {"from": 1, "to": 2, "over": "1m"}, "arrival": "burst", "burst_size": 2}),
            vec!["arrival: `arrival: burst` means something with `rate` only"],
        ),
        (
            json!({"find_max_goodput": {"start": 9, "max": 5, "precision": 0, "arrival": "burst"}}),
            vec![
                "find_max_goodput.start: the search starts at 9",
                "find_max_goodput.precision: the precision",
                "find_max_goodput.arrival: a search knows",
            ],
        ),
        (
            json!({"find_max_goodput": {"of": "concurrency", "max": 2.5, "arrival": "poisson"}}),
            vec![
                "find_max_goodput.max: a level of `of: concurrency`",
                "find_max_goodput.arrival: `arrival` means something with `of: rate` only",
            ],
        ),
        (
            json!({"find_max_goodput": {"max": 5, "arrival": "gamma"}}),
            vec!["find_max_goodput.arrival: `arrival: gamma` needs `burstiness`"],
        ),
    ] {
        let faults = build(spec.clone()).expect_err("faulty");
        assert_eq!(faults.len(), told.len(), "{spec}: {faults:?}");
        for (fault, told) in faults.iter().zip(told) {
            assert!(fault.starts_with(told), "{spec}: {fault}");
        }
    }
}
