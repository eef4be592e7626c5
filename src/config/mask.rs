//! Which parts of a file hold secrets, though they should not.
//!
//! A secret never belongs into a configuration, but when one stands there, no error may repeat it.
//! This errs on the side of hiding: a masked word costs little.

use super::{
    source::Span,
    tree::{Entry, Node, Value},
};

/// Parts of names that sound like secrets.
const SECRETS: [&str; 9] = [
    "authorization",
    "cookie",
    "credential",
    "key",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
];

/// Keys of the configuration itself that sound like secrets and hold none.
const HARMLESS: [&str; 7] = [
    "input_tokens",
    "output_tokens",
    "shared_prefix_tokens",
    "max_tokens",
    "min_output_tokens",
    "output_tokens_per_hour",
    "key_file",
];

/// Keys whose value says where a secret is.
const PLACES: [&str; 4] = ["credentials_file", "credentials_env", "secrets_env", "files"];

/// Whether a header or a key of this name holds a secret.
pub(super) fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|part| name.contains(part))
}

/// Whether a text has the form of an environment variable's name.
fn is_env_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a text is a URL with a part that may hold a secret.
pub(super) fn is_url_with_secret(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains(['@', '?', '#']))
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
    if key.contains(|c: char| c.is_whitespace() || c == ':') && sounds_secret(key) {
        spans.push(entry.span);
    }
    let below = match key {
        "credentials_env" | "secrets_env" => Context::EnvName,
        _ if PLACES.contains(&key) => Context::Open,
        "type" if context == Context::Secret => Context::Open,
        _ if HARMLESS.contains(&key) => context,
        _ if sounds_secret(key) => Context::Secret,
        _ => context,
    };
    search(&entry.node, below, spans);
}
