//! A whole answer: the body of a plain HTTP exchange, of which only its arrival matters.
//!
//! Owns when such an answer is complete. Knows no sockets, no deadlines and no clock, like the fold
//! of a stream beside it.

use super::{
    answer::{Arrival, BodyEnd, MAX_TEXT},
    failure::Failure,
};
use crate::{
    clock::Stamp,
    timeline::{Outcome, Timeline},
};

/// A body in the course of arriving.
pub(crate) struct Plain {
    /// Its beginning, if it is wanted.
    kept: Option<Vec<u8>>,
}

impl Plain {
    /// A body of which nothing has come. `keep_text` asks for it as text, of which at most 64 KiB
    /// are kept.
    pub(crate) fn new(keep_text: bool) -> Self {
        Self { kept: keep_text.then(Vec::new) }
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
                Ok(())
            }
            BodyEnd::Cut => Err(Failure::new(Outcome::StreamTruncated, "the body was cut off")),
        }
    }

    /// Takes the text kept so far; `None` if none was asked for.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.kept.take().map(|kept| String::from_utf8_lossy(&kept).into_owned())
    }
}
