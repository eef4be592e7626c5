//! The client's own lateness, and when it spoils a beat.
//!
//! Owns the rule by which a latency is not blamed on the target. Knows nothing of what becomes of
//! a spoiled beat.

use std::time::Duration;

use crate::timeline::{Behind, Outcome, StampSource, Timeline};

/// Lateness that never spoils: what an ordinary machine cannot promise to stay below.
const TOLERATED: Duration = Duration::from_millis(1);

/// One part in so many of the time to first token is tolerated, if that is more.
const TOLERATED_PART: u32 = 100;

/// Why a beat says nothing: the client itself was late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoiled {
    /// The request went out too late.
    SendLag,
    /// The first token's stamp may be too late.
    ReadDelay,
}

impl Spoiled {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::SendLag, Self::ReadDelay];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendLag => "send_lag",
            Self::ReadDelay => "read_delay",
        }
    }
}

/// The client's own lateness in one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// `sent_start − due`
    pub send_lag: Option<Duration>,
    /// By how much the stamp of the first token may be late: zero for a kernel stamp on a read in
    /// which nothing lay behind it, else the read delay. Absent without a token, or where the delay
    /// is not known.
    pub first_token: Option<Duration>,
}

impl Lateness {
    /// The lateness in `timeline`.
    pub(super) fn of(timeline: &Timeline) -> Self {
        Self {
            send_lag: timeline.sent_start.map(|start| start.since(timeline.due)),
            first_token: first_token(timeline),
        }
    }

    /// Whether it spoils an exchange with this outcome and time to first token.
    ///
    /// Lateness distorts a latency, and only an exchange that succeeded is measured by one: a
    /// failed one counts as infinitely late, of which our own lateness is no part. Were it
    /// otherwise, a busy client would hide an outage.
    pub(super) fn spoils(&self, outcome: Outcome, ttft: Option<Duration>) -> Option<Spoiled> {
        if outcome != Outcome::Ok {
            return None;
        }
        let tolerated = ttft.map_or(TOLERATED, |ttft| TOLERATED.max(ttft / TOLERATED_PART));
        let exceeds = |late: Option<Duration>| late.is_some_and(|late| late > tolerated);
        if exceeds(self.send_lag) {
            Some(Spoiled::SendLag)
        } else if exceeds(self.first_token) {
            Some(Spoiled::ReadDelay)
        } else {
            None
        }
    }
}

/// By how much the first token's stamp may be late. The kernel stamps a read with the arrival of
/// its latest segment, so its stamp is exact only for a read that ended with the token's event.
fn first_token(timeline: &Timeline) -> Option<Duration> {
    let first = timeline.first_token()?;
    match (timeline.source, timeline.behind_first_token()) {
        (Some(StampSource::Kernel), Behind::Nothing) => Some(Duration::ZERO),
        _ => first.read_delay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn late(send_lag: Duration, first_token: Option<Duration>) -> Lateness {
        Lateness { send_lag: Some(send_lag), first_token }
    }

    #[test]
    fn the_limit_is_a_millisecond_or_a_hundredth_of_ttft() {
        let over = Duration::from_nanos(1);
        for (ttft, limit) in [(20 * MS, MS), (100 * MS, MS), (500 * MS, 5 * MS)] {
            for (lateness, spoiled) in [
                (late(limit, Some(limit)), None),
                (late(limit + over, Some(limit)), Some(Spoiled::SendLag)),
                (late(limit, Some(limit + over)), Some(Spoiled::ReadDelay)),
                (late(limit + over, Some(limit + over)), Some(Spoiled::SendLag)),
                (late(limit, None), None),
            ] {
                assert_eq!(lateness.spoils(Outcome::Ok, Some(ttft)), spoiled, "{lateness:?}");
            }
        }
    }

    #[test]
    fn a_failure_stays_a_failure() {
        let lateness = late(10 * MS, Some(10 * MS));
        for outcome in Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Ok) {
            assert_eq!(lateness.spoils(outcome, None), None);
            assert_eq!(lateness.spoils(outcome, Some(20 * MS)), None);
        }
    }
}
