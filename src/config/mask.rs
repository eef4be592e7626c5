//! Which parts of a file hold secrets, though they should not.
//!
//! A secret never belongs into a configuration, but when one stands there, no error may repeat it.
//! This errs on the side of hiding: a masked word costs little.

use super::{
    source::Span,
    tree::{Entry, Node, Value},
};

/// Parts of names that sound like secrets.
const SECRETS: [&str; 12] = [
    "authorization",
    "authorisation",
    "bearer",
    "cookie",
    "credential",
    "key",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "token",
];

/// Keys of the configuration itself that sound like secrets and hold none.
const HARMLESS: [&str; 10] = [
    "input_tokens",
    "output_tokens",
    "shared_prefix_tokens",
    "user_prefix_tokens",
    "max_tokens",
    "first_token_timeout",
    "min_output_tokens",
    "output_tokens_per_hour",
    "key_file",
    "tokenizer",
];

/// Keys whose value says where a secret is.
const PLACES: [&str; 4] = ["credentials_file", "credentials_env", "secrets_env", "files"];

/// Whether a header or a key of this name holds a secret.
pub(crate) fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|part| name.contains(part))
}

/// Whether a key that is not known could be one of those, misspelt.
pub(super) fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let near = |part: &str| {
        // Short words have too many neighbours.
        let most = |secret: &str| secret.len() / 4;
        SECRETS.iter().any(|secret| strsim::damerau_levenshtein(part, secret) <= most(secret))
    };
    sounds_secret(&name) || name.split(['-', '_', ' ']).any(near)
}

/// Whether a text has the form of an environment variable's name.
fn is_env_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a text may be a URL with a part that holds a secret: `user:word@host`, `?key=`.
fn is_url_with_secret(text: &str) -> bool {
    let rest = text.split_once("://").map(|(_, rest)| rest);
    rest.is_some_and(|rest| rest.contains(['@', '?', '#']))
        || text.split_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// The places of everything that may be a secret.
pub(super) fn secrets(root: &Node) -> Vec<Span> {
    let mut spans = Vec::new();
    search(root, Context::Open, &mut spans);
    spans
}

/// What the keys above say of a value.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    /// Nothing.
    Open,
    /// It is a secret, unless a key below says where one is.
    Secret,
    /// It names an environment variable; what is no such name is a secret pasted there.
    EnvName,
}

fn search(node: &Node, context: Context, spans: &mut Vec<Span>) {
    let hide = match &node.value {
        Value::List(items) => return items.iter().for_each(|item| search(item, context, spans)),
        Value::Map(entries) => {
            return entries.iter().for_each(|entry| search_entry(entry, context, spans));
        }
        Value::Null | Value::Bool(_) => false,
        Value::Number(_) => context != Context::Open,
        Value::Text(text) => {
            is_url_with_secret(text)
                || match context {
                    Context::Open => false,
                    Context::Secret => true,
                    Context::EnvName => !is_env_name(text),
                }
        }
    };
    if hide {
        spans.extend([node.span, node.written]);
    }
}

fn search_entry(entry: &Entry, context: Context, spans: &mut Vec<Span>) {
    let key = entry.key.as_str();
    // A whole line `x-api-key: sk-…` that lost its colon to quotes, or stands as a key.
    if key.contains(|c: char| c.is_whitespace() || c == ':') && looks_secret(key) {
        spans.push(entry.span);
    }
    let below = match key {
        "credentials_env" | "secrets_env" => Context::EnvName,
        _ if PLACES.contains(&key) => Context::Open,
        "type" if context == Context::Secret => Context::Open,
        _ if HARMLESS.contains(&key) => context,
        // A length of a list; a header of that name is no bare number.
        "tokens" if matches!(entry.node.value, Value::Number(_)) => context,
        _ if looks_secret(key) => Context::Secret,
        _ => context,
    };
    search(&entry.node, below, spans);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_also_if_misspelt() {
        for name in ["Authorization", "x-api-key", "api_token", "Set-Cookie", "client-secret"] {
            assert!(sounds_secret(name), "{name}");
        }
        for name in ["autorization", "crediential", "pasword", "tokne", "x-secert"] {
            assert!(!sounds_secret(name) && looks_secret(name), "{name}");
        }
        for name in ["workload", "interval", "x-tenant", "models", "labels", "timeout", "type"] {
            assert!(!looks_secret(name), "{name}");
        }
    }

    /// The keys of every mapping that a schema describes.
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            found.extend(properties.keys().cloned());
        }
        match schema {
            serde_json::Value::Object(entries) => {
                entries.values().for_each(|value| keys(value, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_key_of_ours_is_known_for_what_it_is() {
        let mut found = Vec::new();
        keys(&crate::config::schema(), &mut found);
        assert!(found.len() > 100, "{found:?}");
        let told_apart = ["authorization", "tokens"];
        found.retain(|key| {
            let key = key.as_str();
            let known = [&HARMLESS[..], &PLACES[..], &told_apart[..]];
            looks_secret(key) && !known.iter().any(|keys| keys.contains(&key))
        });
        assert!(found.is_empty(), "masked in messages, though no secret: {found:?}");
    }

    #[test]
    fn a_url_may_hold_a_secret() {
        for text in ["http://u:p@h", "http://h/?k=v", "https://h/#f", "user:word@host"] {
            assert!(is_url_with_secret(text), "{text}");
        }
        for text in ["http://h:80/a", "meta/llama@main", "a?b#c"] {
            assert!(!is_url_with_secret(text), "{text}");
        }
    }
}
