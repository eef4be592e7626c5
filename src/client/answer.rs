//! The pure fold from the bytes of a streamed answer to the anchors of its exchange.
//!
//! Owns what an answer's bytes, and their end, mean: which events bear tokens, when the answer is
//! complete, and which of the stream's outcomes a broken one has (`docs/definitions.md`). Knows no
//! sockets, no deadlines and no clock; every stamp is handed in.

use std::{ops::ControlFlow, time::Duration};

use super::failure::Failure;
use crate::{
    clock::Stamp,
    protocol::{self, Delta, Finish, Fragment, Protocol},
    sse::{Decoder, Event, Rest, TooLarge},
    timeline::{Behind, Outcome, StampSource, Timeline, TokenEvent},
};

/// Most text that is kept of an answer, in bytes.
pub(crate) const MAX_TEXT: usize = 64 * 1024;

/// Most bytes that are kept of a body which is no event stream, to say what it was.
const MAX_HEAD: usize = 16 * 1024;

/// How the bytes of one read arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When.
    pub at: Stamp,
    /// Whose time that is.
    pub source: StampSource,
    /// How long the bytes had waited in the kernel; absent if only the time of the read is known.
    pub read_delay: Option<Duration>,
    /// Number of the read within the connection.
    pub read: u32,
}

/// Whether more of the answer is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is.
    Open,
    /// `[DONE]` came; nothing that follows matters.
    Done,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// As its framing says it should.
    Clean,
    /// Before that: the connection broke, or closed inside a chunk.
    Cut,
}

impl From<TooLarge> for Failure {
    fn from(error: TooLarge) -> Self {
        Self::new(Outcome::TooLarge, error.to_string())
    }
}

/// An answer in the course of arriving.
pub struct Answer {
    decoder: Decoder,
    content: Content,
    /// The beginning of the body, as long as no event has come.
    head: Vec<u8>,
    /// The last read, whose stamp an event gets that only the end of the body completes.
    last: Option<Arrival>,
}

impl Answer {
    /// An answer of which nothing has come. `keep_text` asks for its text, of which at most 64 KiB
    /// are kept; `max_event_bytes` caps one event.
    pub fn new(protocol: &'static dyn Protocol, keep_text: bool, max_event_bytes: usize) -> Self {
        Self {
            decoder: Decoder::new(max_event_bytes),
            content: Content {
                protocol,
                text: keep_text.then(String::new),
                model: None,
                finish: None,
                done: false,
                events: 0,
            },
            head: Vec::new(),
            last: None,
        }
    }

    /// Takes the bytes of one read into the timeline. After `Done` they are ignored.
    ///
    /// # Errors
    /// `too_large` for an event above the cap, `stream_malformed` for one that is not of the API,
    /// `stream_error` for one that carries an error.
    pub fn push(
        &mut self,
        timeline: &mut Timeline,
        bytes: &[u8],
        arrival: Arrival,
    ) -> Result<Progress, Failure> {
        let Self { decoder, content, head, last } = self;
        if content.done {
            return Ok(Progress::Done);
        }
        timeline.note_source(arrival.source);
        *last = Some(arrival);
        if !bytes.is_empty() {
            timeline.note_more_in(arrival.read);
        }
        let flow = decoder.push(bytes, |event| content.take(timeline, event, arrival));
        if content.events == 0 {
            let room = MAX_HEAD - head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        match flow? {
            ControlFlow::Break(Stop::Failed(failure)) => Err(failure),
            ControlFlow::Break(Stop::Done) => Ok(Progress::Done),
            ControlFlow::Continue(()) => Ok(Progress::Open),
        }
    }

    /// Judges the answer at the end of its body, or right after `Done`, when `at` and `body` no
    /// longer matter. To be called once, unless `push` failed.
    ///
    /// # Errors
    /// `stream_malformed` or `stream_error` for a body that was no event stream,
    /// `stream_truncated` for a stream that stopped half-way, `empty` for one without a token.
    pub fn end(
        &mut self,
        timeline: &mut Timeline,
        at: Stamp,
        body: BodyEnd,
    ) -> Result<(), Failure> {
        if !self.content.done {
            if body == BodyEnd::Clean {
                timeline.end = Some(at);
                self.take_unfinished(timeline)?;
            }
            if self.content.events == 0 {
                not_a_stream(&self.head)?;
            }
        }
        let Content { done, finish, .. } = self.content;
        if !done && body == BodyEnd::Cut {
            return Err(Failure::new(Outcome::StreamTruncated, "the body was cut off"));
        }
        if !done && finish.is_none() {
            return Err(Failure::new(
                Outcome::StreamTruncated,
                "the stream ended with neither a finish reason nor [DONE]",
            ));
        }
        if timeline.tokens.is_empty() {
            return Err(Failure::new(Outcome::Empty, "the stream ended without a token"));
        }
        Ok(())
    }

    /// Takes the text kept so far; `None` if none was asked for.
    pub fn text(&mut self) -> Option<String> {
        self.content.text.take()
    }

    /// The model that the answer names first.
    pub fn model(&self) -> Option<&str> {
        self.content.model.as_deref()
    }

    /// Why the model stopped, as the answer says last.
    pub fn finish(&self) -> Option<Finish> {
        self.content.finish
    }

    /// Takes an event whose blank line the server forgot. What does not decode was not an event
    /// but the beginning of one: the stream is truncated then, not malformed.
    fn take_unfinished(&mut self, timeline: &mut Timeline) -> Result<(), Failure> {
        let Self { decoder, content, last, .. } = self;
        let Some(arrival) = *last else { return Ok(()) };
        let first_event = timeline.first_event;
        match decoder.finish(|event| content.take(timeline, event, arrival)) {
            ControlFlow::Break(Stop::Failed(failure)) => {
                if failure.outcome != Outcome::StreamMalformed {
                    return Err(failure);
                }
                timeline.first_event = first_event;
                Ok(())
            }
            ControlFlow::Break(Stop::Done) | ControlFlow::Continue(()) => Ok(()),
        }
    }
}

/// Why no further event is wanted.
enum Stop {
    Done,
    Failed(Failure),
}

/// What the events have said so far.
struct Content {
    protocol: &'static dyn Protocol,
    text: Option<String>,
    model: Option<String>,
    finish: Option<Finish>,
    done: bool,
    /// Events of any kind.
    events: u32,
}

impl Content {
    /// Folds one event into the timeline.
    fn take(
        &mut self,
        timeline: &mut Timeline,
        event: Event<'_>,
        arrival: Arrival,
    ) -> ControlFlow<Stop> {
        self.events = self.events.saturating_add(1);
        timeline.first_event.get_or_insert(arrival.at);
        if event.name == Some(b"error") {
            let message = protocol::error_message(event.data);
            return failed(Outcome::StreamError, message.unwrap_or_else(|| "unnamed".to_owned()));
        }
        let delta = match self.protocol.decode(event.data) {
            Ok(delta) => delta,
            // The error quotes the server, which may be long and may hold anything.
            Err(error) => {
                let detail = protocol::one_line(&error.to_string()).unwrap_or_default();
                return failed(Outcome::StreamMalformed, detail);
            }
        };
        if let Some(message) = delta.error {
            return failed(Outcome::StreamError, message);
        }
        self.record(timeline, &delta, event.rest, arrival);
        if delta.done {
            self.done = true;
            timeline.end = Some(arrival.at);
            return ControlFlow::Break(Stop::Done);
        }
        ControlFlow::Continue(())
    }

    fn record(&mut self, timeline: &mut Timeline, delta: &Delta<'_>, rest: Rest, arrival: Arrival) {
        if let Some(kind) = delta.token() {
            if timeline.tokens.is_empty() {
                // A running count of 0 is a placeholder that some gateways put on every event.
                timeline.first_event_tokens =
                    delta.usage.and_then(|usage| usage.completion_tokens).filter(|n| *n > 0);
                timeline.behind_first_token = match rest {
                    Rest::Nothing => Behind::Nothing,
                    Rest::Bytes => Behind::More,
                };
            }
            let Arrival { at, read_delay, read, .. } = arrival;
            timeline.note_token(TokenEvent { at, read_delay, kind, read });
        } else if delta.choice {
            timeline.note_empty(arrival.at);
        }
        timeline.usage = delta.usage.or(timeline.usage);
        if let Some(told) = delta.told.read() {
            timeline.told.get_or_insert_default().renew(&told);
        }
        self.finish = delta.finish.or(self.finish);
        if self.model.is_none() && delta.model.is_some() {
            let mut model = String::new();
            Fragment(delta.model).append_to(&mut model);
            self.model = Some(model);
        }
        if let Some(text) = &mut self.text
            && text.len() < MAX_TEXT
        {
            delta.text.append_to(text);
            text.truncate(text.floor_char_boundary(MAX_TEXT));
        }
    }
}

fn failed(outcome: Outcome, detail: String) -> ControlFlow<Stop> {
    ControlFlow::Break(Stop::Failed(Failure { outcome, detail }))
}

/// Fails if `head`, the beginning of a body without events, is not the beginning of a stream of
/// events: a JSON body that words an error, or something else altogether.
fn not_a_stream(head: &[u8]) -> Result<(), Failure> {
    const FIELDS: [&[u8]; 5] = [b"", b"data", b"event", b"id", b"retry"];
    let text = head.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(head).trim_ascii_start();
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let field = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let cut_in_field = field.len() == text.len();
    if FIELDS.iter().any(|name| *name == field || (cut_in_field && name.starts_with(field))) {
        return Ok(());
    }
    let message = protocol::error_message(head).unwrap_or_default();
    let outcome = match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(json) if protocol::is_error(&json) => Outcome::StreamError,
        _ => Outcome::StreamMalformed,
    };
    let what = match outcome {
        Outcome::StreamError => "an error in place of a stream",
        _ => "the body is no event stream",
    };
    Err(Failure::new(outcome, format!("{what}: {message}")))
}
