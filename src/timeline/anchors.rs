//! The anchors of one exchange.

use std::time::Duration;

use super::{EngineTold, Outcome};
use crate::clock::Stamp;

/// Where an arrival stamp comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampSource {
    /// The kernel's own receive time.
    Kernel,
    /// The time at which our process read the bytes.
    Read,
}

impl StampSource {
    /// Its name on pages and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Read => "read",
        }
    }
}

/// What a token-bearing event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Text of the answer.
    Text,
    /// Reasoning text.
    Reasoning,
    /// A fragment of a tool call.
    Tool,
}

/// What lay behind an event in the read that completed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behind {
    /// Nothing: the latest byte of the read is the event's own, so the read's stamp is too.
    #[default]
    Nothing,
    /// Something, be it a comment, the beginning of an event or the end of the body. The kernel
    /// stamps a read with the arrival of its latest byte, so the stamp is an upper bound.
    More,
}

/// One event that carried text, reasoning text or a tool-call fragment that is not empty.
#[derive(Clone, Copy, Debug)]
pub struct TokenEvent {
    /// When its bytes arrived.
    pub at: Stamp,
    /// How long they had waited in the kernel when they were read; absent if only the time of the
    /// read is known.
    pub read_delay: Option<Duration>,
    /// What it carried.
    pub kind: TokenKind,
    /// Which read of the connection completed it. Events of one read share one stamp, which is
    /// that of the read's latest byte: the stamps of all that lay before it are upper bounds.
    pub read: u32,
}

/// Token counts as the server reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer, reasoning included.
    pub completion_tokens: Option<u64>,
    /// Tokens of the prompt that came from the prefix cache.
    pub cached_tokens: Option<u64>,
    /// Reasoning tokens within the answer.
    pub reasoning_tokens: Option<u64>,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// End of sequence or a stop string.
    Stop,
    /// The token limit was reached.
    Length,
    /// A tool is to be called.
    ToolCalls,
    /// Any other reason the server names.
    Other,
}

impl Finish {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::Other => "other",
        }
    }
}

/// How often an exchange was tried again, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retries {
    /// A reused connection had been closed by the server in the meantime.
    pub stale_connection: u32,
    /// The server refused an optional field, which was then left out.
    pub refused_field: u32,
    /// The target's `retry` asks for it.
    pub configured: u32,
}

impl Retries {
    /// The reasons as label values.
    pub const REASONS: [&'static str; 3] = ["stale_connection", "refused_field", "configured"];

    /// How often for each of [`Self::REASONS`].
    pub const fn by_reason(self) -> [u32; Self::REASONS.len()] {
        [self.stale_connection, self.refused_field, self.configured]
    }

    /// How often in all.
    pub const fn total(self) -> u32 {
        self.stale_connection + self.refused_field + self.configured
    }
}

/// An attempt that failed and was followed by another.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// Its anchors, without the token events that it may have had.
    pub timeline: Timeline,
    /// How it failed.
    pub outcome: Outcome,
}

/// The raw anchors of one exchange (`docs/definitions.md`, "Anchors of an exchange").
#[derive(Clone, Debug)]
pub struct Timeline {
    /// When the schedule says that the request should start. Never moves.
    pub due: Stamp,
    /// The client begins the first attempt.
    pub sent_start: Option<Stamp>,
    /// The client begins the attempt that was answered.
    pub attempt_start: Option<Stamp>,
    /// The name was resolved (only when a connection was dialled).
    pub resolved: Option<Stamp>,
    /// TCP was connected (only when a connection was dialled).
    pub connected: Option<Stamp>,
    /// TLS was established (only when a TLS connection was dialled).
    pub tls: Option<Stamp>,
    /// Just before the last write of the request.
    pub sent: Option<Stamp>,
    /// Just after that write returned; late by a preemption at times, hence kept beside `sent`.
    pub sent_after: Option<Stamp>,
    /// The response head was complete.
    pub headers: Option<Stamp>,
    /// The first event of any kind.
    pub first_event: Option<Stamp>,
    /// `[DONE]`, or the end of the body.
    pub end: Option<Stamp>,
    /// The client was done with the last attempt, whether an answer had ended or not.
    pub closed: Option<Stamp>,
    /// The token-bearing events, in order of arrival.
    pub tokens: Vec<TokenEvent>,
    /// What lay behind the first token-bearing event in its read.
    pub behind_first_token: Behind,
    /// Where the stamps of `tokens` come from; absent before the first read.
    pub source: Option<StampSource>,
    /// Events that spoke of a choice yet carried no token (role, empty text, finish).
    pub empty_events: u32,
    /// The first of those, if it came before the first token: usually the one with the role.
    pub opening: Option<Stamp>,
    /// The last of those, if it came after the last token: usually the one with the finish reason.
    pub closing: Option<Stamp>,
    /// The last usage reported.
    pub usage: Option<Usage>,
    /// What the engine told in the answer of what it did for it.
    pub told: Option<EngineTold>,
    /// Tokens in the first token-bearing event, where the server counts along.
    pub first_event_tokens: Option<u64>,
    /// Tokens of the whole answer as the target's own tokenizer counts them, where there is one.
    pub tokenizer_tokens: Option<u64>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Why the model stopped, if a whole answer came and said so.
    pub finish: Option<Finish>,
    /// The model that says it answered.
    pub model: Option<String>,
    /// Whether the answered attempt went out on a connection that had been used before.
    pub reused_connection: bool,
    /// Retries, by reason.
    pub retries: Retries,
    /// The attempts before the last one, in their order.
    pub earlier: Vec<FailedAttempt>,
}

impl Timeline {
    /// A timeline that has only its due time. Room for `expected_tokens` events is made at once,
    /// so that recording an event does not allocate.
    pub fn new(due: Stamp, expected_tokens: usize) -> Self {
        Self {
            due,
            sent_start: None,
            attempt_start: None,
            resolved: None,
            connected: None,
            tls: None,
            sent: None,
            sent_after: None,
            headers: None,
            first_event: None,
            end: None,
            closed: None,
            tokens: Vec::with_capacity(expected_tokens.saturating_add(8)),
            behind_first_token: Behind::Nothing,
            source: None,
            empty_events: 0,
            opening: None,
            closing: None,
            usage: None,
            told: None,
            first_event_tokens: None,
            tokenizer_tokens: None,
            status: None,
            finish: None,
            model: None,
            reused_connection: false,
            retries: Retries::default(),
            earlier: Vec::new(),
        }
    }

    /// Sets the last attempt aside, which failed so and is followed by another.
    pub fn set_aside(&mut self, outcome: Outcome) {
        let tokens = std::mem::take(&mut self.tokens);
        let mut earlier = std::mem::take(&mut self.earlier);
        earlier.push(FailedAttempt { timeline: self.clone(), outcome });
        (self.tokens, self.earlier) = (tokens, earlier);
    }

    /// Forgets what an attempt recorded that is now tried again; `due` and `sent_start` stay, and
    /// what was set aside.
    pub fn restart_attempt(&mut self, at: Stamp) {
        let mut tokens = std::mem::take(&mut self.tokens);
        tokens.clear();
        let (sent_start, retries) = (self.sent_start.or(Some(at)), self.retries);
        let (attempt_start, earlier) = (Some(at), std::mem::take(&mut self.earlier));
        *self =
            Self { sent_start, attempt_start, tokens, retries, earlier, ..Self::new(self.due, 0) };
    }

    /// Notes where the stamp of a read comes from. One stamp of the lesser kind makes the whole
    /// exchange one of the lesser kind.
    pub fn note_source(&mut self, source: StampSource) {
        self.source = match self.source {
            Some(StampSource::Read) => Some(StampSource::Read),
            _ => Some(source),
        };
    }

    /// Records a token-bearing event.
    pub fn note_token(&mut self, event: TokenEvent) {
        self.tokens.push(event);
        self.closing = None;
    }

    /// Records an event that spoke of a choice yet carried no token.
    pub fn note_empty(&mut self, at: Stamp) {
        self.empty_events = self.empty_events.saturating_add(1);
        if self.tokens.is_empty() {
            self.opening.get_or_insert(at);
        } else {
            self.closing = Some(at);
        }
    }

    /// First event that spoke of a choice, with a token or without.
    pub fn first_choice(&self) -> Option<Stamp> {
        self.opening.or_else(|| self.first_token().map(|event| event.at))
    }

    /// Last event that spoke of a choice, with a token or without.
    pub fn last_choice(&self) -> Option<Stamp> {
        self.closing.or_else(|| self.last_token().map(|event| event.at)).or(self.opening)
    }

    /// First token-bearing event.
    pub fn first_token(&self) -> Option<&TokenEvent> {
        self.tokens.first()
    }

    /// First token-bearing event that is not reasoning.
    pub fn first_output_token(&self) -> Option<&TokenEvent> {
        self.tokens.iter().find(|event| event.kind != TokenKind::Reasoning)
    }

    /// Last token-bearing event.
    pub fn last_token(&self) -> Option<&TokenEvent> {
        self.tokens.last()
    }

    /// Notes that `read` held more of the answer than has been recorded so far.
    pub fn note_more_in(&mut self, read: u32) {
        if self.tokens.first().is_some_and(|first| first.read == read) {
            self.behind_first_token = Behind::More;
        }
    }

    /// What lay behind the first token-bearing event in its read; another such event is more, too.
    pub fn behind_first_token(&self) -> Behind {
        match self.tokens.as_slice() {
            [first, second, ..] if first.read == second.read => Behind::More,
            _ => self.behind_first_token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_without_a_token_count_at_the_ends_only() {
        let at = |nanos| Stamp::from_nanos(nanos);
        let token =
            |nanos| TokenEvent { at: at(nanos), read_delay: None, kind: TokenKind::Text, read: 1 };
        let mut timeline = Timeline::new(at(0), 0);
        assert_eq!((timeline.first_choice(), timeline.last_choice()), (None, None));
        timeline.note_empty(at(1));
        timeline.note_empty(at(2));
        assert_eq!((timeline.first_choice(), timeline.last_choice()), (Some(at(1)), Some(at(1))));
        timeline.note_token(token(3));
        timeline.note_empty(at(4));
        assert_eq!(timeline.last_choice(), Some(at(4)));
        timeline.note_token(token(5));
        assert_eq!((timeline.first_choice(), timeline.last_choice()), (Some(at(1)), Some(at(5))));
        assert_eq!((timeline.closing, timeline.empty_events), (None, 3));
    }
}
