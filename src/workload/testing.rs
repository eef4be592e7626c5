//! Small tokenizers for tests.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use serde_json::{Map, Value, json};

use super::Tokenizer;

/// One token a word or full stop, whatever the word.
pub(super) fn words() -> Tokenizer {
    tokenizer(&json!({
        "version": "1.0",
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"},
    }))
}

/// One token a letter.
pub(super) fn letters() -> Tokenizer {
    tokenizer(&json!({
        "version": "1.0",
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": true},
        "model": {"type": "BPE", "vocab": alphabet(), "merges": []},
    }))
}

/// Pairs of letters where both are in the first half of the alphabet: words of uneven lengths.
pub(super) fn pairs() -> Tokenizer {
    let mut vocab = alphabet();
    let mut merges = Vec::new();
    for first in 'a'..='m' {
        for second in 'a'..='m' {
            vocab.insert(format!("{first}{second}"), json!(vocab.len()));
            merges.push(format!("{first} {second}"));
        }
    }
    tokenizer(&json!({
        "version": "1.0",
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab, "merges": merges},
    }))
}

/// The printable characters of ASCII, and `Ġ`, which stands for the blank.
fn alphabet() -> Map<String, Value> {
    let letters = ('!'..='~').chain(['Ġ']);
    letters.enumerate().map(|(id, letter)| (letter.to_string(), json!(id))).collect()
}

fn tokenizer(json: &Value) -> Tokenizer {
    Tokenizer::from_json(json.to_string()).expect("a tokenizer")
}
