//! The JSON of a completion request.
//!
//! Owns its reading and the refusals that come of it. Must not know times or events.

use serde_json::{Value, json};

use super::http::Answer;
use super::spec::SimSpec;

/// The two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Chat,
    Completions,
}

/// How the answer is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Stream,
    Whole,
}

/// What a request asks of usage in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsageAsked {
    No,
    AtEnd,
    Continuous,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Ask {
    /// Index in the models of the spec.
    pub(super) model: usize,
    pub(super) prompt: String,
    pub(super) limit: u32,
    pub(super) min_tokens: u32,
    pub(super) ignore_eos: bool,
    pub(super) delivery: Delivery,
    pub(super) usage: UsageAsked,
}

impl Ask {
    /// Reads `body`; a refusal is the answer to give.
    pub(super) fn read(api: Api, body: &[u8], spec: &SimSpec) -> Result<Self, Answer> {
        let invalid = |message: &str, param| Answer::error(400, "Bad Request", message, param);
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| invalid(&format!("JSON decode error: {error}"), None))?;
        if let Some(field) = spec.refused_fields.iter().find(|field| body.get(field).is_some()) {
            let detail = format!("Unexpected fields in the request: {{'{field}'}}");
            return Err(Answer::json(422, &json!({ "detail": detail })));
        }
        let prompt = match api {
            Api::Chat => body.get("messages").and_then(chat_prompt),
            Api::Completions => body.get("prompt").and_then(text_of),
        };
        let (field, missing) = match api {
            Api::Chat => ("messages", "`messages` is missing or not a list of messages"),
            Api::Completions => ("prompt", "`prompt` is missing or neither text nor tokens"),
        };
        let prompt = prompt.ok_or_else(|| invalid(missing, Some(field)))?;
        let usage = body.get("stream_options").map_or(UsageAsked::No, |options| {
            let flag = |name| options.get(name) == Some(&Value::Bool(true));
            match (flag("include_usage"), flag("continuous_usage_stats")) {
                (true, true) => UsageAsked::Continuous,
                (true, false) => UsageAsked::AtEnd,
                (false, _) => UsageAsked::No,
            }
        });
        Ok(Self {
            model: model_index(&body, spec)?,
            prompt,
            limit: limit(&body, spec)?,
            min_tokens: tokens(&body, "min_tokens")?.unwrap_or(0),
            ignore_eos: body.get("ignore_eos") == Some(&Value::Bool(true)),
            delivery: if body.get("stream") == Some(&Value::Bool(true)) {
                Delivery::Stream
            } else {
                Delivery::Whole
            },
            usage,
        })
    }
}

/// A request that names no model gets the first, as vLLM does it.
fn model_index(body: &Value, spec: &SimSpec) -> Result<usize, Answer> {
    let Some(model) = body.get("model").and_then(Value::as_str) else { return Ok(0) };
    spec.models.iter().position(|name| name == model).ok_or_else(|| {
        let known = spec.models.join(", ");
        let message = format!("The model `{model}` does not exist; there is {known}.");
        Answer::error(404, "NotFoundError", &message, Some("model"))
    })
}

fn limit(body: &Value, spec: &SimSpec) -> Result<u32, Answer> {
    let asked = match tokens(body, "max_completion_tokens")? {
        Some(limit) => Some(limit),
        None => tokens(body, "max_tokens")?,
    };
    let limit = asked.unwrap_or(spec.default_output_tokens);
    if limit == 0 || limit > spec.max_output_tokens {
        let message = format!("max_tokens is {limit}, not in 1..={}", spec.max_output_tokens);
        return Err(Answer::error(400, "BadRequestError", &message, Some("max_tokens")));
    }
    Ok(limit)
}

/// A count of tokens; absent and null are the same.
fn tokens(body: &Value, field: &str) -> Result<Option<u32>, Answer> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
            count.map(Some).ok_or_else(|| {
                let message = format!("`{field}` is not a count of tokens: {value}");
                Answer::error(400, "BadRequestError", &message, Some(field))
            })
        }
    }
}

fn chat_prompt(messages: &Value) -> Option<String> {
    let mut prompt = String::new();
    for message in messages.as_array()? {
        message.get("role")?;
        let content = message.get("content").filter(|content| !content.is_null());
        prompt.push_str(&content.map_or(Some(String::new()), text_of)?);
        prompt.push('\n');
    }
    Some(prompt)
}

/// Text as such, or a list of texts, of token numbers or of content parts, joined by spaces.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(token) => Some(token.to_string()),
        Value::Object(part) => match part.get("text") {
            Some(text) => text.as_str().map(str::to_owned),
            None => Some(String::new()),
        },
        Value::Array(items) => {
            Some(items.iter().map(text_of).collect::<Option<Vec<_>>>()?.join(" "))
        }
        Value::Null | Value::Bool(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(api: Api, body: &Value) -> Result<Ask, u16> {
        Ask::read(api, body.to_string().as_bytes(), &SimSpec::default())
            .map_err(|answer| answer.status)
    }

    #[test]
    fn prompts_of_every_form_are_read() {
        let parts = json!([{"role": "user", "content": [{"type": "text", "text": "a b"}]}]);
        assert_eq!(read(Api::Chat, &json!({"messages": parts})).unwrap().prompt, "a b\n");
        for (prompt, text) in [(json!("x y"), "x y"), (json!([1, 2]), "1 2"), (json!(["p"]), "p")] {
            assert_eq!(read(Api::Completions, &json!({"prompt": prompt})).unwrap().prompt, text);
        }
    }

    #[test]
    fn max_completion_tokens_comes_before_max_tokens() {
        let body = json!({"prompt": "x", "max_tokens": 3, "max_completion_tokens": 5});
        assert_eq!(read(Api::Completions, &body).unwrap().limit, 5);
        let nulls = json!({"prompt": "x", "max_tokens": null});
        assert_eq!(read(Api::Completions, &nulls).unwrap().limit, 16);
    }

    #[test]
    fn bad_requests_are_refused_with_their_status() {
        for (body, status) in [
            (json!({}), 400),
            (json!({"messages": "x"}), 400),
            (json!({"messages": [], "max_tokens": 0}), 400),
            (json!({"messages": [], "max_tokens": "5"}), 400),
            (json!({"messages": [], "max_tokens": 40_000}), 400),
            (json!({"messages": [], "model": "other"}), 404),
        ] {
            assert_eq!(read(Api::Chat, &body).unwrap_err(), status, "{body}");
        }
    }
}
