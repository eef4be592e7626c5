use super::*;
use crate::protocol::Api;

fn told(json: &str) -> Option<EngineTold> {
    let delta = Api::OpenaiChat.protocol().decode(json.as_bytes());
    delta.unwrap_or_else(|error| panic!("{json}: {error}")).told.read()
}

fn head(headers: &[(&'static str, &'static str)]) -> Option<EngineTold> {
    in_head(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
}

fn micros(told: &EngineTold) -> Vec<(&'static str, u128)> {
    told.times().map(|(of, took)| (of.as_str(), took.as_micros())).collect()
}

#[test]
fn timings_are_read() {
    let told = told(
        r#"{"choices": [], "timings": {"cache_n": 21, "prompt_n": 1, "prompt_ms": 1.676,
            "prompt_per_token_ms": 1.676, "predicted_n": 7, "predicted_ms": 2.61, "draft": {}}}"#,
    );
    let told = told.expect("told");
    assert_eq!(micros(&told), [("prefill", 1_676), ("decode", 2_610)]);
    let counts = (told.prompt_tokens, told.cached_tokens, told.output_tokens);
    assert_eq!(counts, (Some(22), Some(21), Some(7)));
}

#[test]
fn an_older_build_leaves_the_length_of_the_prompt_open() {
    let told = told(r#"{"timings": {"prompt_n": 12, "prompt_ms": 3}}"#).expect("told");
    assert_eq!((told.prompt_tokens, told.cached_tokens), (None, None));
}

#[test]
fn usage_can_tell_times_beside_its_counts() {
    let json = r#"{"choices": [], "usage": {"queue_time": 0.037893, "prompt_tokens": 18,
        "prompt_time": 0.00068, "completion_tokens": 5, "completion_time": 0.463333802}}"#;
    let delta = Api::OpenaiChat.protocol().decode(json.as_bytes()).expect("usage");
    let times = micros(&delta.told.read().expect("told"));
    assert_eq!(times, [("queue", 37_893), ("prefill", 680), ("decode", 463_333)]);
    let usage = delta.usage.expect("counts");
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (Some(18), Some(5)));
}

#[test]
fn heads_tell_in_milliseconds_and_only_by_the_names_of_the_table() {
    let told = head(&[
        ("x-queue-time", "12"),
        ("x-inference-time", " 340 "),
        ("x-validation-time", "1"),
        ("x-total-time", "353"),
        ("x-time-per-token", "17"),
        ("x-prompt-tokens", "70"),
        ("x-generated-tokens", "20"),
        ("openai-processing-ms", "104"),
        ("x-litellm-overhead-duration-ms", "57.919"),
        ("authorization", "5"),
    ]);
    let told = told.expect("told");
    let expected = [
        ("queue", 12_000),
        ("inference", 340_000),
        ("validation", 1_000),
        ("total", 353_000),
        ("processing", 104_000),
        ("overhead", 57_919),
    ];
    assert_eq!(micros(&told), expected);
    let counts = (told.prompt_tokens, told.cached_tokens, told.output_tokens);
    assert_eq!(counts, (Some(70), None, Some(20)));
    assert_eq!(head(&[("server", "uvicorn"), ("authorization", "5")]), None);
}

#[test]
fn nonsense_is_as_good_as_nothing() {
    for value in
        ["-1", "-0.5", "null", "true", "\"12\"", "\"NaN\"", "1e999", "-1e999", "1e12", "{}", "[1]"]
    {
        let timings = format!(
            r#"{{"choices": [{{"delta": {{"content": "a"}}}}], "timings": {{"prompt_ms": {value},
                "predicted_ms": {value}, "prompt_n": {value}, "cache_n": {value}}}}}"#
        );
        assert_eq!(told(&timings), None, "{value}");
        let usage = format!(r#"{{"usage": {{"queue_time": {value}, "completion_tokens": 3}}}}"#);
        assert_eq!(told(&usage), None, "{value}");
        // Where an object should be.
        assert_eq!(told(&format!(r#"{{"timings": {value}}}"#)), None, "{value}");
    }
    for value in ["", "-1", "NaN", "inf", "-inf", "infinity", "1e300", "0x10", "12ms", "\u{661}"] {
        assert_eq!(head(&[("x-queue-time", value), ("x-prompt-tokens", value)]), None, "{value}");
    }
    assert_eq!(head(&[("x-prompt-tokens", "1.5"), ("x-generated-tokens", "99999999")]), None);
    // What is beside nonsense is told all the same.
    let beside = told(r#"{"timings": {"prompt_ms": -3, "predicted_ms": 4}}"#).expect("told");
    assert_eq!(micros(&beside), [("decode", 4_000)]);
}

#[test]
fn answers_in_one_piece_tell_too() {
    let chat = br#"{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
        "object": "chat.completion", "timings": {"prompt_ms": 5, "predicted_ms": 7}}"#;
    let own = br#"{"index": 0, "content": "hi", "stop": true, "model": "m",
        "timings": {"prompt_ms": 5, "predicted_ms": 7}}"#;
    for body in [&chat[..], own] {
        let told = in_body(body).expect("told");
        assert_eq!(micros(&told), [("prefill", 5_000), ("decode", 7_000)]);
    }
    for body in ["", "null", "[DONE]", "<html>", "[1, 2]", "{\"choices\": 5}", "{\"timings\": {"] {
        assert_eq!(in_body(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn no_name_has_two_rows() {
    for table in [&HEAD[..], &TIMINGS, &USAGE] {
        let names: std::collections::BTreeSet<_> = table.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), table.len());
    }
}
