//! An exchange as a tree of spans, and the ids that tie it to what others record of it.
//!
//! Owns the form: names follow OpenTelemetry, ids are W3C's. Pure: knows nothing of who exports it,
//! and draws no random numbers itself.

use std::{fmt, sync::Arc};

use super::BeatKey;

/// The id of a trace, as W3C Trace Context has it. Never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The id of a span. Never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What an attribute says.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// Words.
    Text(Arc<str>),
    /// A whole number.
    Count(i64),
    /// Any other number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

/// A part of an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its id.
    pub id: SpanId,
    /// The span it is a part of; absent for the root.
    pub parent: Option<SpanId>,
    /// What it was: `beat` for the root, a phase below it.
    pub name: &'static str,
    /// Its beginning, in nanoseconds since the Unix epoch.
    pub start_unix_nanos: i64,
    /// Its end, likewise.
    pub end_unix_nanos: i64,
    /// What else is known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// Why it failed, in words without secrets; absent if it did not.
    pub error: Option<Arc<str>>,
}

/// Why a trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// The exchange failed.
    Failed,
    /// It missed an SLO.
    Missed,
    /// It belongs to the share of the rest.
    Sampled,
}

/// An exchange as a tree of spans.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Whose beat it was.
    pub key: Arc<BeatKey>,
    /// Its id; the request carried it in `traceparent`.
    pub id: TraceId,
    /// Why it is kept.
    pub kept: Kept,
    /// The root first, then its children in the order of their beginnings.
    pub spans: Vec<Span>,
}

/// Who takes traces. Called on the measuring runtime: an implementation never blocks, and counts
/// what it must drop.
pub trait TraceSink: Send + Sync {
    /// Takes a trace that is to be kept.
    fn kept(&self, trace: Trace);
}
