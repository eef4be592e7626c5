//! What a GPU did between two looks at it: averages over exactly that time, from Hopper on.

use std::{collections::BTreeMap, sync::Arc};

use nvml_wrapper::{
    Nvml,
    enums::gpm::GpmMetricId,
    error::NvmlError,
    gpm::{GpmSample, gpm_metrics_get},
};

use crate::{measure::catalogue::Id, telemetry::scale::Scale};

/// What is asked for, and the gauge that it is.
const METRICS: [(GpmMetricId, Id); 4] = [
    (GpmMetricId::SmUtil, Id::GpuSmActive),
    (GpmMetricId::SmOccupancy, Id::GpuSmOccupancy),
    (GpmMetricId::AnyTensorUtil, Id::GpuTensorActive),
    (GpmMetricId::DramBwUtil, Id::GpuDramActive),
];

/// The samples at which the windows that are open began, by the UUID of what they are of.
pub(super) struct Windows<'nvml> {
    nvml: &'nvml Nvml,
    began: BTreeMap<Arc<str>, GpmSample<'nvml>>,
}

impl<'nvml> Windows<'nvml> {
    /// No window yet.
    pub(super) fn new(nvml: &'nvml Nvml) -> Self {
        Self { nvml, began: BTreeMap::new() }
    }

    /// Ends the window of `uuid` with a sample and begins the next one: the averages over it,
    /// empty for the first sample and where the driver keeps none.
    pub(super) fn turn(
        &mut self,
        uuid: &Arc<str>,
        sample: Result<GpmSample<'nvml>, NvmlError>,
    ) -> Vec<(Id, f64)> {
        let Ok(end) = sample else {
            self.began.remove(uuid);
            return Vec::new();
        };
        let averages = self.began.get(uuid).map(|began| self.averages(began, &end));
        self.began.insert(Arc::clone(uuid), end);
        averages.unwrap_or_default()
    }

    fn averages(&self, began: &GpmSample<'nvml>, end: &GpmSample<'nvml>) -> Vec<(Id, f64)> {
        let wanted = METRICS.map(|(metric, _)| metric);
        let told = gpm_metrics_get(self.nvml, began, end, &wanted).unwrap_or_default();
        let gauge = |told: Result<_, NvmlError>, id| {
            let value: f64 = told
                .ok()
                .map(|told: nvml_wrapper::struct_wrappers::gpm::GpmMetricResult| told.value)?;
            (value.is_finite() && value >= 0.0).then(|| (id, Scale::Percent.base(value)))
        };
        told.into_iter().zip(METRICS).filter_map(|(told, (_, id))| gauge(told, id)).collect()
    }
}
