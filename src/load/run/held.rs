//! For how long this machine and our control group held us back during a step.

use std::time::Duration;

use crate::{
    clock::Stamp,
    event::PressureOf,
    tally::Pressure,
    telemetry::{Cgroup, CpuTold, Waiting, process_cpu_time},
};

/// The least share of the CPU time of our group that must be ours for its waits to be ours, too. In
/// a session on a workstation the engine may be in our group, and its waits spoil nothing.
const ALONE: f64 = 0.9;

/// What stood at the begin of a step.
pub(super) struct Held {
    cgroup: Cgroup,
    before: Account,
}

/// What is known at one moment.
#[derive(Clone, Copy)]
struct Account {
    at: Stamp,
    told: CpuTold,
    /// CPU time of this process in seconds.
    own: Option<f64>,
}

impl Held {
    /// Reads it now.
    pub(super) fn begin() -> Self {
        let cgroup = Cgroup::of_this_process();
        let before = Account::now(&cgroup);
        Self { cgroup, before }
    }

    /// What has come since: throttling, and waits for a CPU; absent where it is not told.
    pub(super) fn since(&self) -> (Option<Duration>, Option<Pressure>) {
        let now = Account::now(&self.cgroup);
        (self.before.throttled(&now), self.before.pressure(&now))
    }
}

impl Account {
    fn now(cgroup: &Cgroup) -> Self {
        Self { at: Stamp::now(), told: cgroup.told(), own: process_cpu_time() }
    }

    fn throttled(&self, now: &Self) -> Option<Duration> {
        let passed = now.told.throttled? - self.told.throttled?;
        Duration::try_from_secs_f64(passed.max(0.0)).ok()
    }

    fn pressure(&self, now: &Self) -> Option<Pressure> {
        let (before, after) = (self.told.pressure?, now.told.pressure?);
        let of = match (before.of, after.of) {
            (Waiting::Group { used: first }, Waiting::Group { used: last }) => {
                let used = first.zip(last).map(|(first, last)| last - first);
                let own = self.own.zip(now.own).map(|(first, last)| last - first);
                match own.zip(used) {
                    Some((own, used)) if own >= ALONE * used => PressureOf::Own,
                    _ => PressureOf::Group,
                }
            }
            (Waiting::Machine, Waiting::Machine) => PressureOf::Machine,
            // We were moved.
            _ => return None,
        };
        let passed = now.at.since(self.at).as_secs_f64();
        let waited = after.seconds - before.seconds;
        // Less than before is another group's.
        (passed > 0.0 && waited >= 0.0).then(|| Pressure { ratio: (waited / passed).min(1.0), of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::CpuPressure;

    const MACHINE: Waiting = Waiting::Machine;

    fn group(used: f64) -> Waiting {
        Waiting::Group { used: Some(used) }
    }

    fn account(at: u64, waited: f64, of: Waiting, own: f64) -> Account {
        let pressure = Some(CpuPressure { seconds: waited, of });
        let told = CpuTold { throttled: Some(waited), pressure };
        Account { at: Stamp::from_nanos(1 + at * 1_000_000_000), told, own: Some(own) }
    }

    #[test]
    fn waits_are_ours_where_nearly_all_of_the_work_is() {
        for (before, after, wanted) in [
            (group(100.0), group(110.0), Some(PressureOf::Own)),
            (group(100.0), group(110.1), Some(PressureOf::Group)),
            (Waiting::Group { used: None }, group(100.0), Some(PressureOf::Group)),
            (MACHINE, MACHINE, Some(PressureOf::Machine)),
            (MACHINE, group(1.0), None),
        ] {
            let before = account(0, 7.0, before, 3.0);
            let pressure = before.pressure(&account(10, 10.0, after, 12.0));
            assert_eq!(pressure, wanted.map(|of| Pressure { ratio: 0.3, of }), "{after:?}");
        }
    }

    #[test]
    fn a_share_is_one_at_most_and_none_of_what_fell() {
        let before = account(0, 7.0, MACHINE, 0.0);
        let ratio = |seconds| before.pressure(&account(10, seconds, MACHINE, 0.0));
        assert_eq!(ratio(17.1).map(|of| of.ratio), Some(1.0));
        assert_eq!(ratio(6.9), None);
        assert_eq!(before.pressure(&account(0, 8.0, MACHINE, 0.0)), None);
        let throttled = before.throttled(&account(10, 7.5, MACHINE, 0.0));
        assert_eq!(throttled, Some(Duration::from_millis(500)));
    }
}
