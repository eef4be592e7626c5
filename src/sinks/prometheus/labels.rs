//! The closed label sets: every value that a label of ours can take.

use crate::{
    measure::{Phase, Spoiled},
    verdict::{Metric, State},
};

/// Every state of a verdict with its label value.
pub(super) const STATES: [(State, &str); 3] =
    [(State::Pass, "pass"), (State::Fail, "fail"), (State::NotEnoughData, "not_enough_data")];

/// Every phase, in the order of [`Phase`].
pub(super) const PHASES: [Phase; 7] = [
    Phase::Dns,
    Phase::Connect,
    Phase::Tls,
    Phase::Send,
    Phase::Wait,
    Phase::FirstToken,
    Phase::Decode,
];

/// The label value of a phase.
pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Dns => "dns",
        Phase::Connect => "connect",
        Phase::Tls => "tls",
        Phase::Send => "send",
        Phase::Wait => "wait",
        Phase::FirstToken => "first_token",
        Phase::Decode => "decode",
    }
}

/// Every reason for which a beat is spoiled, in the order of [`Spoiled`].
pub(super) const SPOILED: [Spoiled; 2] = [Spoiled::SendLag, Spoiled::ReadDelay];

/// The label value of a reason for which a beat is spoiled.
pub(super) const fn spoiled(reason: Spoiled) -> &'static str {
    match reason {
        Spoiled::SendLag => "send_lag",
        Spoiled::ReadDelay => "read_delay",
    }
}

/// The label value of a latency.
pub(super) const fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Ttft => "ttft",
        Metric::Tpot => "tpot",
        Metric::E2e => "e2e",
        Metric::Ttfo => "ttfo",
        Metric::Ttst => "ttst",
        Metric::Itl => "itl",
    }
}
