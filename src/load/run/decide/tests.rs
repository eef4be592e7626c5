use super::*;
use crate::verdict::{Clustered, Judge, Threshold};

mod engine;

fn slo(judge: Judge, objectives: &[f64]) -> Arc<Slo> {
    let thresholds = objectives
        .iter()
        .zip(Metric::ALL)
        .map(|(objective, metric)| Threshold {
            metric,
            max: Duration::from_secs(1),
            objective: *objective,
        })
        .collect();
    let (name, window) = ("s".into(), Duration::from_secs(3_600));
    Arc::new(Slo { name, thresholds, objective: 0.95, window, judge, pack: None })
}

fn apart(n: u64, misses: &[u64]) -> Vec<Clustered> {
    misses.iter().map(|misses| Clustered::apart(n, *misses)).collect()
}

fn looked(n: u64, misses: &[u64]) -> Looked {
    Looked { n, misses: vec![apart(n, misses)], ..Looked::default() }
}

/// Looks as often as for a closed loop of one user.
fn decider(slos: &[Arc<Slo>]) -> Decider {
    Decider::of_users(slos, None, 1, Aim::Within(0.05))
}

#[test]
fn the_strictest_objective_sets_the_cap() {
    let cap = |objectives: &[f64]| decider(&[slo(Judge::Each, objectives)]).cap();
    assert_eq!((cap(&[0.95]), cap(&[0.9, 0.99]), cap(&[1.0])), (1_080, 5_508, 12));
    let never = Decider::of_users(&[slo(Judge::Each, &[1.0])], Some(50), 1, Aim::Side);
    assert_eq!(never.cap(), 50);
    assert_eq!(never.verdict(None, &looked(50, &[1, 1])), State::Fail);
}

#[test]
fn many_users_come_round_often_enough() {
    let slos = [slo(Judge::Each, &[0.95])];
    let fine = Aim::Within(0.05);
    for (cap, users, aim, most) in [
        (None, 10, fine, 1_080),
        (None, 1_000, fine, 4_000),
        (Some(500), 1_000, fine, 500),
        (None, 1, Aim::Side, 90),
        (None, 10, Aim::Side, 600),
        (None, 100, Aim::Side, 1_080),
        (None, 1_000, Aim::Side, 4_000),
    ] {
        assert_eq!(Decider::of_users(&slos, cap, users, aim).cap(), most);
    }
}

#[test]
fn a_rate_is_given_time() {
    let slos = [slo(Judge::Each, &[0.95])];
    let fine = Aim::Within(0.05);
    let minute = Some(Duration::from_secs(60));
    for (cap, rate, aim, precision, duration, most) in [
        (None, 0.1, fine, 0.05, None, 1_080),
        (None, 100.0, fine, 0.05, None, 60_000),
        (None, 100.0, Aim::Within(0.01), 0.01, None, 60_000),
        (None, 100.0, Aim::Within(0.1), 0.05, None, 18_000),
        (None, 100.0, Aim::Within(0.07), 0.05, None, 30_613),
        (None, 100.0, Aim::Within(0.08), 0.08, None, 23_438),
        (None, 100.0, fine, 0.05, minute, 6_000),
        (None, 100.0, Aim::Within(0.4), 0.05, minute, 6_000),
        (Some(500), 100.0, fine, 0.05, None, 500),
        (None, 100.0, Aim::Side, 0.05, None, 18_000),
        (None, 0.1, Aim::Side, 0.05, None, 90),
    ] {
        let decider = Decider::at_rate(&slos, cap, rate, aim, precision, duration);
        assert_eq!(decider.cap(), most, "{rate} {aim:?} {precision} {duration:?}");
    }
    // One second of waiting at an excess of 5 % builds up in 20 s.
    for (precision, seconds) in [(0.05, 20), (0.5, 2), (0.0, 60)] {
        let decider = Decider::at_rate(&slos, None, 1.0, fine, precision, None);
        assert_eq!(decider.builds(), Duration::from_secs(seconds), "{precision}");
    }
    assert_eq!(decider(&slos).builds(), Duration::ZERO);
}

#[test]
fn misses_are_held_against_what_is_allowed() {
    let strict = Decider::new(&[slo(Judge::Each, &[1.0, 0.9])], 50);
    for (n, misses, ratio) in
        [(100, [0, 0, 0], 0.0), (100, [5, 0, 5], 0.5), (0, [0, 0, 0], f64::INFINITY)]
    {
        let found = strict.misses_to_allowed(&looked(n, &misses));
        assert!(found == ratio || (found - ratio).abs() < 1e-9, "{misses:?} of {n}: {found}");
    }
    assert!(strict.misses_to_allowed(&looked(100, &[1, 1, 0])) > 1e6);
}

#[test]
fn misses_that_no_other_request_explains_are_told_apart() {
    let decider = decider(&[slo(Judge::Each, &[0.95])]);
    for (n, misses, met_others, alone) in [
        (100, 90, 0.6, true),
        // Nearly all may have waited for another.
        (100, 90, 0.9, false),
        (100, 100, 8.0, false),
        // More than the 5 allowed, but that may be chance.
        (100, 28, 0.2, false),
        (100, 5, 0.0, false),
        (0, 0, 0.0, false),
    ] {
        let looked = looked(n, &[misses, misses]);
        assert_eq!(decider.missed_alone(&looked, met_others), alone, "{misses} at {met_others}");
    }
}

#[test]
fn all_slos_are_to_be_met() {
    let slos = [slo(Judge::Each, &[0.95]), slo(Judge::Each, &[0.9])];
    let mut decider = decider(&slos);
    let both = |n, one: u64, other: u64| Looked {
        n,
        misses: vec![apart(n, &[one, one]), apart(n, &[other, other])],
        ..Looked::default()
    };
    assert_eq!(decider.look(&both(684, 0, 68)), None, "the second is not decided");
    assert_eq!(decider.look(&both(1_026, 0, 160)), Some(State::Fail));
}

#[test]
fn each_threshold_or_all_jointly() {
    let each = decider(&[slo(Judge::Each, &[0.95, 0.95])]);
    let joint = decider(&[slo(Judge::Joint, &[0.95, 0.95])]);
    // 2 % miss the one, 2 % the other, 4 % one of them.
    let misses = looked(1_000, &[40, 20, 20]);
    assert_eq!(each.verdict(None, &misses), State::Pass);
    assert_eq!(joint.verdict(None, &misses), State::NotEnoughData);
    assert!((joint.misses_to_allowed(&misses) - 0.8).abs() < 1e-9);
    assert!((each.misses_to_allowed(&misses) - 0.4).abs() < 1e-9);
    assert_eq!(each.verdict(None, &looked(600, &[90, 12, 90])), State::Fail);
}

#[test]
fn an_early_pass_must_hold_to_the_end_and_a_failure_stays() {
    let decider = decider(&[slo(Judge::Each, &[0.95])]);
    for (found, n, misses, verdict) in [
        (Some(State::Pass), 710, 0, State::Pass),
        (Some(State::Pass), 710, 30, State::NotEnoughData),
        (Some(State::Fail), 900, 2, State::Fail),
        (None, 900, 2, State::Pass),
        (None, 900, 45, State::NotEnoughData),
        (None, 900, 90, State::Fail),
    ] {
        let looked = looked(n, &[misses, misses]);
        assert_eq!(decider.verdict(found, &looked), verdict, "{found:?} then {misses}/{n}");
    }
}
