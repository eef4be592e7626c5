//! What the spans of a beat are, whatever became of it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    event::{BeatKey, Kept, Trace, TraceContext},
    measure::Measurement,
    timeline::{Exchange, Retries, TokenEvent, TokenKind},
    verdict::{Cause, Judge, Judgement, Slo},
};

const DUE_UNIX_NANOS: i64 = 1_790_000_000_000_000_000;

fn beat(timeline: Timeline, outcome: Outcome) -> Beat {
    let key = BeatKey { target: "t".into(), model: "m".into(), probe: "p".into() };
    let detail = (outcome != Outcome::Ok).then(|| "why".to_owned());
    let exchange = Exchange { timeline, outcome, detail, text: Some("the answer".into()) };
    let measurement = Measurement::of(&exchange);
    Beat {
        key: Arc::new(key),
        trace: TraceContext::of_bits(7, 9),
        due_unix_nanos: DUE_UNIX_NANOS,
        exchange,
        measurement,
        slos: Arc::default(),
        judgements: Vec::new(),
        verdicts: Vec::new(),
        spoiled: None,
        own_sweep: false,
    }
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name).collect()
}

fn says<'a>(span: &'a Span, name: &str) -> Option<&'a Attribute> {
    span.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Anchors of one attempt that came so far: 0 is only the start, 7 a whole answer.
fn attempt(timeline: &mut Timeline, mut now: Stamp, gaps: &[u32], reached: usize, tls: bool) {
    timeline.restart_attempt(now);
    let mut steps = gaps.iter().take(reached);
    let mut next = || {
        now = now.after(Duration::from_nanos((*steps.next()?).into()));
        Some(now)
    };
    timeline.resolved = next();
    timeline.connected = next();
    timeline.tls = if tls { next() } else { None };
    timeline.sent = next();
    timeline.headers = next();
    for read in 0..2 {
        if let Some(at) = next() {
            let kind = TokenKind::Text;
            timeline.tokens.push(TokenEvent { at, read_delay: None, kind, read });
        }
    }
    let closed = now.after(Duration::from_millis(3));
    timeline.closed = Some(closed);
    if reached >= 7 {
        timeline.end = Some(closed);
    }
}

prop_compose! {
    /// A beat after up to three failed attempts that ended, well or not, anywhere on its way.
    fn any_beat()(
        attempts in proptest::collection::vec(
            (proptest::collection::vec(0_u32..50_000_000, 8), 0_usize..=8), 1..4),
        tls: bool,
        failure in 2..26_usize,
    ) -> Beat {
        let due = Stamp::from_nanos(1_000);
        let mut timeline = Timeline::new(due, 2);
        let mut now = due.after(Duration::from_micros(20));
        let last = attempts.len() - 1;
        let mut whole = false;
        for (at, (gaps, reached)) in attempts.iter().enumerate() {
            attempt(&mut timeline, now, gaps, *reached, tls);
            whole = *reached == 8;
            if at < last {
                timeline.set_aside(Outcome::ALL[failure]);
                now = timeline.closed.unwrap_or(now).after(Duration::from_millis(1));
            }
        }
        beat(timeline, if whole { Outcome::Ok } else { Outcome::ALL[failure] })
    }
}

proptest! {
    #[test]
    fn spans_are_a_tree_whose_phases_take_what_the_metrics_say(beat in any_beat()) {
        let spans = of(&beat);
        let root = &spans[0];
        prop_assert_eq!((root.name, root.parent, root.id), ("beat", None, beat.trace.root));
        prop_assert_eq!(root.start_unix_nanos, DUE_UNIX_NANOS);
        let ids: BTreeSet<_> = spans.iter().map(|span| span.id).collect();
        prop_assert_eq!(ids.len(), spans.len());
        for span in &spans[1..] {
            let parent = spans.iter().find(|one| Some(one.id) == span.parent);
            prop_assert!(parent.is_some_and(|parent| {
                parent.start_unix_nanos <= span.start_unix_nanos
                    && span.start_unix_nanos <= span.end_unix_nanos
                    && span.end_unix_nanos <= parent.end_unix_nanos
            }), "{:?} is not within its parent", span);
        }
        for siblings in ids.iter().map(|id| spans.iter().filter(|one| one.parent == Some(*id))) {
            let starts: Vec<_> = siblings.map(|one| one.start_unix_nanos).collect();
            prop_assert!(starts.is_sorted());
        }
        // The phases of the last attempt, one after the other without a gap, to the nanosecond.
        let phases: Vec<_> = spans
            .iter()
            .filter(|one| one.parent == Some(root.id) && one.name != ATTEMPT && one.name != CLOSING)
            .collect();
        for pair in phases.windows(2) {
            prop_assert_eq!(pair[0].end_unix_nanos, pair[1].start_unix_nanos);
        }
        let took: Vec<_> = phases
            .iter()
            .filter(|one| one.error.is_none())
            .map(|one| (one.name, one.end_unix_nanos - one.start_unix_nanos))
            .collect();
        let measured: Vec<_> = beat.measurement.phases.iter()
            .map(|(phase, took)| (phase.as_str(), took.as_nanos() as i64))
            .collect();
        prop_assert_eq!(took, measured);
        if let Some(e2e) = beat.measurement.e2e {
            prop_assert_eq!(root.end_unix_nanos - root.start_unix_nanos, e2e.as_nanos() as i64);
        }
        prop_assert_eq!(
            spans.iter().filter(|one| one.name == ATTEMPT).count(),
            beat.exchange.timeline.earlier.len()
        );
    }
}

fn whole() -> Timeline {
    let mut timeline = Timeline::new(Stamp::from_nanos(0), 2);
    attempt(&mut timeline, Stamp::from_nanos(1_000), &[1_000; 8], 8, true);
    timeline
}

#[test]
fn a_good_beat_has_every_phase_and_no_error() {
    let spans = of(&beat(whole(), Outcome::Ok));
    assert_eq!(
        names(&spans),
        ["beat", "dns", "connect", "tls", "send", "wait", "first_token", "decode", "close"]
    );
    assert!(spans.iter().all(|span| span.error.is_none()));
    assert_eq!(says(&spans[0], "tokenbeat.outcome"), Some(&Attribute::Text("ok".into())));
    assert_eq!(says(&spans[0], "error.type"), None);
}

#[test]
fn a_failure_is_in_the_phase_in_which_it_came() {
    for (reached, outcome, cut) in [
        (0, Outcome::Dns, "dns"),
        (1, Outcome::Connect, "connect"),
        (2, Outcome::Tls, "tls"),
        (4, Outcome::TimeoutFirstToken, "wait"),
        (5, Outcome::Empty, "first_token"),
        (6, Outcome::Stall, "close"),
    ] {
        let mut timeline = Timeline::new(Stamp::from_nanos(0), 2);
        attempt(&mut timeline, Stamp::from_nanos(1_000), &[1_000; 8], reached, true);
        timeline.end = None;
        let spans = of(&beat(timeline, outcome));
        let failed: Vec<_> = spans[1..].iter().filter(|span| span.error.is_some()).collect();
        assert_eq!(failed.len(), 1, "{outcome}: {spans:?}");
        assert_eq!(failed[0].name, cut, "{outcome}");
        assert_eq!(spans[0].error.as_deref(), Some(&*format!("{outcome}: why")));
        let text = Attribute::Text(outcome.as_str().into());
        assert_eq!(says(&spans[0], "error.type"), Some(&text));
        assert_eq!(says(failed[0], "error.type"), Some(&text));
    }
}

#[test]
fn an_attempt_that_was_tried_again_is_a_span_with_phases_of_its_own() {
    let mut timeline = Timeline::new(Stamp::from_nanos(0), 2);
    attempt(&mut timeline, Stamp::from_nanos(1_000), &[1_000; 8], 2, false);
    (timeline.status, timeline.retries) =
        (Some(503), Retries { configured: 1, ..Retries::default() });
    timeline.set_aside(Outcome::Http5xx);
    attempt(&mut timeline, Stamp::from_nanos(9_000_000), &[1_000; 8], 8, false);
    let spans = of(&beat(timeline, Outcome::Ok));
    assert_eq!(names(&spans)[..5], ["beat", "attempt", "dns", "connect", "send"]);
    assert_eq!(spans[2].parent, Some(spans[1].id));
    assert_eq!(says(&spans[1], "http.response.status_code"), Some(&Attribute::Count(503)));
    assert_eq!(says(&spans[0], "http.response.status_code"), None);
    assert_eq!(says(&spans[0], "tokenbeat.retries"), Some(&Attribute::Count(1)));
    assert_eq!(spans[1].error.as_deref(), Some("http_5xx"));
    assert_eq!(spans[0].error, None, "it came to an answer");
}

#[test]
fn a_beat_that_never_began_is_its_root_alone() {
    let spans = of(&beat(Timeline::new(Stamp::from_nanos(5), 0), Outcome::Local));
    assert_eq!(names(&spans), ["beat"]);
    assert_eq!(spans[0].start_unix_nanos, spans[0].end_unix_nanos);
}

#[test]
fn failures_and_misses_are_kept_and_what_was_not_measured_is_not() {
    let share = crate::event::TraceShare::default();
    let kept = |beat: &Beat| Kept::of(beat, &share);
    let mut good = beat(whole(), Outcome::Ok);
    assert_eq!(kept(&good), None);
    assert_eq!(kept(&beat(whole(), Outcome::Stall)), Some(Kept::Failed));
    let slo = Slo {
        name: "fast".into(),
        thresholds: Vec::new(),
        objective: 0.9,
        window: Duration::from_secs(60),
        judge: Judge::Joint,
        pack: None,
    };
    good.slos = [Arc::new(slo)].into();
    good.judgements = vec![Judgement { met: Vec::new(), bad: Some(Cause::Undefined) }];
    assert_eq!(kept(&good), Some(Kept::Missed));
    let trace = Trace::of(&good, Kept::Missed);
    let missed = says(&trace.spans[0], "tokenbeat.slo_missed");
    assert_eq!(missed, Some(&Attribute::Text("fast".into())));
    share.set(1.0);
    good.judgements.clear();
    let kept = |beat: &Beat| Kept::of(beat, &share);
    assert_eq!(kept(&good), Some(Kept::Sampled));
    for outcome in [Outcome::Aborted, Outcome::Local] {
        assert_eq!(kept(&beat(whole(), outcome)), None);
    }
}

#[test]
fn no_span_has_the_text_of_an_answer() {
    let spans = of(&beat(whole(), Outcome::Garbage));
    assert!(!format!("{spans:?}").contains("the answer"));
}

#[test]
fn a_long_error_is_cut_between_characters() {
    let mut long = beat(whole(), Outcome::Http5xx);
    long.exchange.detail = Some("é".repeat(5_000));
    let spans = of(&long);
    let error = spans[0].error.as_deref().map_or(0, |error| error.chars().count());
    assert_eq!(error, "http_5xx: ".len() + ERROR_CHARS + 1);
}

#[test]
fn the_root_says_what_the_engine_told_of_its_time() {
    let mut timeline = Timeline::new(Stamp::from_nanos(1_000), 2);
    attempt(&mut timeline, Stamp::from_nanos(1_000), &[1; 8], 8, false);
    let silent = of(&beat(timeline.clone(), Outcome::Ok));
    let engine = |span: &Span| span.attributes.iter().any(|(name, _)| name.contains("engine"));
    assert!(!engine(&silent[0]));
    let mut told = EngineTold::default();
    Spent::ALL.into_iter().for_each(|of| told.note(of, Duration::from_millis(250)));
    timeline.told = Some(told);
    let spans = of(&beat(timeline, Outcome::Ok));
    for part in Spent::ALL {
        let name = format!("tokenbeat.engine_{}_seconds", part.as_str());
        assert_eq!(says(&spans[0], &name), Some(&Attribute::Number(0.25)), "{name}");
    }
}
