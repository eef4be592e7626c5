//! Whether a step's numbers can be trusted.
//!
//! Owns the rules by which the client finds itself at fault. That somebody else loaded the engine
//! is not known here.

use std::time::Duration;

use crate::{
    event::{Mark, Validity},
    measure::Summary,
    tally::Pressure,
};

/// Lateness that is always tolerated: what an ordinary machine cannot promise to stay below.
const TOLERATED: f64 = 0.001;

/// The share of the median time to first token that is tolerated, if that is more.
const TOLERATED_SHARE: f64 = 0.01;

/// The least share of the schedule that must have been sent.
const RATE: f64 = 0.99;

/// The window is to be so many median exchanges long.
const EXCHANGES: f64 = 2.0;

/// What the client did itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    send_lag: Summary,
    stamp_late: Summary,
    stalls: Summary,
}

/// What else the rules look at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Median time to first token of the successful, in seconds.
    pub(super) ttft_p50: Option<f64>,
    /// Median end to end of the successful, in seconds.
    pub(super) e2e_p50: Option<f64>,
    /// Length of the window in seconds.
    pub(super) window: f64,
    /// What was sent by the end of the window ÷ what was due in it; absent for a closed loop.
    pub(super) rate_ratio: Option<f64>,
    /// For how long the cgroup throttled us.
    pub(super) throttled: Option<Duration>,
    /// Who waited for a CPU, and for how much of the time.
    pub(super) pressure: Option<Pressure>,
}

impl Evidence {
    /// A request was sent so much later than it was due; waits at the gate left out.
    pub(super) fn sent(&mut self, lag: Duration) {
        self.send_lag.record(lag);
    }

    /// The stamp of a first token may be late by so much.
    pub(super) fn stamped(&mut self, late: Duration) {
        self.stamp_late.record(late);
    }

    /// The runtime let the pacer wait.
    pub(super) fn stalled(&mut self, wait: Duration) {
        self.stalls.record(wait);
    }

    /// The marks, with what they rest on.
    pub(super) fn judge(&self, seen: Seen) -> Validity {
        let p99 = |summary: &Summary| summary.quantile(0.99).finite();
        let mut validity = Validity {
            marks: Vec::new(),
            send_lag_p99: p99(&self.send_lag),
            stamp_late_p99: p99(&self.stamp_late),
            tolerated: seen
                .ttft_p50
                .map_or(TOLERATED, |ttft| TOLERATED.max(ttft * TOLERATED_SHARE)),
            stall_p99: p99(&self.stalls),
            throttled_seconds: seen.throttled.map(|throttled| throttled.as_secs_f64()),
            cpu_pressure_ratio: seen.pressure.map(|pressure| pressure.ratio),
            cpu_pressure_of: seen.pressure.map(|pressure| pressure.of),
        };
        let exceeds = |found: Option<f64>, most: f64| found.is_some_and(|found| found > most);
        let saturated = exceeds(validity.send_lag_p99, validity.tolerated)
            || exceeds(validity.stamp_late_p99, validity.tolerated)
            || exceeds(validity.stall_p99, Validity::STALL)
            || exceeds(validity.own_cpu_pressure(), Validity::PRESSURE);
        let too_short =
            seen.window <= 0.0 || seen.e2e_p50.is_some_and(|e2e| seen.window < EXCHANGES * e2e);
        for (mark, holds) in [
            (Mark::ClientSaturated, saturated),
            (Mark::RateNotMet, seen.rate_ratio.is_some_and(|ratio| ratio < RATE)),
            (Mark::Throttled, exceeds(validity.throttled_seconds, 0.0)),
            (Mark::WindowTooShort, too_short),
        ] {
            if holds {
                validity.marks.push(mark);
            }
        }
        validity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PressureOf;

    const CLEAN: Seen = Seen {
        ttft_p50: Some(0.2),
        e2e_p50: Some(1.0),
        window: 60.0,
        rate_ratio: Some(1.0),
        throttled: Some(Duration::ZERO),
        pressure: Some(Pressure { ratio: 0.0, of: PressureOf::Own }),
    };

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// 98 values of `usual`, two of `worst`: p99 is `worst`.
    fn evidence(record: fn(&mut Evidence, Duration), worst: Duration) -> Evidence {
        let mut evidence = Evidence::default();
        for value in std::iter::repeat_n(micros(50), 98).chain([worst; 2]) {
            record(&mut evidence, value);
        }
        evidence
    }

    #[test]
    fn a_late_client_is_marked() {
        // 1 % of a median of 200 ms is 2 ms.
        for (record, limit) in [
            (Evidence::sent as fn(&mut Evidence, Duration), 2_000),
            (Evidence::stamped, 2_000),
            (Evidence::stalled, 10_000),
        ] {
            let judged = |worst| evidence(record, micros(worst)).judge(CLEAN).marks;
            assert_eq!(judged(limit), []);
            assert_eq!(judged(limit + 20), [Mark::ClientSaturated]);
        }
    }

    #[test]
    fn a_millisecond_is_tolerated_of_the_fastest_engine() {
        let fast = Seen { ttft_p50: Some(0.01), ..CLEAN };
        let judged = |worst| evidence(Evidence::sent, micros(worst)).judge(fast);
        assert_eq!((judged(1_000).marks, judged(1_000).tolerated), (vec![], 0.001));
        assert_eq!(judged(1_002).marks, [Mark::ClientSaturated]);
    }

    #[test]
    fn only_our_own_wait_for_a_cpu_marks_a_step() {
        for (ratio, of, marks) in [
            (0.5, PressureOf::Own, vec![]),
            (0.501, PressureOf::Own, vec![Mark::ClientSaturated]),
            (1.0, PressureOf::Group, vec![]),
            (1.0, PressureOf::Machine, vec![]),
        ] {
            let seen = Seen { pressure: Some(Pressure { ratio, of }), ..CLEAN };
            let validity = Evidence::default().judge(seen);
            assert_eq!(validity.marks, marks, "{ratio} {of:?}");
            let told = (validity.cpu_pressure_ratio, validity.cpu_pressure_of);
            assert_eq!(told, (Some(ratio), Some(of)));
        }
    }

    #[test]
    fn each_reason_has_its_mark() {
        for (seen, marks) in [
            (CLEAN, vec![]),
            (Seen { rate_ratio: Some(0.99), ..CLEAN }, vec![]),
            (Seen { rate_ratio: Some(0.989), ..CLEAN }, vec![Mark::RateNotMet]),
            (Seen { rate_ratio: None, throttled: None, pressure: None, ..CLEAN }, vec![]),
            (Seen { throttled: Some(micros(1)), ..CLEAN }, vec![Mark::Throttled]),
            (Seen { window: 2.0, ..CLEAN }, vec![]),
            (Seen { window: 1.999, ..CLEAN }, vec![Mark::WindowTooShort]),
            (Seen { window: 0.0, e2e_p50: None, ..CLEAN }, vec![Mark::WindowTooShort]),
            (
                Seen { rate_ratio: Some(0.5), window: 0.0, ..CLEAN },
                vec![Mark::RateNotMet, Mark::WindowTooShort],
            ),
        ] {
            assert_eq!(Evidence::default().judge(seen).marks, marks, "{seen:?}");
        }
    }
}
