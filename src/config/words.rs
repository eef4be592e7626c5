//! Schemas and values in words, and small questions about schemas.

use serde_json::Value as Json;

use super::tree::Value;
use crate::units::{PERIOD, Period, RATIO, Ratio, SIZE, Size, UnitError};

/// The name of a JSON type that `value` has, as the schema calls it.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Text(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}

/// The types that a schema names.
fn types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether a schema without branches accepts the type of a value. A group of words accepts text.
pub(super) fn accepts(schema: &Json, value: &Value) -> bool {
    let found = json_type(value);
    if !allowed(schema).is_empty() {
        return found == "string";
    }
    let types = types(schema);
    types.contains(&found) || (found == "integer" && types.contains(&"number"))
}

/// The words that a schema allows; empty if it is no enumeration of words.
pub(super) fn allowed(schema: &Json) -> Vec<&str> {
    let one = schema["const"].as_str();
    let several = schema["oneOf"].as_array().into_iter().flatten();
    one.into_iter().chain(several.filter_map(|branch| branch["const"].as_str())).collect()
}

/// The kind for which a branch stands: its only key, if it is required.
pub(super) fn kind(branch: &Json) -> Option<&str> {
    let mut keys = branch["properties"].as_object()?.keys();
    let required = branch["required"].as_array()?;
    match (keys.next(), keys.next(), required.as_slice()) {
        (Some(key), None, [Json::String(name)]) if key == name => Some(key),
        _ => None,
    }
}

/// Parses a text whose schema names a unit; absent if it names none.
pub(super) fn unit(schema: &Json, text: &str) -> Option<Result<(), UnitError>> {
    match schema["format"].as_str()? {
        PERIOD => Some(text.parse::<Period>().map(|_| ())),
        RATIO => Some(text.parse::<Ratio>().map(|_| ())),
        SIZE => Some(text.parse::<Size>().map(|_| ())),
        _ => None,
    }
}

/// The largest number that the type behind a schema holds, where it says so.
pub(super) fn largest(schema: &Json) -> Option<f64> {
    match schema["format"].as_str()? {
        "uint32" => Some(f64::from(u32::MAX)),
        "uint64" => Some(u64::MAX as f64),
        _ => None,
    }
}

/// A value's type in words; absent if there is no value.
pub(super) fn found(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some("true or false"),
        Value::Number(_) => Some("a number"),
        Value::Text(_) => Some("a text"),
        Value::List(_) => Some("a list"),
        Value::Map(_) => Some("a mapping"),
    }
}

/// Names, quoted.
pub(super) fn names(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The keys that may stand in a mapping.
pub(super) fn keys(keys: &[&str]) -> String {
    match keys {
        [only] => format!("the key `{only}`"),
        keys => format!("one of the keys {}", names(keys)),
    }
}

/// What any of these schemas accepts, in words.
pub(super) fn expected(schemas: &[&Json]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let allowed: Vec<&str> = schemas.iter().flat_map(|schema| allowed(schema)).collect();
    if let [word] = allowed.as_slice() {
        parts.push(format!("the word `{word}`"));
    } else if !allowed.is_empty() {
        parts.push(format!("one of the words {}", names(&allowed)));
    }
    let kinds: Vec<&str> = schemas.iter().filter_map(|schema| kind(schema)).collect();
    if kinds.len() == schemas.len() && kinds.len() > 1 {
        return format!("a mapping with exactly one of {}", names(&kinds));
    }
    for schema in schemas {
        if let Some(words) = schema_in_words(schema)
            && !parts.contains(&words)
        {
            parts.push(words);
        }
    }
    parts.join(", or ")
}

fn schema_in_words(schema: &Json) -> Option<String> {
    match schema["format"].as_str() {
        Some(PERIOD) => return Some("a duration such as 30s".to_owned()),
        Some(RATIO) => return Some("a ratio such as 95% or 0.95".to_owned()),
        Some(SIZE) => return Some("a size such as 4MiB".to_owned()),
        _ => {}
    }
    if !allowed(schema).is_empty() {
        return None;
    }
    Some(match types(schema).first().copied()? {
        "boolean" => "true or false".to_owned(),
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "a text (quote what looks like a number)".to_owned(),
        "array" => "a list".to_owned(),
        _ => {
            let keys = schema["properties"].as_object();
            let keys: Vec<&str> =
                keys.into_iter().flat_map(|keys| keys.keys()).map(String::as_str).collect();
            if keys.is_empty() {
                "a mapping".to_owned()
            } else {
                format!("a mapping with {}", self::keys(&keys))
            }
        }
    })
}
