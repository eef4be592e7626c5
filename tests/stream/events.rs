//! What one event says: every odd form that a server was seen to send.

use tokenbeat::{
    protocol::{Api, DecodeError, Delta, Finish, Fragment},
    timeline::{TokenKind, Usage},
};

fn decode(json: &str) -> Result<Delta<'_>, DecodeError> {
    Api::OpenaiChat.protocol().decode(json.as_bytes())
}

fn ok(json: &str) -> Delta<'_> {
    decode(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn text(fragment: Fragment<'_>) -> String {
    let mut text = String::new();
    fragment.append_to(&mut text);
    text
}

#[test]
fn events_bear_the_tokens_that_they_should() {
    let table = [
        (r#"{"choices":[{"delta":{"content":"a"}}]}"#, Some(TokenKind::Text)),
        (r#"{"choices":[{"text":" "}]}"#, Some(TokenKind::Text)),
        (r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, None),
        (r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#, None),
        (r#"{"choices":[{"delta":{}}]}"#, None),
        (r#"{"choices":[{"delta":null}]}"#, None),
        (r#"{"choices":[{"text":""}]}"#, None),
        (r#"{"choices":[]}"#, None),
        (r#"{"choices":null}"#, None),
        ("{}", None),
        (r#"{"choices":[{"delta":{"reasoning":"a"}}]}"#, Some(TokenKind::Reasoning)),
        (r#"{"choices":[{"delta":{"reasoning_content":"a"}}]}"#, Some(TokenKind::Reasoning)),
        (
            r#"{"choices":[{"delta":{"reasoning":"a","reasoning_content":null,"content":""}}]}"#,
            Some(TokenKind::Reasoning),
        ),
        (
            r#"{"choices":[{"delta":{"reasoning":null,"reasoning_content":"","content":"a"}}]}"#,
            Some(TokenKind::Text),
        ),
        (
            r#"{"choices":[{"delta":{"content":""}},{"delta":{"content":"a"}}]}"#,
            Some(TokenKind::Text),
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":""}}]}}]}"#,
            Some(TokenKind::Tool),
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{"}}]}}]}"#,
            Some(TokenKind::Tool),
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":{"a":1}}}]}}]}"#,
            Some(TokenKind::Tool),
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":null,"arguments":""}}]}}]}"#,
            None,
        ),
        (r#"{"choices":[{"delta":{"tool_calls":[{"id":"1","function":null}]}}]}"#, None),
        (r#"{"choices":[{"delta":{"tool_calls":[]}}]}"#, None),
        (r#"{"choices":[{"delta":{"tool_calls":null,"function_call":null}}]}"#, None),
        (r#"{"choices":[{"delta":{"function_call":{"name":"f"}}}]}"#, Some(TokenKind::Tool)),
        // What is of no use may have any type, and may come twice.
        (
            r#"{"id":1,"id":[{}],"created":"x","choices":[{"index":"0","logprobs":{"content":[[]]},"delta":{"role":7,"content":"a"}}]}"#,
            Some(TokenKind::Text),
        ),
        (r#"{"model":3,"object":{},"choices":[{"text":"a"}]}"#, Some(TokenKind::Text)),
        (r#" {"\u0063hoices" : [ {"text" : "a"} ] } "#, Some(TokenKind::Text)),
    ];
    for (json, token) in table {
        assert_eq!(ok(json).token(), token, "{json}");
    }
}

#[test]
fn wrong_types_of_what_is_needed_are_refused() {
    let table = [
        "{",
        r#"{"choices":[{"text":"a"}]"#,
        r#"{"choices":[{"text":"a"}]}{}"#,
        "[]",
        "7",
        r#""text""#,
        "DONE",
        r#"{"choices":"a"}"#,
        r#"{"choices":["a"]}"#,
        r#"{"choices":[{"delta":"a"}]}"#,
        r#"{"choices":[{"delta":{"content":1}}]}"#,
        r#"{"choices":[{"delta":{"content":{"text":"a"}}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":{}}}]}"#,
        r#"{"choices":[{"text":["a"]}]}"#,
        r#"{"choices":[{"finish_reason":1}]}"#,
        r#"{"usage":7}"#,
        r#"{"usage":{"completion_tokens":"7"}}"#,
        r#"{"usage":{"completion_tokens":-1}}"#,
        r#"{"usage":{"completion_tokens":1.5}}"#,
        "<html></html>",
    ];
    for json in table {
        assert!(decode(json).is_err(), "{json}");
    }
}

#[test]
fn bytes_that_are_no_text_matter_only_where_they_are_read() {
    let decode = |json| Api::OpenaiChat.protocol().decode(json);
    for read in [
        b"{\"choices\":[{\"text\":\"\xFF\"}]}".as_slice(),
        b"{\"model\":\"\xFF\",\"choices\":[{\"text\":\"a\"}]}",
        b"{\"choices\":[{\"text\":\"a\"}]}\xFF",
    ] {
        assert!(decode(read).is_err(), "{}", read.escape_ascii());
    }
    let skipped = b"{\"id\":\"\xFF\",\"choices\":[{\"text\":\"a\"}]}";
    let delta = decode(skipped).expect("an event of which only the id is broken");
    assert_eq!(delta.token(), Some(TokenKind::Text));
}

#[test]
fn done_null_and_blank_data_are_no_errors() {
    assert!(ok("[DONE]").done);
    assert!(ok(" [DONE] ").done);
    for nothing in ["null", "", " ", "{}", r#"{"type":"ping"}"#] {
        let delta = ok(nothing);
        assert!(!delta.done && !delta.choice && delta.error.is_none(), "{nothing:?}");
    }
}

#[test]
fn text_is_unescaped_only_on_demand() {
    let table = [
        (r#"{"choices":[{"text":"a\n\u00e9\ud83d\ude00\""}]}"#, "a\né😀\""),
        (r#"{"choices":[{"text":"plain é"}]}"#, "plain é"),
        (r#"{"choices":[{"text":"\ud83d"}]}"#, "\u{FFFD}"),
        (r#"{"choices":[{"text":"a"},{"text":"b"}]}"#, "a"),
        (r#"{"choices":[]}"#, ""),
    ];
    for (json, expected) in table {
        assert_eq!(text(ok(json).text), expected, "{json}");
    }
}

#[test]
fn usage_is_read_wherever_it_stands() {
    let of = |prompt, completion| Usage {
        prompt_tokens: prompt,
        completion_tokens: completion,
        ..Usage::default()
    };
    let table = [
        (
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
            Some(of(Some(3), Some(5))),
        ),
        (r#"{"usage":{"completion_tokens":5.0,"prompt_tokens":null}}"#, Some(of(None, Some(5)))),
        (r#"{"usage":{"completion_tokens":0}}"#, Some(of(None, Some(0)))),
        (r#"{"usage":{"completion_tokens":1,"completion_tokens":2}}"#, Some(of(None, Some(2)))),
        // What no answer can have is not reported.
        (r#"{"usage":{"completion_tokens":10000000}}"#, Some(of(None, Some(10_000_000)))),
        (r#"{"usage":{"completion_tokens":10000001,"prompt_tokens":3}}"#, Some(of(Some(3), None))),
        (r#"{"usage":{"completion_tokens":18446744073709551615}}"#, None),
        (r#"{"usage":{"completion_tokens":1e300}}"#, None),
        (r#"{"usage":null}"#, None),
        (r#"{"usage":{}}"#, None),
        (r#"{"usage":{"total_tokens":"many","prompt_tokens_details":null}}"#, None),
        (
            r#"{"usage":{"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":4,"audio":{}},"completion_tokens_details":{"reasoning_tokens":6}}}"#,
            Some(Usage {
                completion_tokens: Some(9),
                cached_tokens: Some(4),
                reasoning_tokens: Some(6),
                ..Usage::default()
            }),
        ),
        (
            r#"{"usage":{"reasoning_tokens":6,"prompt_cache_hit_tokens":4}}"#,
            Some(Usage { cached_tokens: Some(4), reasoning_tokens: Some(6), ..Usage::default() }),
        ),
    ];
    for (json, usage) in table {
        assert_eq!(ok(json).usage, usage, "{json}");
    }
}

#[test]
fn finish_reasons_have_their_classes() {
    let table = [
        ("null", None),
        (r#""""#, None),
        (r#""stop""#, Some(Finish::Stop)),
        (r#""eos_token""#, Some(Finish::Stop)),
        (r#""length""#, Some(Finish::Length)),
        (r#""tool_calls""#, Some(Finish::ToolCalls)),
        (r#""function_call""#, Some(Finish::ToolCalls)),
        (r#""content_filter""#, Some(Finish::Other)),
    ];
    for (reason, finish) in table {
        let json = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":{reason}}}]}}"#);
        assert_eq!(ok(&json).finish, finish, "{reason}");
        assert_eq!(ok(&json).error, None, "{reason}");
    }
    assert_eq!(ok(r#"{"choices":[{"text":"a"}]}"#).finish, None);
}

#[test]
fn errors_are_told_from_answers() {
    let table = [
        (r#"{"error":{"message":"boom","type":"x","code":500}}"#, Some("boom")),
        (r#"{"error":"boom","error_type":"overloaded"}"#, Some("boom")),
        (r#"{"error":{"code":503}}"#, Some(r#"{"code":503}"#)),
        (r#"{"detail":"boom"}"#, Some("boom")),
        (r#"{"object":"error","message":"boom","code":400}"#, Some("boom")),
        (
            r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#,
            Some(r#"finish_reason is "error""#),
        ),
        (r#"{"choices":[{"delta":{"content":"a"}}],"error":{"message":"boom"}}"#, Some("boom")),
        (r#"{"choices":[{"text":"a"}],"error":null}"#, None),
        (r#"{"choices":[{"text":"a"}],"error":{}}"#, None),
        (r#"{"choices":[{"text":"a"}],"error":""}"#, None),
        (r#"{"choices":[{"text":"a"}],"detail":"fine"}"#, None),
        (r#"{"message":"hello"}"#, None),
    ];
    for (json, error) in table {
        assert_eq!(ok(json).error.as_deref(), error, "{json}");
    }
}

#[test]
fn the_model_is_borrowed_if_it_is_a_name() {
    assert_eq!(text(Fragment(ok(r#"{"model":"org/m"}"#).model)), "org/m");
    for json in [r#"{"model":null}"#, r#"{"model":""}"#, r#"{"model":1}"#, "{}"] {
        assert!(ok(json).model.is_none(), "{json}");
    }
}
