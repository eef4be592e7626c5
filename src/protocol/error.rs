//! What a person should read of an error that a server sent.
//!
//! Owns the shapes in which servers word errors: an object with `message`, a string, FastAPI's
//! `detail` (a string or a list of problems), plain text, an HTML page. Never decides whether
//! something is an error.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::{Value, value::RawValue};

/// Longest message, in characters.
const MAX_CHARS: usize = 300;

/// As much of a body as is looked at for a message. A JSON body that is longer reads as text.
const MAX_BYTES: usize = 64 * 1024;

/// Keys that lead to the message, the better ones first.
const KEYS: [&str; 9] =
    ["error", "message", "detail", "msg", "errors", "title", "reason", "code", "type"];

/// How deep an error may be wrapped in others.
const MAX_DEPTH: usize = 4;

/// The message of an error body, in one line: at most 300 characters, without control characters.
/// `None` if the body is blank.
pub fn error_message(body: &[u8]) -> Option<String> {
    let body = &body[..body.len().min(MAX_BYTES)];
    match serde_json::from_slice(body) {
        Ok(value) => worded_value(&value),
        Err(_) => one_line(&String::from_utf8_lossy(title(body).unwrap_or(body))),
    }
}

/// Whether a JSON body that came in place of a stream is an error: whether it has one of the keys
/// under which servers put errors, and that key says something.
pub fn is_error(body: &Value) -> bool {
    // Gemini's gateway wraps its errors in a list.
    let body = body.get(0).unwrap_or(body);
    let says = |key| body.get(key).is_some_and(|value| worded_value(value).is_some());
    says("error") || says("detail") || body.get("object").is_some_and(|object| object == "error")
}

/// The message of an error inside an event. `None` if the value says nothing (`null`, `""`, `{}`,
/// `false`), as where a server sends the key with every event.
pub(super) fn worded(raw: &RawValue) -> Option<String> {
    error_message(raw.get().as_bytes())
}

fn worded_value(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Object(fields) if fields.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        value => find(value, MAX_DEPTH)
            .and_then(|message| one_line(&message))
            .or_else(|| if value.is_string() { None } else { one_line(&value.to_string()) }),
    }
}

fn find(value: &Value, depth: usize) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(Cow::Borrowed(text)),
        Value::Object(fields) if depth > 0 => {
            let message =
                KEYS.iter().find_map(|key| fields.get(*key).and_then(|v| find(v, depth - 1)))?;
            // FastAPI says beside the problem where it lies.
            match fields.get("loc").and_then(Value::as_array) {
                Some(path) => Some(Cow::Owned(format!("{}: {message}", dotted(path)))),
                None => Some(message),
            }
        }
        Value::Array(items) if depth > 0 => {
            let problems: Vec<_> =
                items.iter().filter_map(|item| find(item, depth - 1)).take(3).collect();
            (!problems.is_empty()).then(|| Cow::Owned(problems.join("; ")))
        }
        _ => None,
    }
}

/// A path of names and numbers, joined by dots.
fn dotted(path: &[Value]) -> String {
    let parts: Vec<_> = path
        .iter()
        .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
        .collect();
    parts.join(".")
}

/// The title of an HTML page.
fn title(body: &[u8]) -> Option<&[u8]> {
    let start = memmem::find(body, b"<title>")? + b"<title>".len();
    let end = start + memmem::find(&body[start..], b"</title>")?;
    Some(&body[start..end])
}

/// `text` on one line, without control characters and cut to size; `None` if nothing is left.
pub(crate) fn one_line(text: &str) -> Option<String> {
    let mut line = String::new();
    let mut chars = 0;
    for word in text.split_whitespace() {
        for char in (!line.is_empty()).then_some(' ').into_iter().chain(word.chars()) {
            if char.is_control() {
                continue;
            }
            if chars == MAX_CHARS {
                line.pop();
                line.push('…');
                return Some(line);
            }
            line.push(char);
            chars += 1;
        }
    }
    (!line.is_empty()).then_some(line)
}
