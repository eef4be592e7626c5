//! An exchange as a tree of spans, and the ids that tie it to what others record of it.
//!
//! Owns the form: names follow OpenTelemetry, ids are W3C's. Pure: knows nothing of who exports it,
//! and draws no random numbers itself.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Beat, BeatKey, spans};

/// The id of a trace, as W3C Trace Context has it. Never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The id of a span. Never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// The id that is written so, in 32 hexadecimal digits; absent if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u128::from_str_radix(text, 16).ok().filter(|bits| digits && *bits != 0)?;
        Some(Self(bits.to_be_bytes()))
    }
}

impl SpanId {
    /// The id of the `number`th span below this one: another one for each, from 1 on. A root has
    /// drawn its id, so its children need not.
    #[must_use]
    pub(super) fn child(self, number: u64) -> Self {
        // SplitMix64: a bijection of its argument, so no two children of a root are the same.
        let step = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bits = u64::from_be_bytes(self.0).wrapping_add(step);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((bits ^ (bits >> 31)).max(1).to_be_bytes())
    }
}

/// The ids under which an exchange is known to others: those that its request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Of the whole trace.
    pub trace: TraceId,
    /// Of its root span.
    pub root: SpanId,
}

impl TraceContext {
    /// The context of these random bits. Bits that are all zero mean no id, so they become others.
    pub fn of_bits(trace: u128, root: u64) -> Self {
        Self { trace: TraceId(trace.max(1).to_be_bytes()), root: SpanId(root.max(1).to_be_bytes()) }
    }

    /// The value of the header `traceparent`, as W3C Trace Context has it. It always says
    /// `sampled`: what becomes of the exchange decides whether its trace is kept, and that is not
    /// known when the request goes out.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.root)
    }
}

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

impl Kept {
    /// Every reason, the stronger ones first.
    pub const ALL: [Self; 3] = [Self::Failed, Self::Missed, Self::Sampled];

    /// Its name in attributes and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Sampled => "sampled",
        }
    }

    /// Why the trace of `beat` is kept; absent if it is not. Every failure is, and whatever missed
    /// an SLO; of the rest a `share`. What was not measured (given up by us, short of something
    /// ourselves) says nothing of the target, and is not kept.
    pub fn of(beat: &Beat, share: &TraceShare) -> Option<Self> {
        let outcome = beat.exchange.outcome;
        if outcome.is_failure() {
            Some(Self::Failed)
        } else if beat.judgements.iter().any(|judgement| judgement.bad.is_some()) {
            Some(Self::Missed)
        } else {
            let drawn = outcome.is_measured() && share.holds(beat.trace.trace);
            drawn.then_some(Self::Sampled)
        }
    }
}

/// The share of the traces, 0 to 1, that are kept though nothing is wrong with them. It can be
/// changed while others look at it; as it is made it is 0.
#[derive(Debug, Default)]
pub struct TraceShare(AtomicU64);

/// Values of the part of a trace id by which it is drawn: its last 56 bits.
const DRAWN: u64 = 1 << 56;

impl TraceShare {
    /// Sets the share; what is no number between 0 and 1 is the nearer of the two, or 0.
    pub fn set(&self, share: f64) {
        // A float to an integer saturates, and NaN becomes 0.
        self.0.store((share.clamp(0.0, 1.0) * DRAWN as f64) as u64, Ordering::Relaxed);
    }

    /// Whether a trace belongs to the share. The id alone decides, by the rule that OpenTelemetry
    /// has for it, so whoever holds the same share keeps the same traces.
    fn holds(&self, id: TraceId) -> bool {
        let bits = (u128::from_be_bytes(id.0) & u128::from(DRAWN - 1)) as u64;
        bits >= DRAWN - self.0.load(Ordering::Relaxed)
    }
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
    /// The root first, then its children in the order of their beginnings, each followed by its
    /// own.
    pub spans: Vec<Span>,
}

impl Trace {
    /// The trace of `beat`, which is kept for that reason.
    pub fn of(beat: &Beat, kept: Kept) -> Self {
        Self { key: Arc::clone(&beat.key), id: beat.trace.trace, kept, spans: spans::of(beat) }
    }
}

/// Who takes traces. Called on the measuring runtime: an implementation never blocks, and counts
/// what it must drop.
pub trait TraceSink: Send + Sync {
    /// Takes a trace that is to be kept.
    fn kept(&self, trace: Arc<Trace>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_goes_out_as_w3c_has_it() {
        let context = TraceContext::of_bits(0x0123_4567_89ab_cdef_0000_0000_0000_0001, 0xfe);
        assert_eq!(
            context.traceparent(),
            "00-0123456789abcdef0000000000000001-00000000000000fe-01"
        );
        let zero = TraceContext::of_bits(0, 0);
        assert!(zero.trace.0 != [0; 16] && zero.root.0 != [0; 8]);
    }

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        let id = TraceContext::of_bits(0xabc, 1).trace;
        assert_eq!(TraceId::parse(&id.to_string()), Some(id));
        for text in ["", "abc", &"0".repeat(32), &format!("+{:031x}", 1), &"g".repeat(32)] {
            assert_eq!(TraceId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn children_have_ids_of_their_own() {
        let root = TraceContext::of_bits(1, u64::MAX).root;
        let mut ids: Vec<_> = (1..=1_000).map(|number| root.child(number)).collect();
        ids.push(root);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1_001);
    }

    #[test]
    fn the_share_is_drawn_by_the_id() {
        let share = TraceShare::default();
        let ids = || (0..10_000_u128).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced));
        let held = |share: &TraceShare| {
            ids().filter(|bits| share.holds(TraceContext::of_bits(*bits, 1).trace)).count()
        };
        assert_eq!(held(&share), 0);
        share.set(1.0);
        assert_eq!(held(&share), 10_000);
        share.set(0.05);
        assert!((400..=600).contains(&held(&share)), "{}", held(&share));
        for nonsense in [f64::NAN, -1.0] {
            share.set(nonsense);
            assert_eq!(held(&share), 0);
        }
    }
}
