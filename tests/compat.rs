//! One stream, five answers: the bytes on which other tools were tried out, read by our client and
//! measured by their definitions.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, time::Duration};

use tokenbeat::{
    client::answer::{Answer, Arrival, BodyEnd, Progress},
    clock::Stamp,
    measure::Compat,
    protocol::Api,
    timeline::{Exchange, Outcome, StampSource, Timeline},
};

/// When each event comes, in milliseconds after the request, and what it says.
const EVENTS: [(u64, &str); 9] = [
    (20, r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#),
    (200, r#"{"choices":[{"index":0,"delta":{"reasoning_content":"Let"}}]}"#),
    (220, r#"{"choices":[{"index":0,"delta":{"reasoning_content":" me"}}]}"#),
    (240, r#"{"choices":[{"index":0,"delta":{"reasoning_content":" see"}}]}"#),
    (600, r#"{"choices":[{"index":0,"delta":{"content":"The quick brown fox"}}]}"#),
    (640, r#"{"choices":[{"index":0,"delta":{"content":" jumps over the lazy"}}]}"#),
    (680, r#"{"choices":[{"index":0,"delta":{"content":" dog"},"finish_reason":"stop"}]}"#),
    (685, r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12}}"#),
    (700, "[DONE]"),
];

fn at(millis: u64) -> Stamp {
    Stamp::from_nanos(millis * 1_000_000)
}

/// The exchange that our client makes of the stream.
fn exchange() -> Exchange {
    let mut timeline = Timeline::new(at(0), 8);
    (timeline.attempt_start, timeline.sent) = (Some(at(0)), Some(at(0)));
    let mut answer = Answer::new(Api::OpenaiChat.protocol(), false, 1 << 16);
    let mut progress = Progress::Open;
    for (read, (millis, data)) in (1..).zip(EVENTS) {
        let arrival = Arrival {
            at: at(millis),
            source: StampSource::Kernel,
            read_delay: Some(Duration::ZERO),
            read,
        };
        let event = format!("data: {data}\n\n");
        progress = answer.push(&mut timeline, event.as_bytes(), arrival).expect("a sound stream");
    }
    assert_eq!(progress, Progress::Done);
    answer.end(&mut timeline, at(700), BodyEnd::Clean).expect("a whole answer");
    Exchange { timeline, outcome: Outcome::Ok, detail: None, text: None }
}

/// The mean of each column, in milliseconds, rounded to a tenth.
fn means(tool: Compat) -> BTreeMap<&'static str, f64> {
    let mut sums = BTreeMap::<&str, (f64, f64)>::new();
    tool.values(&exchange(), &mut |column, value| {
        let (sum, count) = sums.entry(column).or_default();
        *sum += value.as_secs_f64() * 1e3;
        *count += 1.0;
    });
    sums.into_iter().map(|(column, (sum, n))| (column, (sum / n * 10.0).round() / 10.0)).collect()
}

#[test]
fn one_stream_has_five_times_to_first_token() {
    let expected: [(Compat, &[(&str, f64)]); 5] = [
        (
            Compat::Aiperf,
            &[
                ("time_to_first_token", 200.0),
                ("time_to_second_token", 20.0),
                ("time_to_first_output_token", 600.0),
                ("request_latency", 680.0),
                ("inter_token_latency", 43.6),
                ("inter_chunk_latency", 96.0),
            ],
        ),
        (Compat::Vllm, &[("ttft", 20.0), ("tpot", 60.0), ("itl", 110.0), ("e2el", 680.0)]),
        (
            Compat::Guidellm,
            &[
                ("request_latency", 700.0),
                ("time_to_first_token", 200.0),
                ("time_to_first_output_token", 600.0),
                ("inter_token_latency", 43.6),
                ("time_per_output_token", 56.7),
            ],
        ),
        (
            Compat::InferencePerf,
            &[
                ("request_latency", 700.0),
                ("time_to_first_token", 600.0),
                ("time_per_output_token", 7.3),
                ("normalized_time_per_output_token", 58.3),
                ("inter_token_latency", 7.3),
            ],
        ),
        (
            Compat::GenaiPerf,
            &[
                ("time_to_first_token", 600.0),
                ("time_to_second_token", 40.0),
                ("request_latency", 680.0),
                ("inter_token_latency", 7.3),
            ],
        ),
    ];
    for (tool, values) in expected {
        assert_eq!(means(tool), values.iter().copied().collect(), "{tool}");
        assert_eq!(tool.columns().len(), values.len(), "{tool}: no column is missing");
    }
}
