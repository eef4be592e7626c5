//! What the stream path costs in memory, counted by the allocator of this test.

use std::{ops::ControlFlow, time::Duration};

use allocation_counter::measure;
use proptest::prelude::*;
use tokenbeat::{
    client::answer::{Answer, Arrival, BodyEnd},
    clock::Stamp,
    protocol::Api,
    sse::Decoder,
    timeline::{StampSource, Timeline},
};

const ARRIVAL: Arrival = Arrival {
    at: Stamp::from_nanos(1),
    source: StampSource::Kernel,
    read_delay: Some(Duration::ZERO),
    read: 1,
};

#[test]
fn a_token_event_allocates_nothing() {
    let events = [
        r#"{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"a\n\u00e9"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        r#"{"id":"c","choices":[{"index":0,"text":"a","token_ids":[1,2],"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":0}}}"#,
        r#"{"choices":[{"delta":{"reasoning":"a","reasoning_content":"a"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"timings":{"cache_n":9,"prompt_n":1,"prompt_ms":0.877,"predicted_n":16,"predicted_ms":8.762}}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"completion_tokens":2,"queue_time":0.5}}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}"#,
    ];
    for event in events {
        let protocol = Api::OpenaiChat.protocol();
        let cost = measure(|| {
            let delta = protocol.decode(event.as_bytes()).expect("an event");
            assert!(delta.token().is_some());
            let tells = event.contains("timings") || event.contains("queue_time");
            assert_eq!(delta.told.read().is_some(), tells);
        });
        assert_eq!(cost.count_total, 0, "{event}");
    }
}

#[test]
fn a_stream_allocates_nothing_once_it_runs() {
    let event =
        b"event: m\ndata: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    for piece in [event.len(), 7, 1] {
        let mut timeline = Timeline::new(Stamp::from_nanos(0), 1_000);
        let mut answer = Answer::new(Api::OpenaiChat.protocol(), false, 1 << 16);
        let mut once = || {
            for bytes in event.chunks(piece) {
                answer.push(&mut timeline, bytes, ARRIVAL).expect("a good stream");
            }
        };
        once();
        let cost = measure(|| (0..900).for_each(|_| once()));
        assert_eq!(cost.count_total, 0, "in pieces of {piece} bytes");
    }
}

#[test]
fn an_event_in_one_piece_is_handed_out_in_place() {
    let piece = b"data: hello\n\nevent: e\ndata: world\n\n";
    let mut decoder = Decoder::new(64);
    let mut places = Vec::new();
    let flow = decoder.push::<()>(piece, |event| {
        places.push(piece.as_ptr_range().contains(&event.data.as_ptr()));
        ControlFlow::Continue(())
    });
    assert_eq!(flow, Ok(ControlFlow::Continue(())));
    assert_eq!(places, [true, true]);
}

#[test]
fn pings_without_end_pile_up_nowhere() {
    let mut timeline = Timeline::new(Stamp::from_nanos(0), 0);
    let mut answer = Answer::new(Api::OpenaiChat.protocol(), false, 1 << 16);
    let pings = ": ping\n\n".repeat(1_000);
    let cost = measure(|| {
        for _ in 0..100 {
            answer.push(&mut timeline, pings.as_bytes(), ARRIVAL).expect("pings are no failure");
        }
    });
    // The head of 16 KiB, in a vector that grows by doubling and is moved as it grows.
    assert!(cost.bytes_max <= 48 * 1024, "{} bytes", cost.bytes_max);
}

proptest! {
    #[test]
    fn memory_stays_within_the_caps(
        parts in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..600),
                prop::sample::select(vec!["data: ", "event: ", ":", "\n", "\n\n", "{\"error\":\""])
                    .prop_map(|part| part.as_bytes().to_vec()),
            ],
            0..200,
        ),
    ) {
        const MAX_EVENT_BYTES: usize = 4_096;
        // The head of a body that is no stream, the decoder's three buffers (which grow by
        // doubling), and what judging the head and wording a failure takes.
        const BOUND: u64 = 16 * 1024 + 3 * 2 * 4_096 + 96 * 1024;
        let mut timeline = Timeline::new(Stamp::from_nanos(0), 1_000);
        let cost = measure(|| {
            let mut answer = Answer::new(Api::OpenaiChat.protocol(), false, MAX_EVENT_BYTES);
            for part in &parts {
                if answer.push(&mut timeline, part, ARRIVAL).is_err() {
                    return;
                }
            }
            drop(answer.end(&mut timeline, ARRIVAL.at, BodyEnd::Clean));
        });
        prop_assert!(cost.bytes_max <= BOUND, "{} bytes", cost.bytes_max);
    }
}
