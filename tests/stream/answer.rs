//! What an answer's bytes and their end mean.

use std::time::Duration;

use proptest::prelude::*;
use tokenbeat::{
    client::{
        Failure,
        answer::{Answer, Arrival, BodyEnd, Progress},
    },
    clock::Stamp,
    protocol::{Api, Finish},
    timeline::{Behind, Outcome, StampSource, Timeline, TokenKind},
};

const MAX_EVENT_BYTES: usize = 512;

fn at(ms: u64) -> Stamp {
    Stamp::from_nanos(0).after(Duration::from_millis(ms))
}

fn arrival(ms: u64, source: StampSource) -> Arrival {
    Arrival { at: at(ms), source, read_delay: None, read: u32::try_from(ms).expect("small") }
}

/// An answer whose pieces come a millisecond apart, the end one after the last.
fn answer(pieces: &[&[u8]], end: BodyEnd) -> (Timeline, Answer, Result<(), Failure>) {
    let mut timeline = Timeline::new(at(0), 0);
    let mut answer = Answer::new(Api::OpenaiChat.protocol(), true, MAX_EVENT_BYTES);
    let mut ms = 0;
    for piece in pieces {
        ms += 1;
        if let Err(failure) = answer.push(&mut timeline, piece, arrival(ms, StampSource::Kernel)) {
            return (timeline, answer, Err(failure));
        }
    }
    let judged = answer.end(&mut timeline, at(ms + 1), end);
    (timeline, answer, judged)
}

fn outcome(body: &str, end: BodyEnd) -> Outcome {
    answer(&[body.as_bytes()], end).2.map_or_else(|failure| failure.outcome, |()| Outcome::Ok)
}

const TEXT: &str = "data: {\"choices\":[{\"text\":\"a\"}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[test]
fn every_way_to_end_has_its_outcome() {
    use {BodyEnd::*, Outcome as O};
    let large = format!("data: {}\n\n", "x".repeat(MAX_EVENT_BYTES));
    let table: &[(&[&str], BodyEnd, Outcome)] = &[
        (&[TEXT, FINISH, DONE], Clean, O::Ok),
        (&[TEXT, DONE], Clean, O::Ok),
        (&[TEXT, FINISH], Clean, O::Ok),
        (&[TEXT, FINISH, DONE], Cut, O::Ok),
        (&[TEXT, FINISH, DONE, "data: {\n\n"], Clean, O::Ok),
        (&[TEXT, FINISH], Cut, O::StreamTruncated),
        (&[TEXT], Clean, O::StreamTruncated),
        (&[TEXT], Cut, O::StreamTruncated),
        (&[TEXT, "data: [DONE]"], Clean, O::Ok),
        (&[TEXT, "data: [DONE]"], Cut, O::StreamTruncated),
        (&[TEXT, FINISH.trim_end()], Clean, O::Ok),
        (&[TEXT, "data: {\"choi"], Clean, O::StreamTruncated),
        (&["data: {\"choi"], Clean, O::StreamTruncated),
        (&["data: {\"choi"], Cut, O::StreamTruncated),
        (&["dat"], Cut, O::StreamTruncated),
        (&[""], Clean, O::StreamTruncated),
        (&["\n\n"], Clean, O::StreamTruncated),
        (&[": ping\n\n"], Clean, O::StreamTruncated),
        (&["\u{FEFF}: ping\n\n"], Cut, O::StreamTruncated),
        (&[DONE], Clean, O::Empty),
        (&[FINISH], Clean, O::Empty),
        (&["data: null\n\n", FINISH, DONE], Clean, O::Empty),
        (&[TEXT, "data: {\n\n"], Clean, O::StreamMalformed),
        (&[TEXT, "data: hello\n\n"], Clean, O::StreamMalformed),
        (&["<!doctype html>\n<html><title>Login</title>"], Clean, O::StreamMalformed),
        (&["<!doctype html>\n<html><title>Login</title>"], Cut, O::StreamMalformed),
        (&["{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"], Clean, O::StreamMalformed),
        (&["{\"choices\":[],\"error\":null}"], Clean, O::StreamMalformed),
        (&["[1]"], Clean, O::StreamMalformed),
        (&["da\nta: x"], Clean, O::StreamMalformed),
        (&["Internal Server Error"], Clean, O::StreamMalformed),
        (&["{\"error\":{\"message\":\"boom\"}}"], Clean, O::StreamError),
        (&["\n {\"error\":\"boom\"}\n"], Clean, O::StreamError),
        (&["{\"detail\":\"boom\"}"], Clean, O::StreamError),
        (&["[{\"error\":{\"message\":\"boom\"}}]"], Clean, O::StreamError),
        (&["{\n  \"object\": \"error\",\n  \"message\": \"boom\"\n}\n"], Clean, O::StreamError),
        (&["{\"error\":{\"mess"], Cut, O::StreamMalformed),
        (&[TEXT, "data: {\"error\":{\"message\":\"boom\"}}\n\n", DONE], Clean, O::StreamError),
        (&[TEXT, "data: {\"error\":\"boom\"}"], Clean, O::StreamError),
        (&[TEXT, "event: error\ndata: {\"message\":\"boom\"}\n\n"], Clean, O::StreamError),
        (&["event: error\ndata: boom\n\n"], Clean, O::StreamError),
        (&["event: ping\ndata: {}\n\n", TEXT, DONE], Clean, O::Ok),
        (&[TEXT, &large], Clean, O::TooLarge),
        (&[&large.trim_end()[..MAX_EVENT_BYTES + 1]], Cut, O::TooLarge),
    ];
    for (parts, end, expected) in table {
        let body = parts.concat();
        assert_eq!(outcome(&body, *end), *expected, "{body:?} {end:?}");
        let bytes: Vec<_> = body.as_bytes().chunks(1).collect();
        let judged = answer(&bytes, *end).2.map_or_else(|f| f.outcome, |()| O::Ok);
        assert_eq!(judged, *expected, "{body:?} {end:?} byte by byte");
    }
}

#[test]
fn a_failure_says_what_the_server_said() {
    let detail = |body: &str| {
        let failure = answer(&[body.as_bytes()], BodyEnd::Clean).2.expect_err("a failure");
        failure.detail
    };
    assert_eq!(detail("data: {\"error\":{\"message\":\"out of blocks\"}}\n\n"), "out of blocks");
    assert_eq!(detail("event: error\ndata: overloaded\n\n"), "overloaded");
    assert_eq!(detail("{\"error\":\"boom\"}"), "an error in place of a stream: boom");
    let quoted = format!("data: {{\"choices\":\"{}\\n\"}}\n\n", "x".repeat(400));
    assert!(detail(&quoted).chars().count() <= 300, "a quotation has a bound");
    let page = "<html><title>Sign in</title>".to_owned() + &"\n<p>".repeat(30_000);
    assert_eq!(detail(&page), "the body is no event stream: Sign in");
}

#[test]
fn anchors_are_stamped_where_they_belong() {
    let role = b"data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
    let think = b"data: {\"model\":\"n\",\"choices\":[{\"delta\":{\"reasoning\":\"h\"}}]}\n\n";
    let pieces: [&[u8]; 8] = [
        b": ping\n\n",
        role,
        think,
        TEXT.as_bytes(),
        TEXT.as_bytes(),
        FINISH.as_bytes(),
        b"data: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}\n\n",
        DONE.as_bytes(),
    ];
    let (timeline, mut answer, judged) = answer(&pieces, BodyEnd::Clean);
    assert_eq!(judged, Ok(()));
    assert_eq!(timeline.first_event, Some(at(2)), "a comment is no event");
    let tokens: Vec<_> = timeline.tokens.iter().map(|t| (t.kind, t.at, t.read)).collect();
    assert_eq!(
        tokens,
        [
            (TokenKind::Reasoning, at(3), 3),
            (TokenKind::Text, at(4), 4),
            (TokenKind::Text, at(5), 5)
        ]
    );
    assert_eq!(timeline.end, Some(at(8)), "the stamp of [DONE], not of the body's end");
    assert_eq!(timeline.empty_events, 2, "role and finish; usage speaks of no choice");
    assert_eq!(timeline.usage.and_then(|usage| usage.completion_tokens), Some(3));
    assert_eq!(timeline.source, Some(StampSource::Kernel));
    assert_eq!(answer.model(), Some("m"));
    assert_eq!(answer.finish(), Some(Finish::Stop));
    assert_eq!(answer.text().as_deref(), Some("aa"));
}

#[test]
fn without_done_the_end_is_the_end_of_the_body() {
    let pieces = [TEXT.as_bytes(), FINISH.trim_end().as_bytes()];
    let (timeline, answer, judged) = answer(&pieces, BodyEnd::Clean);
    assert_eq!((judged, timeline.end), (Ok(()), Some(at(3))));
    assert_eq!(timeline.empty_events, 1, "the event that the end completed");
    assert_eq!(answer.finish(), Some(Finish::Stop));
}

#[test]
fn an_unfinished_done_is_stamped_when_it_came() {
    let (timeline, _, judged) = answer(&[TEXT.as_bytes(), b"data: [DONE]\n"], BodyEnd::Clean);
    assert_eq!((judged, timeline.end), (Ok(()), Some(at(2))));
}

#[test]
fn the_beginning_of_an_event_is_no_event() {
    let (timeline, _, judged) = answer(&[b"data: {\"choi"], BodyEnd::Clean);
    assert_eq!(judged.map_err(|failure| failure.outcome), Err(Outcome::StreamTruncated));
    assert_eq!((timeline.first_event, timeline.end), (None, Some(at(2))));
}

#[test]
fn a_cut_body_has_no_end() {
    assert_eq!(answer(&[TEXT.as_bytes()], BodyEnd::Cut).0.end, None);
}

/// What lay behind the first token of an answer whose pieces are frames of one read, or of two
/// where `None` stands.
fn behind(pieces: &[Option<&str>]) -> Behind {
    let mut timeline = Timeline::new(at(0), 0);
    let mut answer = Answer::new(Api::OpenaiChat.protocol(), false, MAX_EVENT_BYTES);
    let mut read = 1;
    for piece in pieces {
        let Some(piece) = piece else {
            read += 1;
            continue;
        };
        let pushed =
            answer.push(&mut timeline, piece.as_bytes(), arrival(read, StampSource::Kernel));
        assert!(pushed.is_ok(), "{pushed:?}");
    }
    assert!(!timeline.tokens.is_empty());
    timeline.behind_first_token()
}

#[test]
fn whatever_lies_behind_the_first_token_in_its_read_is_seen() {
    const ROLE: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}\n\n";
    let others = [": ping\n\n", ":", "\n", "d", "data: {", ROLE, USAGE, FINISH, DONE, TEXT];
    for other in others {
        let glued = format!("{TEXT}{other}");
        assert_eq!(behind(&[Some(&glued)]), Behind::More, "{other:?} in the same frame");
        assert_eq!(behind(&[Some(TEXT), Some(other)]), Behind::More, "{other:?} in the next");
        assert_eq!(behind(&[Some(TEXT), None, Some(other)]), Behind::Nothing, "{other:?} later");
        if other.ends_with("\n\n") && other != DONE && other != TEXT {
            let before = format!("{other}{TEXT}");
            assert_eq!(behind(&[Some(&before)]), Behind::Nothing, "{other:?} before it");
        }
    }
    let (head, tail) = TEXT.split_at(20);
    assert_eq!(behind(&[Some(head), None, Some(tail)]), Behind::Nothing);
    assert_eq!(behind(&[Some(head), None, Some(&format!("{tail}:"))]), Behind::More);
    let second = format!("{TEXT}{FINISH}");
    assert_eq!(behind(&[Some(TEXT), None, Some(&second)]), Behind::Nothing, "of the second");
    let crlf = TEXT.replace('\n', "\r\n");
    assert_eq!(behind(&[Some(&crlf)]), Behind::Nothing, "a line feed belongs to its return");
    assert_eq!(behind(&[Some(&format!("{crlf}\r\n"))]), Behind::More);
}

#[test]
fn one_read_without_a_kernel_stamp_marks_the_exchange() {
    let mut timeline = Timeline::new(at(0), 0);
    let mut answer = Answer::new(Api::OpenaiChat.protocol(), false, MAX_EVENT_BYTES);
    for (ms, source) in
        [StampSource::Kernel, StampSource::Read, StampSource::Kernel].into_iter().enumerate()
    {
        let arrival = arrival(ms as u64, source);
        let progress = answer.push(&mut timeline, TEXT.as_bytes(), arrival);
        assert_eq!(progress, Ok(Progress::Open));
    }
    assert_eq!(timeline.source, Some(StampSource::Read));
    assert_eq!(answer.text(), None, "no text was asked for");
}

#[test]
fn kept_text_has_a_cap() {
    let event = format!("data: {{\"choices\":[{{\"text\":\"{}\"}}]}}\n\n", "é".repeat(201));
    let body = event.repeat(200);
    let text = answer(&[body.as_bytes()], BodyEnd::Clean).1.text().expect("text");
    assert_eq!(text.len(), 64 * 1024);
}

proptest! {
    #[test]
    fn any_bytes_have_an_outcome_of_the_stream(
        parts in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                prop::sample::select(vec![TEXT, FINISH, DONE, "data: ", "\n\n", "\r", ":", "{"])
                    .prop_map(|part| part.as_bytes().to_vec()),
            ],
            0..30,
        ),
        cut in any::<bool>(),
    ) {
        let end = if cut { BodyEnd::Cut } else { BodyEnd::Clean };
        let pieces: Vec<_> = parts.iter().map(Vec::as_slice).collect();
        let (timeline, _, judged) = answer(&pieces, end);
        let whole = parts.concat();
        let (again, _, judged_whole) = answer(&[&whole], end);
        prop_assert_eq!(timeline.tokens.len(), again.tokens.len());
        prop_assert_eq!(timeline.empty_events, again.empty_events);
        let outcome = judged.map_or_else(|failure| failure.outcome, |()| Outcome::Ok);
        prop_assert_eq!(judged_whole.map_or_else(|f| f.outcome, |()| Outcome::Ok), outcome);
        prop_assert!(outcome == Outcome::Ok || [
            Outcome::TooLarge, Outcome::StreamMalformed, Outcome::StreamError,
            Outcome::StreamTruncated, Outcome::Empty,
        ].contains(&outcome));
    }
}
