//! The simulated GPUs behind the engine, as NVIDIA's DCGM exporter would tell of them.
//!
//! Owns the account of work that they follow (power and activity with the slots in use, energy as
//! the integral of power) and the exposition. Must not know what the work is.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::spec::SimSpec;
use crate::clock::Stamp;

/// Watts of a GPU that does nothing, and of one whose every slot is in use.
const IDLE: f64 = 75.0;
const BUSY: f64 = 700.0;

/// Megahertz, and what throttling at its worst leaves of them.
const CLOCK: f64 = 1980.0;
const SLOWEST: f64 = 0.6;

/// Mebibytes: all, what the driver keeps, and what the weights take.
const MEMORY: f64 = 143_771.0;
const RESERVED: f64 = 615.0;
const WEIGHTS: f64 = 16_384.0;

/// Bytes a second of a GPU whose every slot is in use: over PCIe to it, and over its links either
/// way. What it sends over PCIe are the tokens, a small part of that.
const PCIE: f64 = 2e9;
const PCIE_SENT: f64 = 1e8;
const NVLINK: f64 = 6e10;

/// Time for which slots have been in use, added up over them.
#[derive(Default)]
pub(super) struct Work(Mutex<Slots>);

#[derive(Clone, Copy, Default)]
struct Slots {
    ended: Duration,
    busy: u32,
    /// When those that are in use were taken, added up.
    taken: Duration,
}

impl Work {
    pub(super) fn begun(&self, at: Stamp) {
        let mut slots = self.lock();
        slots.busy += 1;
        slots.taken += Duration::from_nanos(at.as_nanos());
    }

    pub(super) fn ended(&self, begun: Stamp, at: Stamp) {
        let mut slots = self.lock();
        slots.busy -= 1;
        slots.taken -= Duration::from_nanos(begun.as_nanos());
        slots.ended += at.since(begun);
    }

    /// Slots in use, and the seconds of all until now.
    fn until(&self, now: Stamp) -> (f64, f64) {
        let slots = *self.lock();
        let open = Duration::from_nanos(now.as_nanos()) * slots.busy;
        // A slot that was taken after `now` was read has no time yet.
        let open = open.saturating_sub(slots.taken);
        (f64::from(slots.busy), (slots.ended + open).as_secs_f64())
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exposition of the GPUs of `spec`, which have been `up` for so long; `kv` is the share of
/// the KV cache in use. Each GPU does the same work.
pub(super) fn render(spec: &SimSpec, work: &Work, up: Duration, now: Stamp, kv: f64) -> String {
    let (busy, slot_seconds) = work.until(now);
    let slots = spec.slots as f64;
    let (share, up) = (busy / slots, up.as_secs_f64());
    let busy_seconds = slot_seconds / slots;
    let power = IDLE + (BUSY - IDLE) * share;
    let joules = IDLE * up + (BUSY - IDLE) * busy_seconds;
    let throttled = spec.gpu_throttle_ratio * busy_seconds;
    let slowed = if busy > 0.0 { spec.gpu_throttle_ratio * (1.0 - SLOWEST) } else { 0.0 };
    let used = WEIGHTS + (MEMORY - RESERVED - WEIGHTS) * 0.9 * kv;
    let xid = spec.gpu_xid.filter(|_| up >= spec.gpu_xid_after_s);
    let fields = [
        ("DEV_GPU_UTIL", "gauge", if busy > 0.0 { 100.0 } else { 0.0 }),
        ("DEV_SM_CLOCK", "gauge", (CLOCK * (1.0 - slowed)).round()),
        ("DEV_MEM_CLOCK", "gauge", 3201.0),
        ("DEV_GPU_TEMP", "gauge", (32.0 + 45.0 * share).round()),
        ("DEV_POWER_USAGE", "gauge", power),
        ("DEV_POWER_MGMT_LIMIT", "gauge", BUSY),
        ("DEV_TOTAL_ENERGY_CONSUMPTION", "counter", (joules * 1e3).round()),
        ("DEV_FB_USED", "gauge", used.round()),
        ("DEV_FB_FREE", "gauge", (MEMORY - RESERVED - used).round()),
        ("DEV_FB_RESERVED", "gauge", RESERVED),
        ("DEV_POWER_VIOLATION", "counter", (throttled * 1e9).round()),
        ("DEV_THERMAL_VIOLATION", "counter", 0.0),
        ("DEV_ECC_SBE_VOL_TOTAL", "counter", 0.0),
        ("DEV_ECC_DBE_VOL_TOTAL", "counter", 0.0),
        ("DEV_XID_ERRORS", "gauge", 0.0),
        ("PROF_SM_ACTIVE", "gauge", share),
        ("PROF_SM_OCCUPANCY", "gauge", share / 2.0),
        ("PROF_PIPE_TENSOR_ACTIVE", "gauge", share * 0.6),
        ("PROF_DRAM_ACTIVE", "gauge", share * 0.8),
        ("PROF_PCIE_TX_BYTES", "gauge", PCIE_SENT * share),
        ("PROF_PCIE_RX_BYTES", "gauge", PCIE * share),
        ("PROF_NVLINK_TX_BYTES", "gauge", NVLINK * share),
        ("PROF_NVLINK_RX_BYTES", "gauge", NVLINK * share),
    ];
    let mut out = String::new();
    for (field, kind, value) in fields {
        let _ = writeln!(out, "# HELP DCGM_FI_{field} Simulated.\n# TYPE DCGM_FI_{field} {kind}");
        for gpu in 0..spec.gpus {
            let value = match (field, gpu) {
                // The first one breaks.
                ("DEV_XID_ERRORS", 0) => xid.map_or(0.0, f64::from),
                _ => value,
            };
            let _ = writeln!(
                out,
                "DCGM_FI_{field}{{gpu=\"{gpu}\",UUID=\"GPU-sim-{gpu}\",device=\"nvidia{gpu}\",\
                 modelName=\"Simulated GPU\",Hostname=\"sim\",DCGM_FI_DRIVER_VERSION=\"0.0.0\"}} {value}"
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Stamp {
        Stamp::from_nanos(second * 1_000_000_000)
    }

    fn value(text: &str, field: &str) -> f64 {
        let line =
            text.lines().find(|line| line.starts_with(&format!("DCGM_FI_{field}{{gpu=\"0\"")));
        line.and_then(|line| line.rsplit(' ').next()).expect(field).parse().expect(field)
    }

    #[test]
    fn energy_is_the_integral_of_power() {
        let spec = SimSpec { slots: 4, gpu_throttle_ratio: 0.5, ..SimSpec::default() };
        let work = Work::default();
        // One slot for 4 s, another for 2 s of which one has passed.
        work.begun(second(10));
        work.ended(second(10), second(14));
        work.begun(second(19));
        let text = render(&spec, &work, Duration::from_secs(20), second(20), 0.0);
        assert_eq!(
            value(&text, "DEV_TOTAL_ENERGY_CONSUMPTION"),
            (75.0 * 20.0 + 625.0 * 1.25) * 1e3
        );
        assert_eq!(value(&text, "DEV_POWER_VIOLATION"), 0.625e9);
        assert_eq!(value(&text, "DEV_POWER_USAGE"), 75.0 + 625.0 / 4.0);
        assert_eq!(value(&text, "PROF_SM_ACTIVE"), 0.25);
        assert_eq!(value(&text, "PROF_PCIE_RX_BYTES"), 5e8);
        assert!(value(&text, "DEV_SM_CLOCK") < CLOCK);
    }

    #[test]
    fn an_error_comes_when_it_is_due() {
        let spec = SimSpec { gpu_xid: Some(79), gpu_xid_after_s: 5.0, ..SimSpec::default() };
        let at = |up| {
            let text = render(&spec, &Work::default(), Duration::from_secs(up), second(9), 0.0);
            value(&text, "DEV_XID_ERRORS")
        };
        assert_eq!((at(4), at(5)), (0.0, 79.0));
    }
}
