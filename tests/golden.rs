//! What real servers sent, replayed with its own timing through the real decoder: counts, anchors
//! and outcome are those that were counted when it was captured, in whatever pieces it comes.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

mod wire;

use std::{ops::ControlFlow, time::Duration};

use proptest::prelude::*;
use serde_json::Value;
use tokenbeat::{
    client::answer::{Answer, Arrival, BodyEnd, Progress},
    clock::Stamp,
    protocol::{self, Api, Finish, error_message},
    sse::Decoder,
    timeline::{EngineTold, Outcome, Spent, StampSource, Timeline, TokenKind},
};

use wire::Case;

/// When the requests are sent, on the test's clock.
const SENT: Stamp = Stamp::from_nanos(1_000_000_000);

const MAX_EVENT_BYTES: usize = 1 << 20;

/// What is left of an answer.
struct Replayed {
    timeline: Timeline,
    outcome: Outcome,
    progress: Progress,
    text: String,
    model: Option<String>,
    finish: Option<Finish>,
}

fn api(case: &Case) -> Api {
    if case.name.contains("/comp_") { Api::OpenaiCompletions } else { Api::OpenaiChat }
}

fn at(us: u64) -> Stamp {
    SENT.after(Duration::from_micros(us))
}

/// The answer in pieces of (arrival, read, bytes).
fn replay<'b>(case: &Case, pieces: impl Iterator<Item = (Stamp, u32, &'b [u8])>) -> Replayed {
    let mut timeline = Timeline::new(SENT, 0);
    let mut answer = Answer::new(api(case).protocol(), true, MAX_EVENT_BYTES);
    let (mut progress, mut last, mut failure) = (Progress::Open, SENT, None);
    for (at, read, bytes) in pieces {
        let arrival =
            Arrival { at, source: StampSource::Kernel, read_delay: Some(Duration::ZERO), read };
        last = at;
        match answer.push(&mut timeline, bytes, arrival) {
            Ok(reached) => progress = reached,
            Err(failed) => {
                failure = Some(failed);
                break;
            }
        }
    }
    let body = if case.complete { BodyEnd::Clean } else { BodyEnd::Cut };
    let failure = failure.or_else(|| answer.end(&mut timeline, last, body).err());
    Replayed {
        outcome: failure.map_or(Outcome::Ok, |failure| failure.outcome),
        progress,
        text: answer.text().expect("text was asked for"),
        model: answer.model().map(str::to_owned),
        finish: answer.finish(),
        timeline,
    }
}

fn as_captured(case: &Case) -> Replayed {
    let pieces = case.pieces.iter();
    replay(case, pieces.map(|piece| (at(piece.at_us), piece.read, &case.body[piece.range.clone()])))
}

fn tokens(timeline: &Timeline, kind: TokenKind) -> usize {
    timeline.tokens.iter().filter(|token| token.kind == kind).count()
}

#[test]
fn counts_usage_finish_and_outcome_are_those_of_the_index() {
    let cases = wire::streamed();
    assert!(cases.len() > 100, "the captures are there");
    for case in cases {
        let replayed = as_captured(case);
        let timeline = &replayed.timeline;
        let name = &case.name;
        assert_eq!(tokens(timeline, TokenKind::Text), case.count("text_events"), "{name}");
        assert_eq!(
            tokens(timeline, TokenKind::Reasoning),
            case.count("reasoning_events"),
            "{name}"
        );
        assert_eq!(tokens(timeline, TokenKind::Tool), case.count("tool_events"), "{name}");
        assert_eq!(timeline.empty_events as usize, case.count("empty_events"), "{name}");
        let usage = timeline.usage.and_then(|usage| usage.completion_tokens);
        let expected = case.says("usage_completion_tokens");
        assert_eq!(usage.map_or(String::new(), |count| count.to_string()), expected, "{name}");
        let done = case.says("done_line") == "True";
        assert_eq!(replayed.progress == Progress::Done, done, "{name}");
        let last = case.says("finish_reasons").rsplit('+').next().unwrap_or_default();
        assert_eq!(replayed.finish, finish(last), "{name}");
        let expected = match name.as_str() {
            name if name.ends_with("/disconnect_after_5_events") => Outcome::StreamTruncated,
            "llama-cpp-python/err_prompt_too_long" => Outcome::StreamTruncated,
            _ => Outcome::Ok,
        };
        assert_eq!(replayed.outcome, expected, "{name}");
        assert_eq!(replayed.model.is_some(), !case.body.is_empty(), "{name}");
    }
}

#[test]
fn what_engines_tell_of_their_time_is_read_as_they_sent_it() {
    let tells = |case: &Case| {
        let body = String::from_utf8_lossy(&case.body);
        body.rsplit("\"timings\":").next().filter(|_| body.contains("\"timings\":")).map(|rest| {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            values.next().expect("an object").expect("JSON")
        })
    };
    let mut seen = 0;
    for case in wire::streamed() {
        let told = as_captured(case).timeline.told;
        let Some(timings) = tells(case) else {
            assert_eq!(told, None, "{}", case.name);
            continue;
        };
        let told = told.unwrap_or_else(|| panic!("{} tells", case.name));
        let millis = |key: &str| timings[key].as_f64().expect("a time");
        let count = |key: &str| timings[key].as_u64().expect("a count");
        for (of, key) in [(Spent::Prefill, "prompt_ms"), (Spent::Decode, "predicted_ms")] {
            let took = told.time(of).expect("told").as_secs_f64() * 1e3;
            assert!((took - millis(key)).abs() < 1e-5, "{} {key}: {took}", case.name);
        }
        assert_eq!(told.times().count(), 2, "{}", case.name);
        assert_eq!(told.cached_tokens, Some(count("cache_n")), "{}", case.name);
        assert_eq!(told.prompt_tokens, Some(count("cache_n") + count("prompt_n")), "{}", case.name);
        assert_eq!(told.output_tokens, Some(count("predicted_n")), "{}", case.name);
        seen += 1;
    }
    assert!(seen > 20, "{seen} captures of llama.cpp");
}

#[test]
fn of_heads_only_the_known_names_are_read() {
    let mut told = Vec::new();
    for case in wire::streamed() {
        let head = case.head();
        let value = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, of)| of.trim()).next()
        };
        let processing = value("openai-processing-ms").map(|ms| ("processing", ms));
        let overhead = value("x-litellm-overhead-duration-ms").map(|ms| ("overhead", ms));
        let read = protocol::told_in_head(value);
        let Some((name, ms)) = processing.or(overhead) else {
            assert_eq!(read, None, "{}", case.name);
            continue;
        };
        let times: Vec<_> = read.iter().flat_map(EngineTold::times).collect();
        let [(of, took)] = times[..] else { panic!("{} tells {times:?}", case.name) };
        let ms: f64 = ms.parse().expect("a number");
        assert_eq!(of.as_str(), name, "{}", case.name);
        assert!((took.as_secs_f64() * 1e3 - ms).abs() < 1e-5, "{}: {took:?}", case.name);
        told.push(name);
    }
    assert!(told.contains(&"processing") && told.contains(&"overhead"), "{told:?}");
}

fn finish(reason: &str) -> Option<Finish> {
    match reason {
        "" => None,
        "stop" => Some(Finish::Stop),
        "length" => Some(Finish::Length),
        "tool_calls" => Some(Finish::ToolCalls),
        other => panic!("the captures have no {other:?}"),
    }
}

#[test]
fn every_finish_reason_is_seen() {
    for case in wire::streamed() {
        let (mut decoder, mut reasons) = (Decoder::new(MAX_EVENT_BYTES), Vec::new());
        let flow = decoder.push::<()>(&case.body, |event| {
            let delta = api(case).protocol().decode(event.data).expect("an event of the API");
            reasons.extend(delta.finish);
            ControlFlow::Continue(())
        });
        assert_eq!(flow, Ok(ControlFlow::Continue(())), "{}", case.name);
        let says = case.says("finish_reasons").split('+');
        assert_eq!(reasons, says.filter_map(finish).collect::<Vec<_>>(), "{}", case.name);
    }
}

/// What a plain reading of one event says: nothing is shared with the code under test.
#[derive(Clone, Copy, PartialEq)]
enum Plain {
    Done,
    Output,
    Reasoning,
    Nothing,
}

fn plainly(event: &str) -> Plain {
    let data = event.trim_end().strip_prefix("data: ").expect("one data line");
    if data == "[DONE]" {
        return Plain::Done;
    }
    let json: Value = serde_json::from_str(data).expect("JSON");
    let says = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let choices = json["choices"].as_array().cloned().unwrap_or_default();
    let any = |of: &dyn Fn(&Value) -> bool| choices.iter().any(of);
    if any(&|c| says(&c["delta"]["reasoning"]) || says(&c["delta"]["reasoning_content"])) {
        Plain::Reasoning
    } else if any(&|c| {
        let call = &c["delta"]["tool_calls"][0]["function"];
        [&c["delta"]["content"], &c["text"], &call["name"], &call["arguments"]]
            .into_iter()
            .any(says)
    }) {
        Plain::Output
    } else {
        Plain::Nothing
    }
}

#[test]
fn anchors_are_those_of_the_capture() {
    for case in wire::streamed() {
        let timeline = as_captured(case).timeline;
        let mut offset = 0;
        let events: Vec<(Stamp, Plain)> = case
            .events
            .iter()
            .map(|(us, length)| {
                let event =
                    std::str::from_utf8(&case.body[offset..offset + length]).expect("UTF-8");
                offset += length;
                (at(*us), plainly(event))
            })
            .collect();
        let first = |wanted: &dyn Fn(Plain) -> bool| {
            events.iter().find(|(_, plain)| wanted(*plain)).map(|(at, _)| *at)
        };
        let bears = |plain: Plain| matches!(plain, Plain::Output | Plain::Reasoning);
        let name = &case.name;
        assert_eq!(timeline.first_event, events.first().map(|(at, _)| *at), "{name}");
        assert_eq!(timeline.first_token().map(|token| token.at), first(&bears), "{name}");
        let output = timeline.first_output_token().map(|token| token.at);
        assert_eq!(output, first(&|plain| plain == Plain::Output), "{name}");
        let all: Vec<_> = timeline.tokens.iter().map(|token| token.at).collect();
        let plain: Vec<_> = events.iter().filter(|(_, p)| bears(*p)).map(|(at, _)| *at).collect();
        assert_eq!(all, plain, "{name}");
        if let Some(done) = first(&|plain| plain == Plain::Done) {
            assert_eq!(timeline.end, Some(done), "{name}");
        }
        let expected = case.says("first_event_us").parse().ok().map(at);
        assert_eq!(timeline.first_event, expected, "{name}");
    }
}

/// One stream on which today's tools disagree by a factor of thirty.
#[test]
fn the_disputed_stream_has_its_anchors() {
    let reasoning = r#"data: {"choices":[{"delta":{"reasoning":"r"}}]}"#;
    let content = r#"data: {"choices":[{"delta":{"content":"four tokens in one"}}]}"#;
    let events = [
        (20, r#"data: {"choices":[{"delta":{"role":"assistant","content":""}}]}"#),
        (200, reasoning),
        (220, reasoning),
        (240, reasoning),
        (600, content),
        (640, content),
        (680, r#"data: {"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}]}"#),
        (685, r#"data: {"choices":[],"usage":{"completion_tokens":12}}"#),
        (700, "data: [DONE]"),
    ];
    let mut timeline = Timeline::new(SENT, 0);
    let mut answer = Answer::new(Api::OpenaiChat.protocol(), false, MAX_EVENT_BYTES);
    for (read, (ms, event)) in (0..).zip(events) {
        let arrival =
            Arrival { at: at(ms * 1_000), source: StampSource::Kernel, read_delay: None, read };
        answer.push(&mut timeline, format!("{event}\n\n").as_bytes(), arrival).expect("good");
    }
    assert_eq!(answer.end(&mut timeline, at(800_000), BodyEnd::Clean), Ok(()));
    let ms = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.since(SENT).as_millis());
    assert_eq!(ms(timeline.first_event), Some(20));
    assert_eq!(ms(timeline.first_token().map(|token| token.at)), Some(200));
    assert_eq!(ms(timeline.first_output_token().map(|token| token.at)), Some(600));
    assert_eq!(ms(timeline.last_token().map(|token| token.at)), Some(680));
    assert_eq!(ms(timeline.end), Some(700));
    assert_eq!(timeline.usage.and_then(|usage| usage.completion_tokens), Some(12));
}

#[test]
fn tokens_of_the_first_event_are_read_from_a_running_usage() {
    let of = |name: &str| {
        let cases = wire::streamed();
        let case = cases.iter().find(|case| case.name == name).expect("the capture is there");
        as_captured(case).timeline.first_event_tokens
    };
    assert_eq!(of("vllm/chat_stream_continuous_usage"), Some(1));
    assert_eq!(of("vllm-stream-interval-8/chat_stream_continuous_usage"), Some(1));
    assert_eq!(of("vllm/chat_stream_usage"), None);
    assert_eq!(of("litellm/comp_stream"), None, "a running count of zero is none");
}

/// What must not depend on the pieces.
fn essence(replayed: &Replayed) -> impl PartialEq + std::fmt::Debug + use<> {
    let timeline = &replayed.timeline;
    (
        timeline.tokens.iter().map(|token| token.kind).collect::<Vec<_>>(),
        (timeline.empty_events, timeline.usage, timeline.first_event_tokens),
        (replayed.outcome, replayed.progress, replayed.finish),
        (replayed.text.clone(), replayed.model.clone()),
    )
}

#[test]
fn byte_by_byte_is_the_same() {
    for case in wire::streamed() {
        let bytes = replay(case, case.body.chunks(1).map(|byte| (SENT, 0, byte)));
        assert_eq!(essence(&bytes), essence(&as_captured(case)), "{}", case.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_pieces_are_the_same(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let cases = wire::streamed();
        let case = which.get(cases);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(case.body.len() + 1)).collect();
        cuts.extend([0, case.body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| (SENT, 0, &case.body[cut[0]..cut[1]]));
        prop_assert_eq!(essence(&replay(case, pieces)), essence(&as_captured(case)));
    }
}

#[test]
fn refusals_read_as_one_line_each() {
    let lines: Vec<_> = wire::refusals()
        .into_iter()
        .map(|(name, body)| format!("{name}: {}", error_message(&body).unwrap_or("-".to_owned())))
        .collect();
    assert!(lines.iter().all(|line| line.chars().count() < 400));
    insta::assert_snapshot!(lines.join("\n"));
}
