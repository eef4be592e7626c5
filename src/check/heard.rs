//! What a control request heard.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use super::words;
use crate::protocol;

/// Longest piece of a server's own words in a line of ours, in characters.
const WORDS: usize = 160;

/// An answer to a control request, its secrets struck out.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The path that was asked, below the root of the target.
    pub(super) path: &'static str,
    /// Status.
    pub(super) status: u16,
    /// Headers.
    pub(super) headers: HeaderMap,
    /// Body, as far as it was read.
    pub(super) body: String,
    /// From the request to the end of the body, dialling included.
    pub(super) took: Duration,
}

impl Heard {
    /// The body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// Whether the answer says yes. A page for people and an error under status 200 do not: there
    /// are gateways that answer every path with their front page, and LM Studio answers an unknown
    /// one with 200 and an error.
    pub(super) fn is_well(&self) -> bool {
        let error = || self.json().is_some_and(|json| protocol::is_error(&json));
        (200..300).contains(&self.status) && !self.is_page() && !error()
    }

    /// Whether the server does not offer the path, or not to us.
    pub(super) fn is_not_offered(&self) -> bool {
        matches!(self.status, 401 | 403 | 404 | 405 | 501) || self.status < 400 && !self.is_well()
    }

    /// Whether it is a page for people.
    pub(super) fn is_page(&self) -> bool {
        let kind = self.headers.get(http::header::CONTENT_TYPE);
        let says_so = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        says_so || self.body.trim_start().starts_with("<!")
    }

    /// Status and, where the server words one, its message: `503: still loading`.
    pub(super) fn in_words(&self) -> String {
        match protocol::error_message(self.body.as_bytes()) {
            Some(message) => format!("{}: {}", self.status, words::visible(&message, WORDS)),
            None => self.status.to_string(),
        }
    }
}
