//! One line of a dataset: its form, told by its keys.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    DatasetFault,
    record::{Output, Record, Said, about_tokens},
};
use crate::workload::{MOST_TOKENS, Message, Role};

type Fields = Map<String, Value>;

/// What roles are called in the two forms that have them.
struct Roles {
    list: &'static str,
    role: &'static str,
    text: &'static str,
    known: &'static str,
    opens: Opens,
}

/// Who may speak first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opens {
    /// The model, too: the record is a request, and is sent as it is.
    Anybody,
    /// The user. What a model said before is the end of something that was cut off, and chat
    /// templates refuse it.
    User,
}

const SHAREGPT: Roles = Roles {
    list: "conversations",
    role: "from",
    text: "value",
    known: "system, human, user, gpt, chatgpt, assistant, model, bing, bard",
    opens: Opens::User,
};

const MESSAGES: Roles = Roles {
    list: "messages",
    role: "role",
    text: "content",
    known: "system, developer, user, assistant",
    opens: Opens::Anybody,
};

/// Reads one line; absent if no user says anything in it.
pub(super) fn read(line: &str) -> Result<Option<Record>, DatasetFault> {
    let fields: Fields =
        serde_json::from_str(line).map_err(|error| DatasetFault::Json(error.to_string()))?;
    if fields.contains_key(SHAREGPT.list) {
        // The first words of the user are the prompt: this is how others draw from these files.
        let turns = conversation(&fields, &SHAREGPT)?;
        record(turns, |_| 0, &fields)
    } else if fields.contains_key(MESSAGES.list) {
        // The record is a request, and its last message what is asked.
        let turns = conversation(&fields, &MESSAGES)?;
        record(turns, |turns| turns - 1, &fields)
    } else if let Some(prompt) = fields.get("prompt") {
        let text = text(prompt, || "prompt".to_owned())?;
        let said = Said { before: Vec::new(), text, answer_tokens: None };
        let said = Some(said).filter(|said| !said.text.trim().is_empty());
        record(said.into_iter().collect(), |_| 0, &fields)
    } else {
        Err(DatasetFault::Form)
    }
}

fn record(
    turns: Vec<Said>,
    asked: impl Fn(usize) -> usize,
    fields: &Fields,
) -> Result<Option<Record>, DatasetFault> {
    let output = output(fields)?;
    let asked = if turns.is_empty() { return Ok(None) } else { asked(turns.len()) };
    Ok(Some(Record { turns, asked, output }))
}

/// The turns of the user, each with the messages since the one before, and with the length of the
/// message that answers it.
fn conversation(fields: &Fields, roles: &Roles) -> Result<Vec<Said>, DatasetFault> {
    let list = roles.list;
    let Some(Value::Array(messages)) = fields.get(list) else {
        return Err(DatasetFault::Value { key: list.to_owned(), must: "a list of messages" });
    };
    let mut turns: Vec<Said> = Vec::new();
    let mut before = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let Value::Object(message) = message else {
            let key = format!("{list}[{index}]");
            return Err(DatasetFault::Value { key, must: "a message: an object" });
        };
        let key = |key: &str| format!("{list}[{index}].{key}");
        let role = role(message, roles, || key(roles.role))?;
        let text = match message.get(roles.text) {
            Some(content) => text(content, || key(roles.text))?,
            None => {
                return Err(DatasetFault::Value { key: key(roles.text), must: "a text" });
            }
        };
        match role {
            // Nothing is said, and servers refuse an empty message.
            Role::User if text.trim().is_empty() => {}
            Role::User => {
                let before = std::mem::take(&mut before);
                turns.push(Said { before, text, answer_tokens: None });
            }
            Role::System => before.push(Message { role, content: text }),
            Role::Assistant if turns.is_empty() && roles.opens == Opens::User => {}
            Role::Assistant => {
                // Only the first message behind a turn is the answer to it.
                if let Some(turn) = turns.last_mut().filter(|_| before.is_empty()) {
                    turn.answer_tokens = Some(about_tokens(&text).min(MOST_TOKENS));
                }
                before.push(Message { role, content: text });
            }
        }
    }
    Ok(turns)
}

fn role(message: &Fields, roles: &Roles, key: impl Fn() -> String) -> Result<Role, DatasetFault> {
    let Some(Value::String(role)) = message.get(roles.role) else {
        return Err(DatasetFault::Value { key: key(), must: "a role" });
    };
    match role.as_str() {
        "system" | "developer" => Ok(Role::System),
        "user" | "human" => Ok(Role::User),
        "assistant" | "gpt" | "chatgpt" | "model" | "bing" | "bard" => Ok(Role::Assistant),
        other => {
            let role = other.chars().take(40).collect();
            Err(DatasetFault::Role { key: key(), role, known: roles.known })
        }
    }
}

/// A text, or the texts of a list of parts.
fn text(value: &Value, key: impl Fn() -> String) -> Result<Arc<str>, DatasetFault> {
    let must = "a text, or a list of parts {type: text, text: …}";
    let wrong = || DatasetFault::Value { key: key(), must };
    match value {
        Value::String(text) => Ok(text.as_str().into()),
        Value::Array(parts) => {
            let texts: Option<Vec<&str>> =
                parts.iter().map(|part| part.get("text")?.as_str()).collect();
            Ok(texts.ok_or_else(wrong)?.join("\n").into())
        }
        _ => Err(wrong()),
    }
}

/// What the record says of the length of its answers: `output_tokens` is meant, `max_tokens` is a
/// limit.
fn output(fields: &Fields) -> Result<Option<Output>, DatasetFault> {
    let tokens = |key: &str| match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let tokens = value.as_u64().and_then(|tokens| u32::try_from(tokens).ok());
            let tokens = tokens.filter(|tokens| (1..=MOST_TOKENS).contains(tokens));
            let must = "a whole number from 1 to 10000000";
            tokens.map(Some).ok_or_else(|| DatasetFault::Value { key: key.to_owned(), must })
        }
    };
    let (exact, most) = (tokens("output_tokens")?, tokens("max_tokens")?);
    Ok(exact.map(Output::Exactly).or(most.map(Output::AtMost)))
}
