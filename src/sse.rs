//! Bytes become server-sent events.
//!
//! Owns the framing of `text/event-stream`: line ends, comments, multi-line data, the byte-order
//! mark. Sans-I/O: bytes are pushed as they come, split anywhere, and events are handed out as
//! soon as their blank line is there. Knows nothing of JSON, of tokens or of time.

use std::ops::ControlFlow;

use memchr::memchr2;

/// UTF-8's byte-order mark, which may stand before the first line.
const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// One event: a block of lines with at least one `data` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What the last `event` line says; absent if there is none or it is empty.
    pub name: Option<&'a [u8]>,
    /// The values of the `data` lines, joined by line feeds.
    pub data: &'a [u8],
    /// Whether the piece that completed the event has bytes behind its blank line.
    pub rest: Rest,
}

/// What is left of a piece behind an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// Something, whatever it is.
    Bytes,
}

/// An event is larger than the decoder's cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {max_event_bytes} bytes")]
pub struct TooLarge {
    /// The cap, in bytes.
    pub max_event_bytes: usize,
}

/// Splits a byte stream into events.
///
/// Every byte is looked at once, however small the pieces. An event that lies wholly in one piece
/// is handed out in place; only what a piece leaves unfinished is copied, into buffers that are
/// kept, so that a stream's steady state allocates nothing.
#[derive(Debug)]
pub struct Decoder {
    max_event_bytes: usize,
    /// Bytes of [`BOM`] seen so far; its length once the question is settled.
    bom: usize,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_cr: bool,
    /// The unfinished line is a comment, whose bytes are not kept.
    in_comment: bool,
    /// The unfinished line, as far as earlier pieces brought it.
    line: Vec<u8>,
    /// The value of the last `event` line of the unfinished event.
    name: Vec<u8>,
    /// Data of the unfinished event that earlier pieces brought or that had to be joined.
    data: Vec<u8>,
    /// Whether the unfinished event has data in `data`, be it empty.
    has_data: bool,
    /// Bytes of the `data` and `event` lines of the unfinished event, without line ends.
    event_bytes: usize,
}

impl Decoder {
    /// A decoder at the start of a stream. `max_event_bytes` caps the `data` and `event` lines of
    /// one event together with the line that is being read, comments and line ends not counted.
    /// It bounds each of the decoder's three buffers.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            bom: 0,
            after_cr: false,
            in_comment: false,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            has_data: false,
            event_bytes: 0,
        }
    }

    /// Takes the next piece of the stream and hands out the events that it completes, until
    /// `on_event` breaks off; the rest of the piece is then lost.
    ///
    /// # Errors
    /// If an event, complete or not, is larger than the cap. The decoder is of no use after that.
    pub fn push<B>(
        &mut self,
        chunk: &[u8],
        mut on_event: impl FnMut(Event<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, TooLarge> {
        let mut rest = self.skip_bom(chunk);
        // The first data line of the event, as long as it lies in this piece and is the only one.
        let mut only: Option<&[u8]> = None;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', rest) else {
                self.keep_partial_line(rest)?;
                break;
            };
            let (head, terminator) = (&rest[..end], rest[end]);
            rest = &rest[end + 1..];
            self.after_cr = terminator == b'\r';
            if std::mem::take(&mut self.in_comment) {
                continue;
            }
            if self.line.is_empty() {
                if head.is_empty() {
                    if let ControlFlow::Break(stop) =
                        self.dispatch(only.take(), left(rest, terminator), &mut on_event)
                    {
                        return Ok(ControlFlow::Break(stop));
                    }
                } else {
                    self.take_line(head, &mut only)?;
                }
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(head);
                let mut value = None;
                self.take_line(&line, &mut value)?;
                self.append_data(&mut value, None);
                line.clear();
                self.line = line;
            }
        }
        self.append_data(&mut only, None);
        Ok(ControlFlow::Continue(()))
    }

    /// Hands out the event that the end of the stream left without its blank line, if there is
    /// one. The standard drops such an event, but servers do forget the last line feed.
    pub fn finish<B>(
        &mut self,
        mut on_event: impl FnMut(Event<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let line = std::mem::take(&mut self.line);
        let mut value = None;
        // Never too large: what is kept of a line was held against the cap when it was kept.
        if self.take_line(&line, &mut value).is_ok() {
            self.append_data(&mut value, None);
        }
        self.dispatch(None, Rest::Nothing, &mut on_event)
    }

    /// What follows a byte-order mark, or all of it where there is none. A mark that begins but
    /// does not end is text.
    fn skip_bom<'c>(&mut self, mut chunk: &'c [u8]) -> &'c [u8] {
        while let (Some(expected), Some((first, rest))) = (BOM.get(self.bom), chunk.split_first()) {
            if first == expected {
                self.bom += 1;
                chunk = rest;
            } else {
                self.line.extend_from_slice(&BOM[..self.bom]);
                self.bom = BOM.len();
            }
        }
        chunk
    }

    /// Keeps the end of a piece that is not yet a line.
    fn keep_partial_line(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        self.in_comment |= self.line.is_empty() && part.starts_with(b":");
        if self.in_comment {
            return Ok(());
        }
        self.check(self.line.len().saturating_add(part.len()))?;
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// Whether a line of `more` bytes still fits.
    fn check(&self, more: usize) -> Result<(), TooLarge> {
        if self.event_bytes.saturating_add(more) > self.max_event_bytes {
            return Err(TooLarge { max_event_bytes: self.max_event_bytes });
        }
        Ok(())
    }

    /// Takes a line that is not blank. The value of a `data` line goes to `only` where that is
    /// free and nothing came before it, else to the buffer.
    fn take_line<'c>(
        &mut self,
        line: &'c [u8],
        only: &mut Option<&'c [u8]>,
    ) -> Result<(), TooLarge> {
        let (field, value) = split_field(line);
        if field.is_empty() {
            return Ok(()); // a comment
        }
        self.check(line.len())?;
        match field {
            b"data" if only.is_none() && !self.has_data => *only = Some(value),
            b"data" => self.append_data(only, Some(value)),
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            // `id`, `retry` and unknown fields say nothing here.
            _ => return Ok(()),
        }
        self.event_bytes += line.len();
        Ok(())
    }

    /// Moves the values, in this order, behind the data that is already in the buffer.
    fn append_data(&mut self, only: &mut Option<&[u8]>, value: Option<&[u8]>) {
        for value in only.take().into_iter().chain(value) {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
            self.has_data = true;
        }
    }

    /// Ends the event at its blank line.
    fn dispatch<B>(
        &mut self,
        only: Option<&[u8]>,
        rest: Rest,
        on_event: &mut impl FnMut(Event<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let data = only.or(self.has_data.then_some(self.data.as_slice()));
        let flow = match data {
            Some(data) => {
                let name = (!self.name.is_empty()).then_some(self.name.as_slice());
                on_event(Event { name, data, rest })
            }
            None => ControlFlow::Continue(()),
        };
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        self.event_bytes = 0;
        flow
    }
}

/// What is left behind a line's `terminator`, of which a line feed after a carriage return is part.
fn left(rest: &[u8], terminator: u8) -> Rest {
    match rest {
        [] => Rest::Nothing,
        [b'\n'] if terminator == b'\r' => Rest::Nothing,
        _ => Rest::Bytes,
    }
}

/// A line's field name and value; one space after the colon belongs to neither.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, &[]),
    }
}
