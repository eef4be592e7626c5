//! One collection of what a DCGM exporter tells of a target's GPUs.

use std::{sync::Arc, time::Duration};

use super::{
    gpus::Gpus,
    watch::{Collect, limit},
};
use crate::{
    check::Addresses,
    config::{Dcgm, GpuSource},
    load::Link,
    telemetry::{GpuTold, Sheet, read_dcgm},
};

/// Where DCGM exporters tell of a target's GPUs.
pub(super) struct DcgmSource {
    addresses: Addresses,
    dcgm: Dcgm,
}

impl DcgmSource {
    /// That of a target, if it has one.
    pub(super) fn of(link: &Arc<Link>) -> Option<Self> {
        let Some(GpuSource::Dcgm(dcgm)) = &link.target().gpu else { return None };
        let addresses = Addresses::new(link, &dcgm.urls, dcgm.authorization.as_ref())?;
        Some(Self { addresses, dcgm: dcgm.clone() })
    }

    /// How often it is to be read.
    pub(super) fn interval(&self) -> Duration {
        self.dcgm.interval
    }

    /// What each exporter tells, in the order in which they are configured, or why not, in words
    /// for a person; each has `limit`.
    pub(super) async fn told(&self, limit: Duration) -> Vec<Result<Vec<GpuTold>, String>> {
        let texts = self.addresses.texts(limit).await;
        texts.into_iter().map(|text| self.read(text)).collect()
    }

    fn read(&self, text: Result<String, String>) -> Result<Vec<GpuTold>, String> {
        let gpus = read_dcgm(&text?, &self.dcgm.matching).map_err(|error| error.to_string())?;
        match (gpus.is_empty(), self.dcgm.matching.is_empty()) {
            (true, true) => Err("it tells of no GPU".to_owned()),
            (true, false) => Err("it tells of no GPU that `match` lets in".to_owned()),
            (false, _) => Ok(gpus),
        }
    }
}

/// The collections from the exporters of one target.
pub(super) struct DcgmGpus {
    source: DcgmSource,
    gpus: Gpus,
}

impl DcgmGpus {
    pub(super) fn of(link: &Arc<Link>) -> Option<Self> {
        let gpus = Gpus::new(Arc::clone(&link.target().name), "dcgm");
        Some(Self { source: DcgmSource::of(link)?, gpus })
    }
}

impl Collect for DcgmGpus {
    const WHAT: &'static str = "the metrics of the DCGM exporter";

    fn interval(&self) -> Duration {
        self.source.interval()
    }

    async fn collect(&mut self) -> Result<(), String> {
        let read = self.source.told(limit(self.source.interval())).await;
        let why = read.iter().find_map(|told| told.as_ref().err().cloned());
        self.gpus.collected(read.into_iter().map(Result::ok).collect(), why.as_deref());
        why.map_or(Ok(()), Err)
    }

    fn sheets(&self, _: &[Arc<str>]) -> Vec<Sheet> {
        vec![self.gpus.sheet()]
    }
}
