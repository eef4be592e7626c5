//! The event that the OpenAI streaming APIs share, with the dialects seen in the wild.
//!
//! Owns the reading of one event. Servers and gateways mix the two APIs' forms, so one reader
//! takes both: text in `choices[].delta.content` or in `choices[].text`. Keys that are of no use
//! here are skipped unread, whatever their type; the type of a key that is read must be right.
//! A token-bearing event allocates nothing: text stays as it stands in the event, and skipping
//! costs memory only where a skipped value is nested (`logprobs`), and then a few bytes.

use serde::de::{DeserializeSeed as _, Error, MapAccess};
use serde_json::{Deserializer, de::Read, value::RawValue};

use super::{
    DecodeError, Delta, Finish, Fragment, error,
    fold::{Fold, List, Object, skip},
    openai_usage::Counted,
};
use crate::timeline::Usage;

/// What one event's data says.
pub(super) fn decode(data: &[u8]) -> Result<Delta<'_>, DecodeError> {
    match data.trim_ascii() {
        // llama.cpp opens some streams with `null`; an empty event is somebody's ping.
        b"" | b"null" => Ok(Delta::default()),
        b"[DONE]" => Ok(Delta { done: true, ..Delta::default() }),
        // Text that is known to be text is not looked at again key by key and value by value, which
        // would be a tenth of what a token costs. Bytes that are no text may still be of no use.
        json => match std::str::from_utf8(json) {
            Ok(text) => fold(Deserializer::from_str(text)),
            Err(_) => fold(Deserializer::from_slice(json)),
        },
    }
}

/// Reads one event to its end.
fn fold<'a, R: Read<'a>>(mut json: Deserializer<R>) -> Result<Delta<'a>, DecodeError> {
    let mut event = Event::default();
    Object(&mut event).deserialize(&mut json)?;
    json.end()?;
    Ok(event.into_delta())
}

/// The event as far as it has been read.
#[derive(Default)]
struct Event<'a> {
    delta: Delta<'a>,
    object: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum EventKey {
    Choices,
    Usage,
    Timings,
    Model,
    Object,
    Error,
    Detail,
    Message,
    #[serde(other)]
    Other,
}

impl<'a> Event<'a> {
    fn into_delta(self) -> Delta<'a> {
        let Self { mut delta, object, error, detail, message } = self;
        // `detail` and `message` are errors only where they stand in place of an answer.
        let instead = match (delta.choice, object) {
            (true, _) => None,
            (false, Some(object)) if object.get() == "\"error\"" => message.or(detail),
            (false, _) => detail,
        };
        if let Some(error) =
            error.and_then(error::worded).or_else(|| instead.and_then(error::worded))
        {
            delta.error = Some(error);
        }
        delta
    }
}

impl<'a> Fold<'a> for Event<'a> {
    type Key = EventKey;

    const WHAT: &'static str = "event";

    fn field<M: MapAccess<'a>>(&mut self, key: EventKey, map: &mut M) -> Result<(), M::Error> {
        match key {
            EventKey::Choices => map.next_value_seed(List(&mut Choice(&mut self.delta))),
            EventKey::Usage => {
                let mut usage = Usage::default();
                let told = &mut self.delta.told.usage;
                map.next_value_seed(Object(&mut Counted { usage: &mut usage, told }))?;
                // `null` and `{}` report nothing.
                self.delta.usage = (usage != Usage::default()).then_some(usage);
                Ok(())
            }
            EventKey::Timings => map.next_value().map(|raw| self.delta.told.timings = raw),
            EventKey::Model => {
                self.delta.model = map
                    .next_value::<Option<&RawValue>>()?
                    .filter(|model| Fragment(Some(model)).is_present());
                Ok(())
            }
            EventKey::Object => map.next_value().map(|raw| self.object = raw),
            EventKey::Error => map.next_value().map(|raw| self.error = raw),
            EventKey::Detail => map.next_value().map(|raw| self.detail = raw),
            EventKey::Message => map.next_value().map(|raw| self.message = raw),
            EventKey::Other => skip(map),
        }
    }
}

/// One entry of `choices`; all are folded into one [`Delta`].
struct Choice<'d, 'a>(&'d mut Delta<'a>);

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum ChoiceKey {
    Delta,
    Text,
    FinishReason,
    #[serde(other)]
    Other,
}

impl<'a> Fold<'a> for Choice<'_, 'a> {
    type Key = ChoiceKey;

    const WHAT: &'static str = "choice";

    fn field<M: MapAccess<'a>>(&mut self, key: ChoiceKey, map: &mut M) -> Result<(), M::Error> {
        self.0.choice = true;
        match key {
            ChoiceKey::Delta => map.next_value_seed(Object(&mut Content(self.0))),
            ChoiceKey::Text => take_text(map, &mut self.0.text),
            ChoiceKey::FinishReason => {
                let Some(reason) = text(map)? else { return Ok(()) };
                self.0.finish = Some(match reason.get().trim_matches('"') {
                    "stop" | "eos_token" | "stop_sequence" => Finish::Stop,
                    "length" => Finish::Length,
                    "tool_calls" | "function_call" => Finish::ToolCalls,
                    other => {
                        if other == "error" {
                            self.0.error = Some("finish_reason is \"error\"".to_owned());
                        }
                        Finish::Other
                    }
                });
                Ok(())
            }
            ChoiceKey::Other => skip(map),
        }
    }
}

/// `delta`: what is new in a choice.
struct Content<'d, 'a>(&'d mut Delta<'a>);

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum ContentKey {
    Content,
    #[serde(alias = "reasoning_content")]
    Reasoning,
    ToolCalls,
    FunctionCall,
    #[serde(other)]
    Other,
}

impl<'a> Fold<'a> for Content<'_, 'a> {
    type Key = ContentKey;

    const WHAT: &'static str = "delta";

    fn field<M: MapAccess<'a>>(&mut self, key: ContentKey, map: &mut M) -> Result<(), M::Error> {
        match key {
            ContentKey::Content => take_text(map, &mut self.0.text),
            ContentKey::Reasoning => take_text(map, &mut self.0.reasoning),
            ContentKey::ToolCalls => map.next_value_seed(List(&mut ToolCall(&mut self.0.tool))),
            ContentKey::FunctionCall => {
                map.next_value_seed(Object(&mut Function(&mut self.0.tool)))
            }
            ContentKey::Other => skip(map),
        }
    }
}

/// One entry of `tool_calls`; the flag is set by a fragment that is not empty.
struct ToolCall<'d>(&'d mut bool);

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum ToolCallKey {
    Function,
    #[serde(other)]
    Other,
}

impl<'a> Fold<'a> for ToolCall<'_> {
    type Key = ToolCallKey;

    const WHAT: &'static str = "tool call";

    fn field<M: MapAccess<'a>>(&mut self, key: ToolCallKey, map: &mut M) -> Result<(), M::Error> {
        match key {
            ToolCallKey::Function => map.next_value_seed(Object(&mut Function(self.0))),
            ToolCallKey::Other => skip(map),
        }
    }
}

/// `function` of a tool call, or the older `function_call`.
struct Function<'d>(&'d mut bool);

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum FunctionKey {
    Name,
    Arguments,
    #[serde(other)]
    Other,
}

impl<'a> Fold<'a> for Function<'_> {
    type Key = FunctionKey;

    const WHAT: &'static str = "function";

    fn field<M: MapAccess<'a>>(&mut self, key: FunctionKey, map: &mut M) -> Result<(), M::Error> {
        match key {
            FunctionKey::Name | FunctionKey::Arguments => {
                // Some servers send arguments as an object; whatever is there is a fragment.
                let fragment = map.next_value::<Option<&RawValue>>()?;
                *self.0 |= fragment.is_some_and(|raw| raw.get() != "\"\"");
                Ok(())
            }
            FunctionKey::Other => skip(map),
        }
    }
}

/// Takes a text into `slot`, unless it is empty: an empty one never hides another that came
/// before it, in the same event, under another key or in another choice.
fn take_text<'a, M: MapAccess<'a>>(map: &mut M, slot: &mut Fragment<'a>) -> Result<(), M::Error> {
    let text = text(map)?;
    if !slot.is_present() {
        *slot = Fragment(text);
    }
    Ok(())
}

/// The next value, a string or `null`; absent if it is empty.
fn text<'a, M: MapAccess<'a>>(map: &mut M) -> Result<Option<&'a RawValue>, M::Error> {
    match map.next_value::<Option<&'a RawValue>>()? {
        Some(raw) if !raw.get().starts_with('"') => {
            Err(M::Error::custom("invalid type: expected a string or null"))
        }
        raw => Ok(raw.filter(|raw| raw.get() != "\"\"")),
    }
}
