use super::*;

fn spec(of: Quantity, start: f64, max: f64) -> arrival::Search {
    arrival::Search { of, start, max, precision: 0.05, max_steps: 12, burstiness: 1.0 }
}

/// What is certified of a level, and its ratio of misses to those allowed.
type Answer = fn(f64) -> (State, f64);

fn run(search: &mut Search, answer: Answer) -> Vec<f64> {
    let mut levels = Vec::new();
    while let Some(level) = search.next() {
        let (state, misses_to_allowed) = answer(level);
        let goodput = Some(level / 2.0);
        search.decided(Decision { level, state, misses_to_allowed, n: 500, goodput });
        levels.push(level);
    }
    levels
}

/// Certain everywhere: the capacity is 37.
fn sharp(level: f64) -> (State, f64) {
    if level <= 37.0 { (State::Pass, 0.0) } else { (State::Fail, 10.0) }
}

/// Certain only a tenth away from the capacity of 37.
fn blurred(level: f64) -> (State, f64) {
    let state = match level / 37.0 {
        ratio if ratio < 0.9 => State::Pass,
        ratio if ratio > 1.1 => State::Fail,
        _ => State::NotEnoughData,
    };
    (state, level / 37.0)
}

#[test]
fn doubling_then_bisection() {
    let mut search = Search::new(spec(Quantity::Concurrency, 2.0, 1000.0), None);
    let levels = run(&mut search, sharp);
    assert_eq!(levels, [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 45.0, 38.0, 35.0, 36.0, 37.0, 37.0]);
    let outcome = search.outcome();
    assert_eq!((outcome.low, outcome.high, outcome.goodput), (Some(37.0), Some(38.0), Some(18.5)));
}

#[test]
fn a_start_that_misses_is_halved() {
    let mut search = Search::new(spec(Quantity::Rate, 128.0, 1000.0), None);
    let levels = run(&mut search, sharp);
    assert_eq!(levels[..3], [128.0, 64.0, 32.0]);
    let outcome = search.outcome();
    let (low, high) = (outcome.low.expect("an end"), outcome.high.expect("an end"));
    assert!(low <= 37.0 && high > 37.0 && high / low <= 1.0501, "{low} to {high}");
}

#[test]
fn an_unchanged_answer_costs_two_steps() {
    for of in [Quantity::Rate, Quantity::Concurrency] {
        let mut search = Search::new(spec(of, 1.0, 1000.0), Some(37.0));
        assert_eq!(run(&mut search, sharp).len(), 2, "{of:?}");
        assert_eq!(search.outcome().low, Some(37.0));
    }
}

#[test]
fn an_answer_that_moved_is_followed_in_growing_steps() {
    for known in [5.0, 30.0, 45.0, 300.0] {
        let mut search = Search::new(spec(Quantity::Rate, 1.0, 1000.0), Some(known));
        let levels = run(&mut search, sharp);
        let outcome = search.outcome();
        let (low, high) = (outcome.low.expect("an end"), outcome.high.expect("an end"));
        assert!(low <= 37.0 && high > 37.0 && high / low <= 1.0501, "{known}: {levels:?}");
        assert!(levels.len() <= 12, "{known}: {levels:?}");
    }
}

#[test]
fn only_certified_levels_are_ends_of_the_bracket() {
    let mut search = Search::new(spec(Quantity::Rate, 1.0, 1000.0), None);
    run(&mut search, blurred);
    let outcome = search.outcome();
    assert!(outcome.low.is_some_and(|low| low < 0.9 * 37.0), "{outcome:?}");
    assert!(outcome.high.is_some_and(|high| high > 1.1 * 37.0), "{outcome:?}");
    assert!(outcome.estimate.is_some_and(|level| (level / 37.0 - 1.0).abs() < 0.02), "{outcome:?}");
}

#[test]
fn beside_a_known_answer_the_ends_are_certified_too() {
    let mut search = Search::new(spec(Quantity::Rate, 1.0, 1000.0), Some(37.0));
    let levels = run(&mut search, blurred);
    let outcome = search.outcome();
    assert!(outcome.low.is_some() && outcome.high.is_some(), "{outcome:?} of {levels:?}");
    assert!(levels.len() <= 8, "{levels:?}");
}

#[test]
fn a_search_has_ends() {
    let mut all = Search::new(spec(Quantity::Rate, 1.0, 20.0), None);
    assert_eq!(run(&mut all, sharp), [1.0, 2.0, 4.0, 8.0, 16.0, 20.0]);
    assert_eq!((all.outcome().low, all.outcome().high), (Some(20.0), None));

    // Doubling certifies nothing here: the last level is shown at the end, once.
    for (shows, low) in [(State::Pass, Some(4.0)), (State::NotEnoughData, None)] {
        let mut soon = Search::new(spec(Quantity::Concurrency, 1.0, 4.0), None);
        let mut levels = Vec::new();
        while let Some(level) = soon.next() {
            let state = match soon.aim(level) {
                Aim::Side => State::NotEnoughData,
                Aim::Within(_) => shows,
            };
            soon.decided(Decision { level, state, misses_to_allowed: 0.0, n: 90, goodput: None });
            levels.push(level);
        }
        assert_eq!((levels, soon.outcome().low), (vec![1.0, 2.0, 4.0, 4.0], low));
    }

    let mut none = Search::new(spec(Quantity::Concurrency, 4.0, 20.0), None);
    assert_eq!(run(&mut none, |_| (State::Fail, 9.0)), [4.0, 2.0, 1.0]);
    assert_eq!((none.outcome().low, none.outcome().high), (None, Some(1.0)));

    let mut undecided = Search::new(spec(Quantity::Rate, 4.0, 1e9), Some(f64::NAN));
    assert!(run(&mut undecided, |_| (State::NotEnoughData, 1.0)).len() <= 12);
    assert_eq!((undecided.outcome().low, undecided.outcome().high), (None, None));
}

#[test]
fn what_a_server_did_that_had_gone_is_taken_back() {
    let mut search = Search::new(spec(Quantity::Rate, 4.0, 64.0), None);
    let decision = |level, state, goodput| Decision {
        level,
        state,
        misses_to_allowed: if state == State::Pass { 0.0 } else { 20.0 },
        n: 500,
        goodput,
    };
    search.decided(decision(4.0, State::Pass, Some(4.0)));
    search.decided(decision(16.0, State::Fail, Some(9.0)));
    for level in [8.0, 5.5] {
        search.decided(decision(level, State::Fail, Some(0.0)));
    }
    assert_eq!(search.outcome().high, Some(5.5));
    search.forget_the_last_without_any_good();
    let outcome = search.outcome();
    assert_eq!((outcome.low, outcome.high), (Some(4.0), Some(16.0)));
}

#[test]
fn what_a_lone_request_misses_no_level_meets() {
    let mut search = Search::new(spec(Quantity::Rate, 4.0, 20.0), None);
    let decision =
        |level, state| Decision { level, state, misses_to_allowed: 9.0, n: 500, goodput: None };
    search.decided(decision(4.0, State::Fail));
    assert_eq!(search.next(), Some(2.0));
    search.missed_alone();
    assert_eq!((search.next(), search.outcome().high), (None, Some(4.0)));
    // Where a level was met, that is the one to believe.
    search.decided(Decision { misses_to_allowed: 0.0, ..decision(1.0, State::Pass) });
    assert_eq!(search.next(), Some(2.0));
    assert!(search.was_met_at(1.0) && search.was_met_at(0.5) && !search.was_met_at(2.0));
}

#[test]
fn the_lower_level_is_believed() {
    let mut search = Search::new(spec(Quantity::Rate, 1.0, 100.0), None);
    for (level, state) in [(1.0, State::Pass), (2.0, State::Fail), (4.0, State::Pass)] {
        search.decided(Decision { level, state, misses_to_allowed: 1.0, n: 500, goodput: None });
    }
    let outcome = search.outcome();
    assert_eq!((outcome.low, outcome.high), (Some(1.0), Some(2.0)));
    assert!(outcome.estimate.is_some_and(|level| (1.0..=2.0).contains(&level)), "{outcome:?}");
    assert!((outcome.confidence - 0.97).abs() < 1e-12);
}

/// What a step comes to on a client that is spoiled from some level on.
fn run_marked(search: &mut Search, marked: impl Fn(f64, usize) -> Option<Marked>) -> Vec<f64> {
    let mut levels = Vec::new();
    while let Some(level) = search.next() {
        match marked(level, levels.len()) {
            Some(why) => search.marked(level, why),
            None => {
                let (state, misses_to_allowed) = sharp(level);
                let goodput = Some(level);
                search.decided(Decision { level, state, misses_to_allowed, n: 500, goodput });
            }
        }
        levels.push(level);
    }
    levels
}

#[test]
fn a_step_that_is_not_valid_is_made_once_more() {
    let mut search = Search::new(spec(Quantity::Concurrency, 2.0, 1000.0), None);
    let hiccup = |_, step| (step == 3).then_some(Marked::ByClient);
    let levels = run_marked(&mut search, hiccup);
    assert_eq!(levels[..6], [2.0, 4.0, 8.0, 16.0, 16.0, 32.0]);
    assert!((search.outcome().confidence - 0.89).abs() < 1e-12, "eleven valid steps");
}

#[test]
fn a_level_that_stays_invalid_is_no_end_of_the_bracket() {
    let mut search = Search::new(spec(Quantity::Rate, 2.0, 1000.0), None);
    let levels = run_marked(&mut search, |level, _| (level > 20.0).then_some(Marked::ByClient));
    let outcome = search.outcome();
    // The engine bears 37, the client 20.
    assert_eq!(levels[..6], [2.0, 4.0, 8.0, 16.0, 32.0, 32.0]);
    assert_eq!((outcome.high, outcome.estimate), (None, outcome.low));
    assert!(outcome.low.is_some_and(|low| (16.0..=20.0).contains(&low)), "{outcome:?}");
    assert!(levels.iter().all(|level| *level <= 32.0), "{levels:?}");
}

#[test]
fn a_step_that_was_too_short_is_not_made_again_but_lies_too_high() {
    let mut search = Search::new(spec(Quantity::Rate, 256.0, 1000.0), None);
    let levels = run_marked(&mut search, |level, _| (level > 100.0).then_some(Marked::TooShort));
    assert_eq!(levels[..4], [256.0, 128.0, 64.0, 32.0]);
    let outcome = search.outcome();
    assert!(outcome.low.is_some() && outcome.high.is_some_and(|high| high < 40.0), "{outcome:?}");
}

#[test]
fn a_client_that_can_tell_nothing_ends_the_search() {
    let mut search = Search::new(spec(Quantity::Rate, 2.0, 1000.0), None);
    let levels = run_marked(&mut search, |_, _| Some(Marked::ByClient));
    assert_eq!(levels, [2.0, 2.0, 1.0, 1.0]);
    let outcome = search.outcome();
    assert_eq!((outcome.low, outcome.high, outcome.estimate), (None, None, None));
}

#[test]
fn a_step_tells_more_the_narrower_the_bracket() {
    let mut search = Search::new(spec(Quantity::Rate, 16.0, 1000.0), None);
    let mut aims = Vec::new();
    while let Some(level) = search.next() {
        aims.push(search.aim(level));
        let (state, misses_to_allowed) = sharp(level);
        search.decided(Decision { level, state, misses_to_allowed, n: 500, goodput: None });
    }
    assert_eq!(aims[..3], [Aim::Side; 3], "16, 32, 64");
    let within: Vec<f64> = aims[3..]
        .iter()
        .map(|aim| match aim {
            Aim::Within(off) => *off,
            Aim::Side => panic!("both ends are known"),
        })
        .collect();
    assert!((within[0] - (2_f64.sqrt() - 1.0)).abs() < 1e-9, "{within:?}");
    assert!(within.windows(2).all(|pair| pair[1] <= pair[0]), "{within:?}");
    assert_eq!(within.last(), Some(&0.05), "the answer once more");
    let known = Search::new(spec(Quantity::Rate, 1.0, 1000.0), Some(37.0));
    assert_eq!(known.aim(37.0), Aim::Within(0.05));
}

#[test]
fn what_was_soon_seen_is_shown_at_the_end() {
    // Nothing is certified while levels are doubled, and nothing near the edge.
    let mut search = Search::new(spec(Quantity::Rate, 4.0, 1000.0), None);
    let mut levels = Vec::new();
    while let Some(level) = search.next() {
        let state = match search.aim(level) {
            Aim::Within(_) if level < 30.0 => State::Pass,
            _ if level > 60.0 => State::Fail,
            _ => State::NotEnoughData,
        };
        let misses_to_allowed = (level / 37.0).powi(8);
        search.decided(Decision { level, state, misses_to_allowed, n: 500, goodput: None });
        levels.push(level);
    }
    let outcome = search.outcome();
    assert_eq!((outcome.low, outcome.high), (Some(16.0), Some(64.0)), "{levels:?}");
}
