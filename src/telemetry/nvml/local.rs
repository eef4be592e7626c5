//! One GPU of this machine, with the instances that it is divided into.

use std::sync::Arc;

use crate::telemetry::gpu::GpuTold;

/// A GPU of this machine at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalGpu {
    /// Its place in the driver's list.
    pub index: u32,
    /// The whole of it first, then its instances; of one that cannot be read, what is known of the
    /// whole; empty if it never could be.
    pub parts: Vec<Part>,
    /// Why it cannot be read, if it cannot.
    pub failure: Option<String>,
}

/// A GPU, or an instance of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its own UUID.
    pub uuid: Arc<str>,
    /// What the driver told of it.
    pub told: GpuTold,
}
