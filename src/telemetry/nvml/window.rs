//! What a GPU did between two looks at it: averages over exactly that time, from Hopper on.
//!
//! Windows are of the collection, one after the other, or of a visitor, from the begin of a stretch
//! to its end whatever is looked at meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use nvml_wrapper::{
    Nvml,
    enums::gpm::GpmMetricId,
    error::NvmlError,
    gpm::{GpmSample, gpm_metrics_get},
};

use crate::{
    measure::catalogue::Id,
    telemetry::{
        gpu::{Moment, Value},
        scale::Scale::{self, Mebi, Percent},
    },
};

/// What is asked for, the gauge that it is, the value of its own label, and its unit. The driver's
/// header (`nvml.h`, `nvmlGpmMetricId_t`) has shares in percent and traffic in MiB a second; "TX"
/// is from the GPU, "RX" to it, and NVLink's total is of all of its links.
const METRICS: [(GpmMetricId, Id, Option<&str>, Scale); 8] = [
    (GpmMetricId::SmUtil, Id::GpuSmActive, None, Percent),
    (GpmMetricId::SmOccupancy, Id::GpuSmOccupancy, None, Percent),
    (GpmMetricId::AnyTensorUtil, Id::GpuTensorActive, None, Percent),
    (GpmMetricId::DramBwUtil, Id::GpuDramActive, None, Percent),
    (GpmMetricId::PcieTxPerSec, Id::GpuPcieRate, Some("transmit"), Mebi),
    (GpmMetricId::PcieRxPerSec, Id::GpuPcieRate, Some("receive"), Mebi),
    (GpmMetricId::NvlinkTotalTxPerSec, Id::GpuNvlinkRate, Some("transmit"), Mebi),
    (GpmMetricId::NvlinkTotalRxPerSec, Id::GpuNvlinkRate, Some("receive"), Mebi),
];

/// Who has come to look, by number.
pub(super) type Whose = u64;

/// What a look does to windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It ends those of the collection and begins the next.
    Next,
    /// It begins those of a visitor, or ends them, or leaves them as they are.
    Of(Whose, Moment),
}

/// The samples at which the windows that are open began, by whose they are and the UUID of what
/// they are of; the collection is nobody's.
pub(super) struct Windows<'nvml> {
    nvml: &'nvml Nvml,
    began: BTreeMap<(Option<Whose>, Arc<str>), GpmSample<'nvml>>,
}

impl<'nvml> Windows<'nvml> {
    /// No window yet.
    pub(super) fn new(nvml: &'nvml Nvml) -> Self {
        Self { nvml, began: BTreeMap::new() }
    }

    /// Takes a sample of `uuid` where a window ends or begins: the averages over the one that ends,
    /// empty where none does and where the driver keeps none.
    pub(super) fn turn(
        &mut self,
        turn: Turn,
        uuid: &Arc<str>,
        sample: impl FnOnce() -> Result<GpmSample<'nvml>, NvmlError>,
    ) -> Vec<Value> {
        let (whose, ends, begins) = match turn {
            Turn::Next => (None, true, true),
            Turn::Of(whose, Moment::Begin) => (Some(whose), false, true),
            Turn::Of(whose, Moment::End) => (Some(whose), true, false),
            Turn::Of(_, Moment::Within) => return Vec::new(),
        };
        let key = (whose, Arc::clone(uuid));
        let began = self.began.remove(&key).filter(|_| ends);
        let Ok(now) = sample() else { return Vec::new() };
        let averages = began.map(|began| self.averages(&began, &now));
        if begins {
            self.began.insert(key, now);
        }
        averages.unwrap_or_default()
    }

    /// Forgets the windows of a visitor.
    pub(super) fn leave(&mut self, whose: Whose) {
        self.began.retain(|(of, _), _| *of != Some(whose));
    }

    /// What a GPU does not have, such as links, is absent.
    fn averages(&self, began: &GpmSample<'nvml>, end: &GpmSample<'nvml>) -> Vec<Value> {
        let wanted = METRICS.map(|(metric, ..)| metric);
        let told = gpm_metrics_get(self.nvml, began, end, &wanted).unwrap_or_default();
        let told = told.into_iter().map(|told| told.map(|told| told.value));
        let gauge = |(told, (_, id, label, scale)): (Result<f64, NvmlError>, _)| {
            let value = told.ok().filter(|value| value.is_finite() && *value >= 0.0)?;
            Some((id, label, Scale::base(scale, value)))
        };
        told.zip(METRICS).filter_map(gauge).collect()
    }
}
