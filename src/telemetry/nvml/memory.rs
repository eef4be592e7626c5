//! What is remembered of the GPUs of this machine, whatever becomes of the driver's library.

use std::{collections::BTreeMap, sync::Arc};

use super::throttle::Throttled;
use crate::telemetry::gpu::{Gpu, GpuTold, Xids};

/// Most errors that wait for the GPU that they are of.
const MOST_STRAYS: usize = 64;

/// What is remembered, by UUID.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What each GPU is, by its index.
    known: BTreeMap<u32, Known>,
    throttled: BTreeMap<Arc<str>, Throttled>,
    xids: BTreeMap<Arc<str>, BTreeMap<u32, f64>>,
    /// Errors of a GPU that no longer said which one it is.
    strays: Vec<u32>,
}

/// What a GPU is.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) gpu: Gpu,
    pub(super) name: Arc<str>,
    pub(super) driver: Arc<str>,
}

impl Memory {
    /// Learns what the GPU at `index` is.
    pub(super) fn learn(&mut self, index: u32, known: Known) {
        self.known.insert(index, known);
    }

    /// The times for which the clocks of a GPU were held down.
    pub(super) fn throttled(&mut self, uuid: &Arc<str>) -> &mut Throttled {
        self.throttled.entry(Arc::clone(uuid)).or_default()
    }

    /// Nobody looks at any GPU for a while.
    pub(super) fn pause(&mut self) {
        self.throttled.values_mut().for_each(Throttled::pause);
    }

    /// Counts an error of a GPU, if it said which one it is.
    pub(super) fn xid(&mut self, uuid: Option<&str>, code: u32) {
        match uuid {
            Some(uuid) => {
                *self.xids.entry(uuid.into()).or_default().entry(code).or_default() += 1.0;
            }
            None if self.strays.len() < MOST_STRAYS => self.strays.push(code),
            None => {}
        }
    }

    /// Gives errors without a GPU to the one of `lost` that can no longer be read, if there is one:
    /// a GPU that falls off the bus raises an error that it cannot be asked about.
    pub(super) fn settle(&mut self, lost: &[u32]) {
        let strays = std::mem::take(&mut self.strays);
        let uuid = match lost {
            [index] => self.known.get(index).map(|known| Arc::clone(&known.gpu.uuid)),
            _ => None,
        };
        match uuid {
            Some(uuid) => strays.into_iter().for_each(|code| self.xid(Some(&uuid), code)),
            None if strays.is_empty() => {}
            None => tracing::warn!(xids = ?strays, "XID errors of a GPU that is not known"),
        }
    }

    /// The errors of a GPU; untold if nobody listens and none was heard.
    pub(super) fn xids(&self, uuid: &str, listening: bool) -> Xids {
        match self.xids.get(uuid) {
            Some(counts) => Xids::Counted(counts.iter().map(|(code, n)| (*code, *n)).collect()),
            None if listening => Xids::Counted(Vec::new()),
            None => Xids::Untold,
        }
    }

    /// What there is to say of a GPU that cannot be read: what it is, and its errors.
    pub(super) fn remains(&self, index: u32) -> Option<GpuTold> {
        let Known { gpu, name, driver } = self.known.get(&index)?.clone();
        let xids = self.xids(&gpu.uuid, false);
        let (gauges, counters, programs) = (Vec::new(), Vec::new(), Vec::new());
        Some(GpuTold { gpu, name, driver, gauges, counters, programs, xids })
    }
}
