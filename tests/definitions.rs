//! The definitions, held against timelines built by hand: one row an edge.
//!
//! `docs/definitions.md` is the text that these tests are the proof of.

use std::time::Duration;

use proptest::prelude::*;
use tokenbeat::{
    clock::Stamp,
    measure::{CountSource, Measurement, Phase, Spoiled},
    timeline::{Exchange, Outcome, StampSource, Timeline, TokenEvent, TokenKind, Usage},
};

use TokenKind::{Reasoning, Text, Tool};

const MS: Duration = Duration::from_millis(1);

/// Any instant will do: only differences count.
const DUE: Stamp = Stamp::from_nanos(1_000_000_000_000);

fn at(millis: u32) -> Stamp {
    DUE.after(millis * MS)
}

/// A timeline sent on time over a dialled connection, with these token-bearing events, each in a
/// read of its own, and its end 20 ms after the last.
fn timeline(tokens: &[(u32, TokenKind)]) -> Timeline {
    let mut timeline = Timeline::new(DUE, tokens.len());
    (timeline.sent_start, timeline.attempt_start) = (Some(DUE), Some(DUE));
    (timeline.connected, timeline.sent) = (Some(at(2)), Some(at(3)));
    timeline.headers = Some(at(10));
    timeline.first_event = Some(at(10));
    timeline.source = Some(StampSource::Kernel);
    timeline.tokens = (0..)
        .zip(tokens)
        .map(|(read, (millis, kind))| TokenEvent {
            at: at(*millis),
            read_delay: Some(Duration::ZERO),
            kind: *kind,
            read,
        })
        .collect();
    timeline.end = tokens.last().map(|(millis, _)| at(millis + 20));
    timeline
}

fn usage(completion_tokens: u64) -> Usage {
    Usage { completion_tokens: Some(completion_tokens), ..Usage::default() }
}

fn measure(timeline: Timeline) -> Measurement {
    Measurement::of(&Exchange { timeline, outcome: Outcome::Ok, detail: None, text: None })
}

/// The stream on which tools disagree by a factor of 30: a role-only event at 20 ms, reasoning,
/// text, usage at 685 ms and `[DONE]` at 700 ms.
fn golden() -> Timeline {
    let mut timeline = timeline(&[
        (200, Reasoning),
        (220, Reasoning),
        (240, Reasoning),
        (600, Text),
        (640, Text),
        (680, Text),
    ]);
    timeline.first_event = Some(at(20));
    timeline.empty_events = 1;
    timeline.usage = Some(usage(12));
    timeline.end = Some(at(700));
    timeline
}

#[test]
fn the_golden_stream() {
    let measured = measure(golden());
    assert_eq!(measured.ttft, Some(200 * MS));
    assert_eq!(measured.ttfo, Some(600 * MS));
    assert_eq!(measured.ttst, Some(20 * MS));
    assert_eq!(measured.tpot, Some(480 * MS / 11));
    assert_eq!(measured.e2e, Some(700 * MS));
    assert_eq!(measured.tpot_mlperf, Some(500 * MS / 11));
    assert_eq!(measured.itl, [20 * MS, 20 * MS, 360 * MS, 40 * MS, 40 * MS]);
    assert_eq!(measured.output_tokens, Some(12));
    assert_eq!(measured.count_source, Some(CountSource::Usage));
    assert_eq!(measured.spoiled(Outcome::Ok), None);
}

/// One edge of the definition of time per output token.
struct TpotRow {
    edge: &'static str,
    timeline: Timeline,
    output_tokens: Option<u64>,
    tpot: Option<Duration>,
}

fn with(mut timeline: Timeline, change: impl FnOnce(&mut Timeline)) -> Timeline {
    change(&mut timeline);
    timeline
}

#[test]
fn time_per_output_token_at_its_edges() {
    let four = || timeline(&[(100, Text), (110, Text), (120, Text), (130, Text)]);
    let hidden = |reasoning| Usage { reasoning_tokens: Some(reasoning), ..usage(14) };
    for TpotRow { edge, timeline, output_tokens, tpot } in [
        TpotRow {
            edge: "usage counts more tokens than events came",
            timeline: with(four(), |t| t.usage = Some(usage(16))),
            output_tokens: Some(16),
            tpot: Some(2 * MS),
        },
        TpotRow {
            edge: "without usage the events are counted",
            timeline: four(),
            output_tokens: Some(4),
            tpot: Some(10 * MS),
        },
        TpotRow {
            edge: "usage without a count is no usage",
            timeline: with(four(), |t| t.usage = Some(Usage::default())),
            output_tokens: Some(4),
            tpot: Some(10 * MS),
        },
        TpotRow {
            edge: "the server counts along: three tokens in the first event",
            timeline: with(four(), |t| {
                (t.usage, t.first_event_tokens) = (Some(usage(18)), Some(3));
            }),
            output_tokens: Some(18),
            tpot: Some(2 * MS),
        },
        TpotRow {
            edge: "every token in the first event",
            timeline: with(four(), |t| {
                (t.usage, t.first_event_tokens) = (Some(usage(4)), Some(4));
            }),
            output_tokens: Some(4),
            tpot: None,
        },
        TpotRow {
            edge: "hidden reasoning is no part of the pace",
            timeline: with(four(), |t| t.usage = Some(hidden(10))),
            output_tokens: Some(14),
            tpot: Some(10 * MS),
        },
        TpotRow {
            edge: "reasoning that streamed is",
            timeline: with(timeline(&[(100, Reasoning), (113, Text), (126, Text)]), |t| {
                t.usage = Some(hidden(10));
            }),
            output_tokens: Some(14),
            tpot: Some(2 * MS),
        },
        TpotRow {
            edge: "usage that counts no reasoning hides none",
            timeline: with(four(), |t| t.usage = Some(hidden(0))),
            output_tokens: Some(14),
            tpot: Some(30 * MS / 13),
        },
        TpotRow {
            edge: "more hidden reasoning than tokens",
            timeline: with(four(), |t| t.usage = Some(hidden(15))),
            output_tokens: Some(14),
            tpot: None,
        },
        TpotRow {
            edge: "one token",
            timeline: timeline(&[(100, Text)]),
            output_tokens: Some(1),
            tpot: None,
        },
        TpotRow {
            edge: "one event of many tokens has no pace",
            timeline: with(timeline(&[(100, Text)]), |t| t.usage = Some(usage(16))),
            output_tokens: Some(16),
            tpot: None,
        },
        TpotRow {
            edge: "usage counts one token of two events",
            timeline: with(timeline(&[(100, Text), (110, Text)]), |t| t.usage = Some(usage(1))),
            output_tokens: Some(1),
            tpot: None,
        },
        TpotRow {
            edge: "two events of one stamp",
            timeline: timeline(&[(100, Text), (100, Text)]),
            output_tokens: Some(2),
            tpot: Some(Duration::ZERO),
        },
        TpotRow { edge: "no token", timeline: timeline(&[]), output_tokens: None, tpot: None },
        TpotRow {
            edge: "no token, and usage says so",
            timeline: with(timeline(&[]), |t| t.usage = Some(usage(0))),
            output_tokens: Some(0),
            tpot: None,
        },
    ] {
        let measured = measure(timeline);
        assert_eq!(measured.output_tokens, output_tokens, "{edge}");
        assert_eq!(measured.tpot, tpot, "{edge}");
    }
}

#[test]
fn one_token_has_what_one_token_defines() {
    let measured = measure(timeline(&[(100, Text)]));
    assert_eq!((measured.ttft, measured.e2e), (Some(100 * MS), Some(120 * MS)));
    assert_eq!((measured.ttst, measured.tpot, measured.tpot_mlperf), (None, None, None));
    assert!(measured.itl.is_empty());
    assert_eq!(measured.count_source, Some(CountSource::Events));
}

#[test]
fn tokens_are_counted_by_the_server_else_the_tokenizer_else_the_events() {
    for (usage, tokenizer, counted) in [
        (Some(9), Some(8), (9, CountSource::Usage)),
        (None, Some(8), (8, CountSource::Tokenizer)),
        // A gateway that has not counted.
        (Some(0), Some(8), (8, CountSource::Tokenizer)),
        (None, None, (2, CountSource::Events)),
        // What it cannot encode, it has not counted.
        (None, Some(0), (2, CountSource::Events)),
    ] {
        let mut timeline = timeline(&[(50, Text), (70, Text)]);
        timeline.usage = usage.map(|n| Usage { completion_tokens: Some(n), ..Usage::default() });
        timeline.tokenizer_tokens = tokenizer;
        let measured = measure(timeline);
        let found = measured.output_tokens.zip(measured.count_source);
        assert_eq!(found, Some(counted), "{usage:?} {tokenizer:?}");
        assert_eq!(measured.tokenizer_tokens, tokenizer);
    }
}

#[test]
fn tool_fragments_are_output_and_reasoning_is_not() {
    for (tokens, ttfo) in [
        (&[(50, Reasoning), (70, Tool)][..], Some(70 * MS)),
        (&[(50, Tool), (70, Text)], Some(50 * MS)),
        (&[(50, Reasoning), (70, Reasoning)], None),
    ] {
        let measured = measure(timeline(tokens));
        assert_eq!((measured.ttft, measured.ttfo), (Some(50 * MS), ttfo));
    }
}

#[test]
fn without_an_end_there_is_no_end_to_end() {
    let measured = measure(with(golden(), |t| t.end = None));
    assert_eq!((measured.e2e, measured.tpot_mlperf), (None, None));
    assert_eq!(measured.tpot, Some(480 * MS / 11), "the pace does not need the end");
}

#[test]
fn retries_are_inside_the_time_to_first_token() {
    let retried = with(golden(), |timeline| {
        timeline.restart_attempt(at(150));
        timeline.tokens = golden().tokens;
        timeline.sent = Some(at(160));
    });
    let measured = measure(retried);
    assert_eq!(measured.ttft, Some(200 * MS));
    assert_eq!(measured.service_ttft, Some(50 * MS));
    assert_eq!(measured.lateness.send_lag, Some(Duration::ZERO), "the first attempt was on time");
    assert_eq!(measured.phases[0], (Phase::Send, 10 * MS), "phases are of the answered attempt");
}

#[test]
fn a_failure_has_the_numbers_it_reached() {
    let nothing = measure(Timeline::new(DUE, 4));
    assert_eq!(nothing, Measurement::default());

    let stalled = measure(with(timeline(&[(100, Text), (120, Text)]), |t| t.end = None));
    assert_eq!((stalled.ttft, stalled.e2e), (Some(100 * MS), None));
    assert_eq!(stalled.itl, [20 * MS]);
}

#[test]
fn token_counts_are_taken_over() {
    let reported = Usage {
        prompt_tokens: Some(40),
        completion_tokens: Some(12),
        cached_tokens: Some(32),
        reasoning_tokens: Some(3),
    };
    let measured = measure(with(golden(), |t| t.usage = Some(reported)));
    assert_eq!(measured.input_tokens, Some(40));
    assert_eq!(measured.cached_input_tokens, Some(32));
    assert_eq!(measured.reasoning_tokens, Some(3));
}

#[test]
fn what_spoils_a_beat() {
    let first = |t: &mut Timeline, delay: Option<u32>| {
        t.tokens[0].read_delay = delay.map(|millis| millis * MS);
    };
    let one_read = |t: &mut Timeline| t.tokens.iter_mut().for_each(|event| event.read = 0);
    for (edge, timeline, spoiled) in [
        ("on time", golden(), None),
        ("sent 2 ms late", with(golden(), |t| t.sent_start = Some(at(2))), None),
        (
            "sent later than 1 % of ttft",
            with(golden(), |t| t.sent_start = Some(at(3))),
            Some(Spoiled::SendLag),
        ),
        (
            "a kernel stamp is right whatever the delay",
            with(golden(), |t| first(t, Some(90))),
            None,
        ),
        (
            "several events in one read of the kernel's stamp",
            with(golden(), |t| {
                one_read(t);
                first(t, Some(90));
            }),
            Some(Spoiled::ReadDelay),
        ),
        (
            "several events in one prompt read",
            with(golden(), |t| {
                one_read(t);
                first(t, Some(2));
            }),
            None,
        ),
        (
            "a stamp of the read, read late",
            with(golden(), |t| {
                t.source = Some(StampSource::Read);
                first(t, Some(3));
            }),
            Some(Spoiled::ReadDelay),
        ),
        (
            "a stamp of the read, whose delay nobody knows",
            with(golden(), |t| {
                t.source = Some(StampSource::Read);
                first(t, None);
            }),
            None,
        ),
    ] {
        let measured = measure(timeline);
        assert_eq!(measured.spoiled(Outcome::Ok), spoiled, "{edge}");
        assert_eq!(measured.spoiled(Outcome::Stall), None, "{edge}: a failure stays a failure");
    }
}

prop_compose! {
    /// A stream of any shape: gaps in nanoseconds, kinds, usage or none.
    fn any_stream()(
        events in proptest::collection::vec((0_u64..50_000_000, 0..3_u8), 0..40),
        tail in 0_u64..10_000_000,
        reported in proptest::option::of(0_u64..100),
        reasoning in proptest::option::of(0_u64..100),
        first_tokens in proptest::option::of(1_u64..5),
    ) -> Timeline {
        let mut timeline = timeline(&[]);
        let mut now = at(10);
        for (read, (gap, kind)) in (0..).zip(events) {
            now = now.after(Duration::from_nanos(gap));
            let kind = [Text, Reasoning, Tool][usize::from(kind)];
            timeline.tokens.push(TokenEvent { at: now, read_delay: None, kind, read });
        }
        timeline.end = Some(now.after(Duration::from_nanos(tail)));
        timeline.usage = reported.map(|tokens| Usage {
            reasoning_tokens: reasoning,
            ..usage(tokens)
        });
        timeline.first_event_tokens = first_tokens;
        timeline
    }
}

proptest! {
    #[test]
    fn the_numbers_of_one_stream_agree(timeline in any_stream()) {
        let events = timeline.tokens.len();
        let (first, last) = (timeline.first_token().copied(), timeline.last_token().copied());
        let measured = measure(timeline);
        let span = first.zip(last).map_or(Duration::ZERO, |(first, last)| last.at.since(first.at));

        prop_assert_eq!(measured.itl.iter().sum::<Duration>(), span);
        prop_assert_eq!(measured.itl.len(), events.saturating_sub(1));
        prop_assert_eq!(measured.itl.first().copied(), measured.ttst);
        prop_assert_eq!(measured.ttft.is_some(), events > 0);
        prop_assert!(measured.ttft <= measured.e2e);
        prop_assert!(measured.ttfo.is_none_or(|ttfo| Some(ttfo) >= measured.ttft));
        prop_assert!(measured.tpot.is_none_or(|tpot| tpot <= span));
        prop_assert!(measured.tpot.is_none() || events >= 2);
        if let (Some(tokens), Some(tpot)) = (measured.output_tokens, measured.tpot_mlperf) {
            prop_assert!(tokens >= 2);
            let decode = measured.e2e.zip(measured.ttft).map(|(e2e, ttft)| e2e - ttft);
            prop_assert_eq!(Some(tpot), decode.map(|decode| decode / (tokens as u32 - 1)));
        }
    }

    #[test]
    fn phases_add_up_to_the_last_token(timeline in any_stream()) {
        prop_assume!(!timeline.tokens.is_empty());
        let last = timeline.last_token().map(|event| event.at.since(DUE));
        let phases = measure(timeline).phases;
        prop_assert_eq!(Some(phases.iter().map(|(_, took)| *took).sum::<Duration>()), last);
    }
}
