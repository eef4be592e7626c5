//! Which beats and which readings belong together.

use super::*;
use crate::{
    event::EngineSource,
    sinks::recent::testing::{failed, ok, probe},
    telemetry::{EngineStretch, GpuStretched, Lately, Told},
    timeline::{EngineTold, Spent},
    verdict::{Cause as Bad, Metric},
};

const SECOND: i64 = 1_000_000_000;

/// What an engine tells whose `n` requests so far took 0.9 s in its queue each.
fn told(n: u32) -> Vec<Told> {
    let seconds = f64::from(n) * 0.9;
    let text = format!(
        "vllm:time_to_first_token_seconds_sum {}\nvllm:time_to_first_token_seconds_count {n}\n\
         vllm:request_queue_time_seconds_sum {seconds}\nvllm:request_queue_time_seconds_count {n}\n\
         vllm:generation_tokens_total {}\n",
        seconds + f64::from(n) * 0.05,
        n * 10,
    );
    vec![Told::read(&text).expect("vLLM")]
}

/// Beats every 30 s, the last one 10 s ago, each of which took 1 s and missed its SLO.
fn beats(wall: Wall, n: i64) -> Vec<BeatSummary> {
    let now = wall.unix_nanos(wall.stamp());
    let beat = |place: i64| BeatSummary {
        due_unix_nanos: now - (10 + 30 * (n - 1 - place)) * SECOND,
        judged: [Some(Bad::Missed(Metric::Ttft))].into(),
        e2e: Some(Duration::from_secs(2)),
        output_tokens: Some(10),
        count_source: Some(CountSource::Usage),
        ..ok(1_000)
    };
    (0..n).map(beat).collect()
}

/// An engine that was read every 5 s for the last `long` seconds, of which `at` tells what it said
/// so many seconds ago.
fn engine(wall: Wall, long: u64, at: impl Fn(u64) -> u32) -> Sheet {
    let mut lately: Lately<EngineStretch> = Lately::default();
    for ago in (0..=long).rev().step_by(5) {
        let then = wall.stamp().before(Duration::from_secs(ago));
        lately.told(then, &told(at(ago)));
    }
    let sight = Sight::Engine(lately.between(|stretch, _| stretch.stretched()));
    Sheet { sight, ..Sheet::default() }
}

fn window(wall: Wall, beats: Vec<BeatSummary>, sheet: Sheet) -> ProbeWindow {
    let (probe, sheets) = (probe(beats), [("engine", Arc::new(sheet))]);
    Target::of(wall, vec![&probe], &sheets).windows().remove(0).1
}

/// The ratio of the first of these probes.
fn first_ratio(wall: Wall, probes: Vec<Vec<BeatSummary>>, sheet: Sheet) -> Option<f64> {
    let probes: Vec<_> = probes.into_iter().map(probe).collect();
    let sheets = [("engine", Arc::new(sheet))];
    let ratios = Target::of(wall, probes.iter().collect(), &sheets).ratios();
    ratios.first().map(|reading| reading.value)
}

/// As many beats of 1 s as are remembered, one a second until now.
fn remembered(wall: Wall) -> Vec<BeatSummary> {
    let now = wall.unix_nanos(wall.stamp());
    let mut beats = beats(wall, i64::try_from(BEATS).expect("small"));
    for (place, beat) in (0_i64..).zip(beats.iter_mut()) {
        beat.due_unix_nanos = now - (60 - place) * SECOND;
    }
    beats
}

#[test]
fn five_minutes_of_beats_stand_beside_five_minutes_of_the_engine() {
    let wall = Wall::anchor();
    // A request a second of somebody.
    let sheet = engine(wall, 900, |ago| 5_000 - u32::try_from(ago).expect("small"));
    let window = window(wall, beats(wall, 20), sheet);
    assert_eq!((window.judged, window.own_requests), (10, 10));
    assert!((285.0..=300.0).contains(&window.seconds), "{window:?}");
    let engine = window.engine.expect("told");
    assert!((285.0..=300.0).contains(&engine.requests.expect("counted")), "{engine:?}");
    assert!((engine.ttft_gap.expect("both") - 0.05).abs() < 1e-6, "{engine:?}");
    assert_eq!(engine.own_output_tokens, 100);
    assert!(engine.foreign_token_ratio.expect("counted") > 0.9, "{engine:?}");
    let degraded = window.degraded.expect("all missed");
    assert_eq!((degraded.misses, degraded.cause.cause), (10, Cause::Queue));
}

#[test]
fn energy_and_cost_are_of_everybodys_tokens() {
    let wall = Wall::anchor();
    // Ten tokens a second.
    let engine = engine(wall, 900, |ago| 5_000 - u32::try_from(ago).expect("small"));
    let stretched = GpuStretched {
        gpus: 1,
        seconds: 200.0,
        energy_joules: Some(60_000.0),
        ..GpuStretched::default()
    };
    let begin = wall.stamp().before(Duration::from_secs(200));
    let sight = Sight::Gpus(vec![Between { begin, end: wall.stamp(), what: stretched }]);
    let gpus = Sheet { sight, ..Sheet::default() };
    let mut probe = probe(beats(wall, 20));
    Arc::make_mut(&mut probe.view).cost_per_hour = Some(3.6);
    let sheets = [("engine", Arc::new(engine)), ("nvml", Arc::new(gpus))];
    let window = Target::of(wall, vec![&probe], &sheets).windows().remove(0).1;
    let joules = window.gpu.and_then(|gpu| gpu.joules_per_output_token).expect("both told");
    assert!((joules - 30.0).abs() < 0.5, "300 W for ten tokens a second: {joules}");
    let cost = window.cost_dollars_per_million_output_tokens.expect("a cost");
    assert!((cost - 100.0).abs() < 2.0, "{cost}");
}

#[test]
fn counters_that_begin_anew_in_the_window_are_followed_and_told() {
    let wall = Wall::anchor();
    let sheet = engine(wall, 900, |ago| match u32::try_from(ago).expect("small") {
        before @ 120.. => 5_000 - before,
        after => 120 - after,
    });
    let window = window(wall, beats(wall, 20), sheet);
    let engine = window.engine.expect("told");
    assert_eq!(engine.restarts, 1);
    assert!((280.0..=300.0).contains(&engine.requests.expect("counted")), "{engine:?}");
    assert_eq!(window.degraded.expect("all missed").cause.cause, Cause::ColdStart);
}

#[test]
fn a_sweep_of_our_own_cuts_the_window_off() {
    let wall = Wall::anchor();
    let sheet = engine(wall, 900, |ago| 5_000 - u32::try_from(ago).expect("small"));
    let mut beats = beats(wall, 20);
    // Due 130 s ago.
    beats[15].own_sweep = true;
    beats[15].judged = Box::default();
    let window = window(wall, beats, sheet);
    assert_eq!((window.judged, window.own_requests), (4, 3));
    assert!((85.0..=100.0).contains(&window.seconds), "since the first beat after it: {window:?}");
    assert_eq!(window.degraded, None, "too few to say");
}

#[test]
fn a_memory_that_is_short_shortens_what_it_is_held_against() {
    let wall = Wall::anchor();
    let sheet = engine(wall, 900, |ago| 5_000 - u32::try_from(ago).expect("small"));
    let window = window(wall, remembered(wall), sheet);
    assert_eq!(window.judged, 60);
    assert!((45.0..=60.0).contains(&window.seconds), "{window:?}");
}

#[test]
fn a_sweep_that_another_probe_saw_is_as_much_the_targets() {
    let wall = Wall::anchor();
    let sheet = engine(wall, 900, |ago| 5_000 - u32::try_from(ago).expect("small"));
    let mut seen = beats(wall, 20);
    seen[15].own_sweep = true;
    let (one, other) = (probe(beats(wall, 20)), probe(seen));
    let sheets = [("engine", Arc::new(sheet))];
    let windows = Target::of(wall, vec![&one, &other], &sheets).windows();
    for (_, window) in windows {
        assert_eq!(window.judged, 4);
        assert!((85.0..=100.0).contains(&window.seconds), "{window:?}");
    }
    // It goes on: what other probes see of the time after its last beat counts.
    let mut under_way = beats(wall, 20);
    under_way[19].own_sweep = true;
    under_way[19].e2e = Some(Duration::from_millis(2_500));
    let (one, other) = (probe(remembered(wall)), probe(under_way));
    let windows = Target::of(wall, vec![&one, &other], &[]).windows();
    let judged: Vec<u64> = windows.iter().map(|(_, window)| window.judged).collect();
    assert_eq!(judged, [7, 0], "since the beat beside it ended, 7.5 s ago");
}

#[test]
fn neither_our_sweeps_nor_our_forgotten_beats_pass_for_real_traffic() {
    let wall = Wall::anchor();
    // A request a second, of 0.95 s each.
    let sheet = || engine(wall, 900, |ago| 5_000 - u32::try_from(ago).expect("small"));
    let ratio = |probes| first_ratio(wall, probes, sheet());
    let real = ratio(vec![beats(wall, 20)]).expect("a ratio");
    assert!((1.0..1.1).contains(&real), "{real}");
    // 60 beats in the last minute are all that the engine had, whatever it had before.
    assert_eq!(ratio(vec![remembered(wall)]), None);
    assert_eq!(ratio(vec![beats(wall, 20), remembered(wall)]), None);
    let mut swept = beats(wall, 20);
    swept[13].own_sweep = true;
    let last = swept[19].clone();
    swept.extend(vec![last; 6]);
    let after = ratio(vec![swept.clone()]).expect("enough beats since");
    assert!((0.9..1.1).contains(&after), "{after}");
    // All of its traffic was the sweep's.
    let quiet = engine(wall, 900, |ago| 5_000 - u32::try_from(ago.max(170)).expect("small"));
    assert_eq!(first_ratio(wall, vec![swept], quiet), None);
}

#[test]
fn what_usage_says_of_the_cache_is_told_too() {
    let wall = Wall::anchor();
    let mut beats = beats(wall, 10);
    for beat in &mut beats {
        (beat.input_tokens, beat.cached_input_tokens) = (Some(80), Some(20));
    }
    let engine = window(wall, beats, Sheet::default()).engine.expect("told");
    assert_eq!((engine.prefix_hit_ratio, engine.answers), (Some(0.25), 10));
    assert_eq!(engine.sources["prefix_hit_ratio"], EngineSource::Answers);
}

#[test]
fn answers_tell_where_no_metrics_do() {
    let wall = Wall::anchor();
    let told = |mut beats: Vec<BeatSummary>| {
        let mut told = EngineTold::default();
        told.note(Spent::Prefill, Duration::from_millis(900));
        beats.iter_mut().for_each(|beat| beat.told = Some(told));
        beats
    };
    let alone = window(wall, told(beats(wall, 10)), Sheet::default());
    let engine = alone.engine.expect("told");
    assert_eq!((engine.prefill_mean, engine.answers, engine.readings), (Some(0.9), 10, 0));
    assert_eq!(alone.degraded.expect("all missed").cause.cause, Cause::Prefill);

    // Nobody watched the engine, so nobody knows who refused.
    let mut refused = told(beats(wall, 10));
    for beat in refused.iter_mut().skip(1) {
        let judged = [Some(Bad::Failed)].into();
        *beat =
            BeatSummary { judged, due_unix_nanos: beat.due_unix_nanos, ..failed(Outcome::Connect) };
    }
    let refused = window(wall, refused, Sheet::default());
    assert_eq!(refused.degraded.expect("all missed").cause.cause, Cause::Unknown);

    // Its own numbers come first, and stay beside what its answers add.
    let sheet = self::engine(wall, 900, |ago| 5_000 - u32::try_from(ago).expect("small"));
    let both = window(wall, told(beats(wall, 10)), sheet).engine.expect("told");
    assert_eq!(both.sources["queue_mean"], EngineSource::Counters);
    assert_eq!(both.sources["prefill_mean"], EngineSource::Answers);
}

#[test]
fn what_was_not_told_is_not_known() {
    let wall = Wall::anchor();
    let window = |beats, sheet| window(wall, beats, sheet);
    let silent = window(beats(wall, 6), Sheet::default());
    assert_eq!((silent.engine, silent.ttft_mean), (None, Some(1.0)));
    assert_eq!(silent.degraded.expect("all missed").cause.cause, Cause::Unknown);
    let once = window(beats(wall, 6), engine(wall, 0, |_| 1));
    assert_eq!(once.engine, None, "one reading is no stretch");
    assert_eq!(window(Vec::new(), Sheet::default()), ProbeWindow::default());
    let old = BeatSummary { due_unix_nanos: 0, ..failed(Outcome::Connect) };
    assert_eq!(window(vec![old; 9], Sheet::default()), ProbeWindow::default());
}
