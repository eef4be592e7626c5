//! The bytes of a stream: events in chunks.
//!
//! Owns the templates into which a word is spliced, so that no JSON is built for a token. Must not
//! know times or sockets.

use super::ask::Api;
use super::shape::{LineEnd, Shape};
use super::spec::ReasoningField;

/// What usage says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) prompt: u32,
    pub(super) cached: u32,
    pub(super) completion: u32,
    pub(super) reasoning: u32,
}

impl Usage {
    /// The JSON object.
    pub(super) fn json(self) -> String {
        let Self { prompt, cached, completion, reasoning } = self;
        let total = u64::from(prompt) + u64::from(completion);
        let details = match reasoning {
            0 => "null".to_owned(),
            _ => format!("{{\"reasoning_tokens\":{reasoning}}}"),
        };
        format!(
            "{{\"prompt_tokens\":{prompt},\"total_tokens\":{total},\
             \"completion_tokens\":{completion},\
             \"prompt_tokens_details\":{{\"cached_tokens\":{cached}}},\
             \"completion_tokens_details\":{details}}}"
        )
    }
}

/// Whether a token is part of the answer or of the thinking before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Reasoning,
}

/// Collects the chunks of the next write.
pub(super) struct Events {
    api: Api,
    line_end: &'static str,
    /// `data: {` up to the choices.
    head: String,
    reasoning_key: &'static str,
    payload: Vec<u8>,
    out: Vec<u8>,
}

impl Events {
    pub(super) fn new(shape: &Shape, id: &str, created: i64, field: ReasoningField) -> Self {
        let object = match shape.api {
            Api::Chat => "chat.completion.chunk",
            Api::Completions => "text_completion",
        };
        let model = serde_json::Value::from(shape.model.as_str());
        Self {
            api: shape.api,
            line_end: match shape.line_end {
                LineEnd::Lf => "\n",
                LineEnd::CrLf => "\r\n",
            },
            head: format!(
                "data: {{\"id\":\"{id}\",\"object\":\"{object}\",\"created\":{created},\
                 \"model\":{model},\"choices\":["
            ),
            reasoning_key: field.key(),
            payload: Vec::with_capacity(512),
            out: Vec::with_capacity(1_024),
        }
    }

    /// The event that only names the role.
    pub(super) fn role(&mut self) {
        let choice = "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\
                      \"logprobs\":null,\"finish_reason\":null}";
        self.event(&[choice, "]}"]);
    }

    /// An event with text. `words` must need no escape in JSON.
    pub(super) fn token(
        &mut self,
        kind: Kind,
        words: &str,
        finish: Option<&'static str>,
        usage: Option<Usage>,
    ) {
        let (open, close) = match (self.api, kind) {
            (Api::Chat, Kind::Text) => (["{\"index\":0,\"delta\":{\"", "content", "\":\""], "\"}"),
            (Api::Chat, Kind::Reasoning) => {
                (["{\"index\":0,\"delta\":{\"", self.reasoning_key, "\":\""], "\"}")
            }
            (Api::Completions, _) => (["{\"index\":0,\"", "text", "\":\""], "\""),
        };
        self.choice(open, words, close, finish, usage);
    }

    /// The event of a natural end: no text, a reason.
    pub(super) fn end(&mut self, reason: &'static str, usage: Option<Usage>) {
        self.token(Kind::Text, "", Some(reason), usage);
    }

    fn choice(
        &mut self,
        open: [&str; 3],
        words: &str,
        close: &str,
        finish: Option<&'static str>,
        usage: Option<Usage>,
    ) {
        let [a, b, c] = open;
        let quote = if finish.is_some() { "\"" } else { "" };
        let (comma, usage) = match usage {
            Some(usage) => (",\"usage\":", usage.json()),
            None => ("", String::new()),
        };
        let reason = finish.unwrap_or("null");
        let middle = ",\"logprobs\":null,\"finish_reason\":";
        self.event(&[
            a, b, c, words, close, middle, quote, reason, quote, "}]", comma, &usage, "}",
        ]);
    }

    /// The event without a choice that carries the final usage, and the object `timings`.
    pub(super) fn account(&mut self, usage: Option<Usage>, timings: Option<&str>) {
        let usage = usage.map_or_else(String::new, |usage| format!(",\"usage\":{}", usage.json()));
        let timings = timings.map_or_else(String::new, |told| format!(",\"timings\":{told}"));
        self.event(&["]", &usage, &timings, "}"]);
    }

    pub(super) fn done(&mut self) {
        self.line("data: [DONE]");
    }

    /// One line as an event of its own.
    pub(super) fn line(&mut self, line: &str) {
        self.payload.extend_from_slice(line.as_bytes());
        self.chunk();
    }

    /// The chunk that ends the body.
    pub(super) fn end_body(&mut self) {
        self.out.extend_from_slice(b"0\r\n\r\n");
    }

    /// What has been collected.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets what was collected and keeps the room.
    pub(super) fn clear(&mut self) {
        self.out.clear();
    }

    fn event(&mut self, parts: &[&str]) {
        self.payload.extend_from_slice(self.head.as_bytes());
        for part in parts {
            self.payload.extend_from_slice(part.as_bytes());
        }
        self.chunk();
    }

    /// Closes the payload as one event in one chunk.
    fn chunk(&mut self) {
        for _ in 0..2 {
            self.payload.extend_from_slice(self.line_end.as_bytes());
        }
        push_hex(&mut self.out, self.payload.len());
        self.out.extend_from_slice(b"\r\n");
        self.out.append(&mut self.payload);
        self.out.extend_from_slice(b"\r\n");
    }
}

/// `number` in lower-case hexadecimal, without leading zeros.
fn push_hex(out: &mut Vec<u8>, number: usize) {
    let digits = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for shift in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (shift * 4)) & 0xf]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_right() {
        for number in [0, 9, 15, 16, 255, 256, 4_095, 65_536] {
            let mut out = Vec::new();
            push_hex(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{number:x}"));
        }
    }

    #[test]
    fn usage_is_json_and_adds_up() {
        let usage = Usage { prompt: 7, cached: 0, completion: 5, reasoning: 2 };
        let json: serde_json::Value = serde_json::from_str(&usage.json()).unwrap();
        assert_eq!(json["total_tokens"], 12);
        assert_eq!(json["completion_tokens_details"]["reasoning_tokens"], 2);
    }
}
