//! `POST /v1/chat/completions`

use serde::Serialize;

use super::{
    DecodeError, Delta, Field, FieldSet, Protocol, openai_event,
    openai_sampling::{self, Sampling},
};
use crate::workload::{self, RequestPlan};

pub(super) struct OpenaiChat;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(flatten)]
    sampling: Sampling,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

impl<'a> From<&'a workload::Message> for Message<'a> {
    fn from(message: &'a workload::Message) -> Self {
        Self { role: message.role.as_str(), content: &message.content }
    }
}

impl Protocol for OpenaiChat {
    fn path(&self) -> &'static str {
        "/v1/chat/completions"
    }

    fn encode(&self, plan: &RequestPlan, model: &str, refused: FieldSet) -> Vec<u8> {
        let renamed = refused.contains(Field::MaxTokens);
        openai_sampling::to_json(&Body {
            model,
            messages: plan.messages.iter().map(Message::from).collect(),
            max_tokens: (!renamed).then_some(plan.max_tokens),
            max_completion_tokens: renamed.then_some(plan.max_tokens),
            sampling: Sampling::new(plan, refused),
        })
    }

    fn optional_fields(&self, plan: &RequestPlan, refused: FieldSet) -> FieldSet {
        let sampling = openai_sampling::fields(plan, refused);
        if refused.contains(Field::MaxTokens) { sampling } else { sampling.with(Field::MaxTokens) }
    }

    fn decode<'a>(&self, data: &'a [u8]) -> Result<Delta<'a>, DecodeError> {
        openai_event::decode(data)
    }
}
