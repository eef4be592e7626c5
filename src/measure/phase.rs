//! The parts of an exchange, one after the other.
//!
//! Owns which two anchors bound a part. Knows nothing of totals such as the time to first token,
//! which begin at `due` and hold retries too.

use std::time::Duration;

use crate::{
    clock::Stamp,
    timeline::{Outcome, Timeline},
};

/// A part of an exchange, for `tokenbeat_probe_phase_seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Name resolution.
    Dns,
    /// TCP connect.
    Connect,
    /// TLS handshake.
    Tls,
    /// From the connection to the last write of the request.
    Send,
    /// From the request to the response head.
    Wait,
    /// From the response head to the first token.
    FirstToken,
    /// From the first token to the last.
    Decode,
}

impl Phase {
    /// Every phase, in the order in which they happen.
    pub const ALL: [Self; 7] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Send,
        Self::Wait,
        Self::FirstToken,
        Self::Decode,
    ];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::FirstToken => "first_token",
            Self::Decode => "decode",
        }
    }

    /// The phases of the attempt that was answered, those that it went through.
    pub(super) fn of(timeline: &Timeline) -> Vec<(Self, Duration)> {
        let took = |(phase, from, to): (Self, Stamp, Stamp)| (phase, to.since(from));
        Self::bounds(timeline).into_iter().map(took).collect()
    }

    /// The same phases with the two anchors that bound each: from the start of the attempt on,
    /// each begins where the one before it ended.
    pub fn bounds(timeline: &Timeline) -> Vec<(Self, Stamp, Stamp)> {
        let gone_through = |phase: Self| {
            let (from, to) = phase.anchors(timeline);
            Some((phase, from?, to?))
        };
        Self::ALL.into_iter().filter_map(gone_through).collect()
    }

    /// The phase in which an attempt that failed so was cut off, and when that phase had begun;
    /// absent if it had gone through all of them, or had not begun.
    pub fn cut(timeline: &Timeline, outcome: Outcome) -> Option<(Self, Stamp)> {
        let ready = timeline.reused_connection || timeline.connected.is_some();
        let phase = match outcome {
            // Only the outcome tells a name that did not resolve from an address that needs none.
            Outcome::Dns => Self::Dns,
            _ if !ready => Self::Connect,
            Outcome::Tls if timeline.tls.is_none() && timeline.sent.is_none() => Self::Tls,
            _ if timeline.sent.is_none() => Self::Send,
            _ if timeline.headers.is_none() => Self::Wait,
            _ if timeline.tokens.is_empty() => Self::FirstToken,
            _ => return None,
        };
        let (from, to) = phase.anchors(timeline);
        if to.is_some() { None } else { Some((phase, from?)) }
    }

    /// Where the phase begins and ends. A dial may skip a step (an address needs no resolution, a
    /// reused connection no dial at all): the next step begins where the last one that happened
    /// ended.
    fn anchors(self, timeline: &Timeline) -> (Option<Stamp>, Option<Stamp>) {
        let start = timeline.attempt_start;
        let resolved = timeline.resolved.or(start);
        let ready = timeline.tls.or(timeline.connected).or(start);
        let first = timeline.first_token().map(|event| event.at);
        match self {
            Self::Dns => (start, timeline.resolved),
            Self::Connect => (resolved, timeline.connected),
            Self::Tls => (timeline.connected, timeline.tls),
            Self::Send => (ready, timeline.sent),
            Self::Wait => (timeline.sent, timeline.headers),
            Self::FirstToken => (timeline.headers, first),
            Self::Decode => (first, timeline.last_token().map(|event| event.at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Option<Stamp> {
        Some(Stamp::from_nanos(millis * 1_000_000))
    }

    fn named(timeline: &Timeline) -> Vec<(&'static str, u128)> {
        Phase::of(timeline).iter().map(|(phase, took)| (phase.as_str(), took.as_millis())).collect()
    }

    fn sent() -> Timeline {
        let mut timeline = Timeline::new(Stamp::from_nanos(0), 0);
        (timeline.sent_start, timeline.attempt_start) = (at(1), at(1));
        timeline.sent = at(50);
        timeline
    }

    #[test]
    fn a_dialled_connection_has_every_step() {
        let mut timeline = sent();
        (timeline.resolved, timeline.connected, timeline.tls) = (at(5), at(20), at(45));
        timeline.headers = at(90);
        assert_eq!(
            named(&timeline),
            [("dns", 4), ("connect", 15), ("tls", 25), ("send", 5), ("wait", 40)]
        );
    }

    #[test]
    fn an_address_is_not_resolved_and_plain_text_has_no_handshake() {
        let mut timeline = sent();
        timeline.connected = at(20);
        assert_eq!(named(&timeline), [("connect", 19), ("send", 30)]);
    }

    #[test]
    fn a_reused_connection_is_not_dialled() {
        assert_eq!(named(&sent()), [("send", 49)]);
    }

    #[test]
    fn an_attempt_is_cut_in_the_phase_that_it_was_in() {
        let mut timeline = Timeline::new(Stamp::from_nanos(0), 0);
        assert_eq!(Phase::cut(&timeline, Outcome::Local), None);
        timeline.attempt_start = at(1);
        let cut = |timeline: &Timeline, outcome| {
            Phase::cut(timeline, outcome).map(|(phase, from)| (phase.as_str(), Some(from)))
        };
        assert_eq!(cut(&timeline, Outcome::Dns), Some(("dns", at(1))));
        assert_eq!(cut(&timeline, Outcome::Connect), Some(("connect", at(1))));
        timeline.resolved = at(2);
        assert_eq!(cut(&timeline, Outcome::Connect), Some(("connect", at(2))));
        timeline.connected = at(3);
        assert_eq!(cut(&timeline, Outcome::Tls), Some(("tls", at(3))));
        assert_eq!(cut(&timeline, Outcome::Reset), Some(("send", at(3))));
        timeline.sent = at(4);
        assert_eq!(cut(&timeline, Outcome::TimeoutFirstToken), Some(("wait", at(4))));
        timeline.headers = at(5);
        assert_eq!(cut(&timeline, Outcome::Empty), Some(("first_token", at(5))));
    }

    #[test]
    fn a_failed_dial_has_the_steps_before_it() {
        let mut timeline = sent();
        (timeline.resolved, timeline.sent) = (at(5), None);
        assert_eq!(named(&timeline), [("dns", 4)]);
    }
}
