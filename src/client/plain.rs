//! A whole answer: the body of a plain HTTP exchange, of which only its arrival matters, and what
//! the engine tells in it of what it took.
//!
//! Owns when such an answer is complete. Knows no sockets, no deadlines and no clock, like the fold
//! of a stream beside it.

use http::{HeaderMap, header};

use super::{
    answer::{Arrival, BodyEnd, MAX_TEXT},
    attempt::Text,
    failure::Failure,
};
use crate::{
    clock::Stamp,
    protocol,
    timeline::{Outcome, Timeline},
};

/// A body in the course of arriving.
pub(crate) struct Plain {
    /// Its beginning, if somebody looks at it.
    kept: Option<Vec<u8>>,
    /// Whether it is handed on.
    text: Text,
    form: Form,
}

/// What the head calls a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON, in which an engine may tell something.
    Json,
    /// Anything else.
    Other,
}

impl Form {
    /// That of the body behind a head.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(header::CONTENT_TYPE);
        match kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
            true => Self::Json,
            false => Self::Other,
        }
    }
}

impl Plain {
    /// A body of which nothing has come. At most 64 KiB of it are kept, as `text` or because an
    /// engine may tell something in it.
    pub(crate) fn new(text: Text, form: Form) -> Self {
        let wanted = text == Text::Kept || form == Form::Json;
        Self { kept: wanted.then(Vec::new), text, form }
    }

    /// Takes the bytes of one read.
    pub(crate) fn push(&mut self, timeline: &mut Timeline, bytes: &[u8], arrival: Arrival) {
        timeline.note_source(arrival.source);
        if let Some(kept) = &mut self.kept {
            let room = MAX_TEXT - kept.len();
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Judges the answer at the end of its body, which came at `at`.
    ///
    /// # Errors
    /// `stream_truncated` if the body was cut off.
    pub(crate) fn end(
        &self,
        timeline: &mut Timeline,
        at: Stamp,
        body: BodyEnd,
    ) -> Result<(), Failure> {
        match body {
            BodyEnd::Clean => {
                timeline.end = Some(at);
                let body = self.kept.as_deref().filter(|_| self.form == Form::Json);
                if let Some(told) = body.and_then(protocol::told_in_body) {
                    timeline.told.get_or_insert_default().renew(&told);
                }
                Ok(())
            }
            BodyEnd::Cut => Err(Failure::new(Outcome::StreamTruncated, "the body was cut off")),
        }
    }

    /// Takes the text kept so far; `None` if none was asked for.
    pub(crate) fn text(&mut self) -> Option<String> {
        let kept = self.kept.take().filter(|_| self.text == Text::Kept);
        kept.map(|kept| String::from_utf8_lossy(&kept).into_owned())
    }
}
