//! One collection of what a DCGM exporter tells of a target's GPUs.

use std::{sync::Arc, time::Duration};

use super::{
    fetch::Addresses,
    watch::{Collect, limit},
};
use crate::{
    clock::Wall,
    config::{Dcgm, GpuSource},
    load::Link,
    measure::catalogue::Reading,
    telemetry::{GpuAccount, GpuTold, read_dcgm},
};

/// The collections from the exporters of one target.
pub(super) struct DcgmGpus {
    addresses: Addresses,
    dcgm: Dcgm,
    account: GpuAccount,
}

impl DcgmGpus {
    pub(super) fn of(link: &Arc<Link>) -> Option<Self> {
        let Some(GpuSource::Dcgm(dcgm)) = &link.target().gpu else { return None };
        Some(Self {
            addresses: Addresses::new(link, &dcgm.urls, dcgm.authorization.as_ref())?,
            dcgm: dcgm.clone(),
            account: GpuAccount::new(Arc::clone(&link.target().name), "dcgm"),
        })
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

impl Collect for DcgmGpus {
    const WHAT: &'static str = "the metrics of the DCGM exporter";

    fn interval(&self) -> Duration {
        self.dcgm.interval
    }

    async fn collect(&mut self) -> Result<(), String> {
        let texts = self.addresses.texts(limit(self.dcgm.interval)).await;
        let read: Vec<_> = texts.into_iter().map(|text| self.read(text)).collect();
        let why = read.iter().find_map(|told| told.as_ref().err().cloned());
        let wall = Wall::anchor();
        let now = wall.unix_seconds(wall.stamp());
        self.account.collected(read.into_iter().map(Result::ok).collect(), now);
        why.map_or(Ok(()), Err)
    }

    fn readings(&self, _: &[Arc<str>]) -> Vec<Reading> {
        self.account.readings()
    }
}
