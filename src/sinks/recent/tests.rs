//! What is remembered, and what is not.

use super::{testing::view, *};
use crate::{
    event::TraceContext,
    measure::Measurement,
    timeline::{Exchange, Timeline},
};

fn key(probe: &str) -> Arc<BeatKey> {
    Arc::new(BeatKey { target: "t".into(), model: "m".into(), probe: probe.into() })
}

fn beat(key: &Arc<BeatKey>, due: i64, outcome: Outcome, detail: Option<&str>) -> Beat {
    Beat {
        key: Arc::clone(key),
        trace: TraceContext::of_bits(1, 2),
        due_unix_nanos: due,
        exchange: Exchange {
            timeline: Timeline::new(Stamp::from_nanos(1), 0),
            outcome,
            detail: detail.map(Into::into),
            text: Some("the answer".into()),
        },
        measurement: Measurement::default(),
        slos: Arc::default(),
        judgements: Vec::new(),
        verdicts: Vec::new(),
        spoiled: None,
        own_sweep: false,
    }
}

fn dues(beats: &[Arc<BeatSummary>]) -> Vec<i64> {
    beats.iter().map(|beat| beat.due_unix_nanos).collect()
}

#[test]
fn failures_outlive_a_stream_of_successes() {
    let (recent, key) = (Recent::new(), key("p"));
    recent.add_probe(Arc::clone(&key), view(&[]));
    recent.beat(&beat(&key, 0, Outcome::Connect, Some("refused")));
    for due in 1..=100 {
        recent.beat(&beat(&key, due, Outcome::Ok, None));
    }
    let probe = &recent.snapshot()[0];
    assert_eq!(dues(&probe.beats), (41..=100).collect::<Vec<_>>());
    assert_eq!(dues(&probe.failures), [0]);
    for due in 101..=120 {
        recent.beat(&beat(&key, due, Outcome::Http5xx, None));
    }
    assert_eq!(dues(&recent.snapshot()[0].failures), (111..=120).collect::<Vec<_>>());
}

#[test]
fn beats_stand_by_due_time_and_unmeasured_ones_are_no_failures() {
    let (recent, key) = (Recent::new(), key("p"));
    recent.add_probe(Arc::clone(&key), view(&[]));
    for (due, outcome) in [(2, Outcome::Ok), (3, Outcome::Aborted), (1, Outcome::TimeoutTotal)] {
        recent.beat(&beat(&key, due, outcome, None));
    }
    let probe = &recent.snapshot()[0];
    assert_eq!(dues(&probe.beats), [1, 2, 3]);
    assert_eq!(dues(&probe.failures), [1]);
}

#[test]
fn unknown_and_removed_probes_are_not_remembered() {
    let recent = Recent::new();
    recent.beat(&beat(&key("p"), 1, Outcome::Ok, None));
    assert!(recent.snapshot().is_empty());
    recent.add_probe(key("p"), view(&[]));
    recent.remove_probe(&key("p"));
    assert!(recent.probes().is_empty());
}

#[test]
fn a_reload_keeps_beats_unless_the_slos_change() {
    let (recent, key) = (Recent::new(), key("p"));
    recent.add_probe(Arc::clone(&key), view(&["a"]));
    recent.beat(&beat(&key, 1, Outcome::Ok, None));
    let slower = ProbeView { interval: Duration::from_secs(60), ..view(&["a"]) };
    recent.add_probe(Arc::clone(&key), slower);
    assert_eq!(dues(&recent.snapshot()[0].beats), [1]);
    assert_eq!(recent.snapshot()[0].view.interval, Duration::from_secs(60));
    recent.add_probe(Arc::clone(&key), view(&["b"]));
    assert_eq!(dues(&recent.snapshot()[0].beats), [0_i64; 0]);
}

#[test]
fn a_long_detail_is_cut_between_characters() {
    let (recent, key) = (Recent::new(), key("p"));
    recent.add_probe(Arc::clone(&key), view(&[]));
    recent.beat(&beat(&key, 1, Outcome::Http5xx, Some(&"é".repeat(5_000))));
    let probe = &recent.snapshot()[0];
    let detail = probe.beats[0].detail.as_deref().expect("kept");
    assert_eq!(detail.chars().count(), DETAIL_CHARS + 1);
}

#[test]
fn failures_of_a_target_leave_out_the_old_the_unmeasured_and_the_swept() {
    let recent = Recent::new();
    for (probe, due, outcome, own_sweep) in [
        ("a", 1, Outcome::Http5xx, false),
        ("a", 10, Outcome::Http5xx, false),
        ("a", 11, Outcome::Ok, false),
        ("b", 12, Outcome::Ok, false),
        ("b", 13, Outcome::Local, false),
        ("b", 14, Outcome::Http5xx, true),
    ] {
        let key = key(probe);
        recent.add_probe(Arc::clone(&key), view(&[]));
        recent.beat(&Beat { own_sweep, ..beat(&key, due, outcome, None) });
    }
    assert_eq!(recent.failed_of("t", 1), (3, 1));
    assert_eq!(recent.failed_of("other", 0), (0, 0));
}

#[test]
fn the_probes_of_one_target_are_those_of_no_other() {
    let recent = Recent::new();
    let key = |target: &str, model: &str| {
        Arc::new(BeatKey { target: target.into(), model: model.into(), probe: "p".into() })
    };
    for (target, model) in [("b", "m"), ("a", "x"), ("ab", "m"), ("a", "m")] {
        recent.add_probe(key(target, model), view(&[]));
    }
    let targets: Vec<_> = recent.targets().into_iter().collect();
    assert_eq!(targets, ["a".into(), "ab".into(), "b".into()]);
    let of = |target: &str| {
        let probes = recent.snapshot_of(&target.into());
        probes.iter().map(|probe| Arc::clone(&probe.key)).collect::<Vec<_>>()
    };
    assert_eq!(of("a"), [key("a", "m"), key("a", "x")]);
    assert_eq!(of("b"), [key("b", "m")]);
    assert!(of("c").is_empty());
}
