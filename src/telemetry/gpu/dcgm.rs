//! What NVIDIA's DCGM exporter tells of GPUs.
//!
//! Owns the table of its fields with their units, its labels in their spellings, and the choice of
//! series by labels. Pure: whoever asks brings the text.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use super::told::{Gpu, GpuTold, Value, Which, Xids};
use crate::{
    measure::catalogue::Id,
    telemetry::{
        exposition::{self, Malformed, Sample},
        scale::Scale::{self, Base, Mebi, Mega, Milli, Nano, Percent},
    },
};

/// Which series are of the target: each of these labels must have one of its values.
pub type Matching = BTreeMap<String, Vec<String>>;

/// What a field without a value holds: DCGM's blanks begin here, and nothing real comes near.
const BLANK: f64 = 9.2e18;

/// A field, what it is called here, the value of its own label, and its unit.
type Field = (&'static str, Id, Option<&'static str>, Scale);

/// Fields that are gauges; of one metric and label, the first that is there.
///
/// The bytes of PCIe and NVLink are bytes a second, over the time between two updates of the exporter,
/// also where it declares them counters.
const GAUGES: &[Field] = &[
    ("DCGM_FI_DEV_GPU_UTIL", Id::GpuUtilization, None, Percent),
    ("DCGM_FI_PROF_SM_ACTIVE", Id::GpuSmActive, None, Base),
    ("DCGM_FI_PROF_SM_OCCUPANCY", Id::GpuSmOccupancy, None, Base),
    ("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", Id::GpuTensorActive, None, Base),
    ("DCGM_FI_PROF_DRAM_ACTIVE", Id::GpuDramActive, None, Base),
    ("DCGM_FI_DEV_FB_USED", Id::GpuMemoryUsed, None, Mebi),
    ("DCGM_FI_DEV_FB_TOTAL", Id::GpuMemoryTotal, None, Mebi),
    ("DCGM_FI_DEV_POWER_USAGE", Id::GpuPower, None, Base),
    ("DCGM_FI_DEV_ENFORCED_POWER_LIMIT", Id::GpuPowerLimit, None, Base),
    ("DCGM_FI_DEV_POWER_MGMT_LIMIT", Id::GpuPowerLimit, None, Base),
    ("DCGM_FI_DEV_GPU_TEMP", Id::GpuTemperature, None, Base),
    ("DCGM_FI_DEV_SM_CLOCK", Id::GpuSmClock, None, Mega),
    ("DCGM_FI_DEV_MEM_CLOCK", Id::GpuMemoryClock, None, Mega),
    ("DCGM_FI_PROF_PCIE_TX_BYTES", Id::GpuPcieRate, Some("transmit"), Base),
    ("DCGM_FI_PROF_PCIE_RX_BYTES", Id::GpuPcieRate, Some("receive"), Base),
    ("DCGM_FI_PROF_NVLINK_TX_BYTES", Id::GpuNvlinkRate, Some("transmit"), Base),
    ("DCGM_FI_PROF_NVLINK_RX_BYTES", Id::GpuNvlinkRate, Some("receive"), Base),
];

/// Fields that add up to the memory that there is, where no field has it.
const MEMORY: [&str; 3] = ["DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_FB_RESERVED"];

/// Fields that are counters; of one metric and label, the first that is there.
///
/// The times of throttling are nanoseconds, as the driver keeps them, whatever their HELP says: that of
/// older exporters calls them microseconds, for the same numbers.
const COUNTERS: &[Field] = &[
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Id::GpuEnergy, None, Milli),
    ("DCGM_FI_DEV_POWER_VIOLATION", Id::GpuThrottle, Some("power"), Nano),
    ("DCGM_FI_DEV_THERMAL_VIOLATION", Id::GpuThrottle, Some("thermal"), Nano),
    ("DCGM_FI_DEV_SYNC_BOOST_VIOLATION", Id::GpuThrottle, Some("sync_boost"), Nano),
    ("DCGM_FI_DEV_BOARD_LIMIT_VIOLATION", Id::GpuThrottle, Some("board_limit"), Nano),
    ("DCGM_FI_DEV_LOW_UTIL_VIOLATION", Id::GpuThrottle, Some("low_utilization"), Nano),
    ("DCGM_FI_DEV_RELIABILITY_VIOLATION", Id::GpuThrottle, Some("reliability"), Nano),
    ("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", Id::GpuEccErrors, Some("corrected"), Base),
    ("DCGM_FI_DEV_ECC_SBE_AGG_TOTAL", Id::GpuEccErrors, Some("corrected"), Base),
    ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", Id::GpuEccErrors, Some("uncorrected"), Base),
    ("DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", Id::GpuEccErrors, Some("uncorrected"), Base),
    ("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", Id::GpuEccErrors, Some("remapped_corrected"), Base),
    (
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
        Id::GpuEccErrors,
        Some("remapped_uncorrected"),
        Base,
    ),
];

/// The latest XID error, and how many of each there were of late.
const XID_LATEST: &str = "DCGM_FI_DEV_XID_ERRORS";
const XID_OF_LATE: &str = "DCGM_EXP_XID_ERRORS_COUNT";

/// Label names that have had several spellings.
const SPELLINGS: &[&[&str]] = &[&["Hostname", "hostname"], &["UUID", "uuid"]];

/// The GPUs of an exposition, as far as their series match; empty if there are none.
///
/// # Errors
/// If it is no exposition.
pub fn read(text: &str, matching: &Matching) -> Result<Vec<GpuTold>, Malformed> {
    let mut gpus: BTreeMap<Gpu, Fields> = BTreeMap::new();
    for sample in exposition::samples(text)? {
        let blank = !sample.value.is_finite() || sample.value < 0.0 || sample.value >= BLANK;
        if blank || !sample.name.starts_with("DCGM_") || !matches(&sample, matching) {
            continue;
        }
        let Some(gpu) = gpu(&sample) else { continue };
        gpus.entry(gpu).or_default().take_in(&sample);
    }
    Ok(gpus.into_iter().map(|(gpu, fields)| fields.told(gpu)).collect())
}

/// What was read of one GPU.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    driver: Option<String>,
    values: BTreeMap<String, f64>,
    /// By the code of the error.
    of_late: BTreeMap<u32, f64>,
}

impl Fields {
    fn take_in(&mut self, sample: &Sample<'_>) {
        let set = |into: &mut Option<String>, label| {
            if let (None, Some(value)) = (&into, sample.label(label)) {
                *into = Some(value.to_owned());
            }
        };
        set(&mut self.name, "modelName");
        set(&mut self.driver, "DCGM_FI_DRIVER_VERSION");
        if sample.name == XID_OF_LATE {
            let code = sample.label("xid").and_then(|code| code.parse().ok());
            if let Some(code) = code.filter(|code| *code != 0) {
                self.of_late.insert(code, sample.value);
            }
        }
        // A GPU that several pods share is told of once for each, with the same values.
        self.values.insert(sample.name.to_string(), sample.value);
    }

    /// The first that is there of each metric and label.
    fn first(&self, fields: &[Field]) -> BTreeMap<Which, f64> {
        let mut first = BTreeMap::new();
        for (field, id, label, scale) in fields {
            if let Some(value) = self.values.get(*field) {
                first.entry((*id, *label)).or_insert(scale.base(*value));
            }
        }
        first
    }

    fn told(self, gpu: Gpu) -> GpuTold {
        let mut gauges = self.first(GAUGES);
        if let Entry::Vacant(place) = gauges.entry((Id::GpuMemoryTotal, None))
            && let [Some(used), Some(free), reserved] = MEMORY.map(|field| self.values.get(field))
        {
            place.insert(Mebi.base(used + free + reserved.unwrap_or(&0.0)));
        }
        let counters = self.first(COUNTERS);
        let xids = match self.values.get(XID_LATEST) {
            _ if self.values.contains_key(XID_OF_LATE) => {
                Xids::OfLate(self.of_late.into_iter().collect())
            }
            // Codes are small whole numbers.
            Some(code) => Xids::Latest(*code as u32),
            None => Xids::Untold,
        };
        GpuTold {
            gpu,
            name: self.name.unwrap_or_default().into(),
            driver: self.driver.unwrap_or_default().into(),
            gauges: values(gauges),
            counters: values(counters),
            // It tells of no process.
            programs: Vec::new(),
            xids,
        }
    }
}

fn values(by_label: BTreeMap<Which, f64>) -> Vec<Value> {
    by_label.into_iter().map(|((id, label), value)| (id, label, value)).collect()
}

fn gpu(sample: &Sample<'_>) -> Option<Gpu> {
    let index = sample.label("gpu")?;
    let or_empty = |value: Option<&str>| Arc::from(value.unwrap_or_default());
    Some(Gpu {
        gpu: index.into(),
        uuid: or_empty(label(sample, "UUID")),
        mig: or_empty(sample.label("GPU_I_ID")),
    })
}

/// A label under any of its spellings.
fn label<'a>(sample: &'a Sample<'_>, name: &str) -> Option<&'a str> {
    let known = SPELLINGS.iter().find(|spellings| spellings.contains(&name));
    known.map_or_else(
        || sample.label(name),
        |spellings| spellings.iter().find_map(|spelling| sample.label(spelling)),
    )
}

fn matches(sample: &Sample<'_>, matching: &Matching) -> bool {
    matching.iter().all(|(name, values)| {
        label(sample, name).is_some_and(|found| values.iter().any(|value| value == found))
    })
}

#[cfg(test)]
#[path = "dcgm/tests.rs"]
mod tests;
