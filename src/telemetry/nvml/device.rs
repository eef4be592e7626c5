//! The values of one GPU: which calls there are, and what they mean.

use std::sync::Arc;

use nvml_wrapper::{
    Device,
    enum_wrappers::device::{Clock, EccCounter, MemoryError, PerformancePolicy, TemperatureSensor},
    enums::device::SampleValue,
    error::NvmlError,
    structs::device::FieldId,
    sys_exports::field_id::{NVML_FI_DEV_REMAPPED_COR, NVML_FI_DEV_REMAPPED_UNC},
};

use super::throttle::Throttled;
use crate::{
    clock::Stamp,
    measure::catalogue::Id,
    telemetry::{
        gpu::Value,
        scale::Scale::{self, Base, Mega, Milli, Nano, Percent},
    },
};

/// A call of the driver.
type Call = fn(&Device<'_>) -> Result<f64, NvmlError>;

/// The gauges of memory, which an instance has too.
const MEMORY: &[(Id, Scale, Call)] = &[
    (Id::GpuMemoryUsed, Base, |device| device.memory_info().map(|memory| memory.used as f64)),
    (Id::GpuMemoryTotal, Base, |device| device.memory_info().map(|memory| memory.total as f64)),
];

/// The other gauges; of one metric, the first that the driver tells.
const GAUGES: &[(Id, Scale, Call)] = &[
    (Id::GpuUtilization, Percent, |device| {
        device.utilization_rates().map(|share| share.gpu.into())
    }),
    (Id::GpuPower, Milli, |device| device.power_usage().map(f64::from)),
    (Id::GpuPowerLimit, Milli, |device| device.enforced_power_limit().map(f64::from)),
    (Id::GpuPowerLimit, Milli, |device| device.power_management_limit().map(f64::from)),
    (Id::GpuTemperature, Base, |device| device.temperature(TemperatureSensor::Gpu).map(f64::from)),
    (Id::GpuSmClock, Mega, |device| device.clock_info(Clock::SM).map(f64::from)),
    (Id::GpuMemoryClock, Mega, |device| device.clock_info(Clock::Memory).map(f64::from)),
];

/// The counters that the driver keeps.
const COUNTERS: &[(Id, Option<&str>, Scale, Call)] = &[
    (Id::GpuEnergy, None, Milli, |device| device.total_energy_consumption().map(|mj| mj as f64)),
    (Id::GpuThrottle, Some("power"), Nano, |device| held(device, PerformancePolicy::Power)),
    (Id::GpuThrottle, Some("thermal"), Nano, |device| held(device, PerformancePolicy::Thermal)),
    (Id::GpuThrottle, Some("sync_boost"), Nano, |device| {
        held(device, PerformancePolicy::SyncBoost)
    }),
    (Id::GpuThrottle, Some("board_limit"), Nano, |device| {
        held(device, PerformancePolicy::BoardLimit)
    }),
    (Id::GpuThrottle, Some("low_utilization"), Nano, |device| {
        held(device, PerformancePolicy::LowUtilization)
    }),
    (Id::GpuThrottle, Some("reliability"), Nano, |device| {
        held(device, PerformancePolicy::Reliability)
    }),
    (Id::GpuEccErrors, Some("corrected"), Base, |device| ecc(device, MemoryError::Corrected)),
    (Id::GpuEccErrors, Some("uncorrected"), Base, |device| ecc(device, MemoryError::Uncorrected)),
    (Id::GpuEccErrors, Some("remapped_corrected"), Base, |device| {
        field(device, NVML_FI_DEV_REMAPPED_COR)
    }),
    (Id::GpuEccErrors, Some("remapped_uncorrected"), Base, |device| {
        field(device, NVML_FI_DEV_REMAPPED_UNC)
    }),
];

/// What a GPU is: its UUID and its name.
///
/// # Errors
/// If it does not say which one it is.
pub(super) fn identity(device: &Device<'_>) -> Result<(Arc<str>, Arc<str>), NvmlError> {
    Ok((device.uuid()?.into(), device.name().unwrap_or_default().into()))
}

/// The gauges of a whole GPU, as far as it has them.
///
/// # Errors
/// If the GPU is gone.
pub(super) fn gauges(device: &Device<'_>) -> Result<Vec<Value>, NvmlError> {
    let mut gauges = memory(device)?;
    for (id, scale, call) in GAUGES {
        if gauges.iter().all(|(there, ..)| there != id)
            && let Some(value) = told(call(device))?
        {
            gauges.push((*id, None, scale.base(value)));
        }
    }
    Ok(gauges)
}

/// The gauges of memory, of a GPU or of an instance.
///
/// # Errors
/// If the GPU is gone.
pub(super) fn memory(device: &Device<'_>) -> Result<Vec<Value>, NvmlError> {
    let mut gauges = Vec::new();
    for (id, scale, call) in MEMORY {
        gauges.extend(told(call(device))?.map(|value| (*id, None, scale.base(value))));
    }
    Ok(gauges)
}

/// The counters of a whole GPU, as far as it has them. Where it keeps no time for which its clocks
/// were held down, `throttled` adds it up.
///
/// # Errors
/// If the GPU is gone.
pub(super) fn counters(
    device: &Device<'_>,
    throttled: &mut Throttled,
) -> Result<Vec<Value>, NvmlError> {
    if let Some(reasons) = told(device.current_throttle_reasons())? {
        throttled.observe(reasons, Stamp::now());
    }
    let mut counters = Vec::new();
    for (id, label, scale, call) in COUNTERS {
        let kept = told(call(device))?.map(|value| scale.base(value));
        let added_up =
            || label.filter(|_| *id == Id::GpuThrottle).and_then(|of| throttled.seconds(of));
        counters.extend(kept.or_else(added_up).map(|value| (*id, *label, value)));
    }
    Ok(counters)
}

/// Nanoseconds for which `policy` has held the clocks down.
fn held(device: &Device<'_>, policy: PerformancePolicy) -> Result<f64, NvmlError> {
    device.violation_status(policy).map(|time| time.violation_time as f64)
}

/// Memory errors since the driver was loaded.
fn ecc(device: &Device<'_>, kind: MemoryError) -> Result<f64, NvmlError> {
    device.total_ecc_errors(kind, EccCounter::Volatile).map(|count| count as f64)
}

fn field(device: &Device<'_>, id: u32) -> Result<f64, NvmlError> {
    let values = device.field_values_for(&[FieldId(id)])?;
    let value = values.into_iter().next().ok_or(NvmlError::NoData)??;
    Ok(match value.value? {
        SampleValue::F64(value) => value,
        SampleValue::U32(value) => value.into(),
        SampleValue::U64(value) => value as f64,
        SampleValue::I64(value) => value as f64,
    })
}

/// A value, if there is one. What a GPU does not have, or does not tell us, is absent.
///
/// # Errors
/// If the GPU is gone, or the library is of no use any more.
pub(super) fn told<T>(result: Result<T, NvmlError>) -> Result<Option<T>, NvmlError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(gone @ (NvmlError::GpuLost | NvmlError::ResetRequired | NvmlError::Uninitialized)) => {
            Err(gone)
        }
        Err(_) => Ok(None),
    }
}
