//! `POST /v1/completions`

use std::borrow::Cow;

use serde::Serialize;

use super::{
    DecodeError, Delta, FieldSet, Protocol, openai_event,
    openai_sampling::{self, Sampling},
};
use crate::workload::{Message, RequestPlan};

pub(super) struct OpenaiCompletions;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: Cow<'a, str>,
    /// Not optional: this API has no other name for it, and the servers' default is as little as
    /// 16 tokens or as much as the context holds.
    max_tokens: u32,
    #[serde(flatten)]
    sampling: Sampling,
}

impl Protocol for OpenaiCompletions {
    fn path(&self) -> &'static str {
        "/v1/completions"
    }

    fn encode(&self, plan: &RequestPlan, model: &str, refused: FieldSet) -> Vec<u8> {
        openai_sampling::to_json(&Body {
            model,
            prompt: joined(&plan.messages),
            max_tokens: plan.max_tokens,
            sampling: Sampling::new(plan, refused),
        })
    }

    fn optional_fields(&self, plan: &RequestPlan, refused: FieldSet) -> FieldSet {
        openai_sampling::fields(plan, refused)
    }

    fn decode<'a>(&self, data: &'a [u8]) -> Result<Delta<'a>, DecodeError> {
        openai_event::decode(data)
    }
}

/// The messages as one text, an empty line between two: this API knows no roles, and what a model
/// would take for them differs from model to model.
fn joined(messages: &[Message]) -> Cow<'_, str> {
    match messages {
        [message] => Cow::Borrowed(&message.content),
        messages => {
            let texts: Vec<&str> = messages.iter().map(|message| &*message.content).collect();
            Cow::Owned(texts.join("\n\n"))
        }
    }
}
