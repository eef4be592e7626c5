//! The bodies of requests, and the fields that can be refused.

use serde_json::{Value, json};
use tokenbeat::{
    protocol::{Api, Field, FieldSet},
    workload::{Message, RequestPlan, Role},
};

fn plan(exact_length: bool) -> RequestPlan {
    RequestPlan { exact_length, temperature: 0.5, ..RequestPlan::completion("Say \"hi\"\n", 16) }
}

fn body(api: Api, exact_length: bool, refused: FieldSet) -> Value {
    let bytes = api.protocol().encode(&plan(exact_length), "org/m", refused);
    serde_json::from_slice(&bytes).expect("a body is JSON")
}

#[test]
fn chat_asks_for_everything_it_may() {
    assert_eq!(
        body(Api::OpenaiChat, true, FieldSet::EMPTY),
        json!({
            "model": "org/m",
            "messages": [{"role": "user", "content": "Say \"hi\"\n"}],
            "max_tokens": 16,
            "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": 0.5,
            "top_p": 1,
            "ignore_eos": true,
            "min_tokens": 16,
        })
    );
}

#[test]
fn completions_ask_with_a_prompt() {
    assert_eq!(
        body(Api::OpenaiCompletions, false, FieldSet::EMPTY),
        json!({
            "model": "org/m",
            "prompt": "Say \"hi\"\n",
            "max_tokens": 16,
            "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": 0.5,
            "top_p": 1,
        })
    );
}

#[test]
fn with_all_refused_the_bare_request_is_left() {
    let all = Field::ALL.into_iter().fold(FieldSet::EMPTY, FieldSet::with);
    assert_eq!(
        body(Api::OpenaiChat, true, all),
        json!({
            "model": "org/m",
            "messages": [{"role": "user", "content": "Say \"hi\"\n"}],
            "max_completion_tokens": 16,
            "stream": true,
        })
    );
    let bare = body(Api::OpenaiCompletions, true, all);
    assert_eq!(bare["max_tokens"], 16, "this API has no other name for it");
}

#[test]
fn the_optional_fields_are_those_of_the_body() {
    for api in Api::ALL {
        for exact_length in [false, true] {
            for refused in (0..1 << Field::ALL.len()).map(FieldSet::from_bits) {
                let fields = api.protocol().optional_fields(&plan(exact_length), refused);
                let body = body(api, exact_length, refused);
                for field in Field::ALL {
                    let fixed = api == Api::OpenaiCompletions && field == Field::MaxTokens;
                    let sent = body.get(field.as_str()).is_some() && !fixed;
                    assert_eq!(fields.contains(field), sent, "{api:?} {field:?} {refused:?}");
                }
            }
        }
    }
}

#[test]
fn a_conversation_keeps_its_roles_in_a_chat_and_its_texts_in_a_completion() {
    let message = |role, content: &str| Message { role, content: content.into() };
    let messages = vec![
        message(Role::System, "Be kind."),
        message(Role::User, "Hi"),
        message(Role::Assistant, "Hello"),
        message(Role::User, "Bye"),
    ];
    let plan = RequestPlan { messages, ..RequestPlan::completion("", 16) };
    let body = |api: Api| -> Value {
        let bytes = api.protocol().encode(&plan, "m", FieldSet::EMPTY);
        serde_json::from_slice(&bytes).expect("a body is JSON")
    };
    assert_eq!(
        body(Api::OpenaiChat)["messages"],
        json!([
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Bye"},
        ])
    );
    assert_eq!(body(Api::OpenaiCompletions)["prompt"], "Be kind.\n\nHi\n\nHello\n\nBye");
}
