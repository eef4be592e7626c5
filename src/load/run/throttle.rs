//! For how long our control group held the CPU back during a step.

use std::time::Duration;

use crate::{measure::catalogue::Id, telemetry::Cgroup};

/// The throttled time at the begin of a step.
pub(super) struct Throttle {
    cgroup: Cgroup,
    before: Option<f64>,
}

impl Throttle {
    /// Reads it now.
    pub(super) fn begin() -> Self {
        let cgroup = Cgroup::of_this_process();
        let before = seconds(&cgroup);
        Self { cgroup, before }
    }

    /// How much has come since; absent where the group does not tell.
    pub(super) fn since(&self) -> Option<Duration> {
        let passed = seconds(&self.cgroup)? - self.before?;
        Duration::try_from_secs_f64(passed.max(0.0)).ok()
    }
}

fn seconds(cgroup: &Cgroup) -> Option<f64> {
    let readings = cgroup.readings();
    readings.iter().find(|reading| reading.id == Id::CpuThrottled).map(|reading| reading.value)
}
