//! The words on the wire for the closed enums of the flow.

use crate::{
    measure::{CountSource, Phase, Spoiled},
    timeline::StampSource,
    verdict::{Cause, Metric},
};

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

pub(super) const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Failed => "failed",
        Cause::Undefined => "undefined",
        Cause::Missed(missed) => metric(missed),
    }
}

pub(super) const fn count_source(source: CountSource) -> &'static str {
    match source {
        CountSource::Usage => "usage",
        CountSource::Events => "events",
    }
}

pub(super) const fn spoiled(spoiled: Spoiled) -> &'static str {
    match spoiled {
        Spoiled::SendLag => "send_lag",
        Spoiled::ReadDelay => "read_delay",
    }
}

pub(super) const fn stamp_source(source: StampSource) -> &'static str {
    match source {
        StampSource::Kernel => "kernel",
        StampSource::Read => "read",
    }
}
