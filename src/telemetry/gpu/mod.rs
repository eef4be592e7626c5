//! What GPUs tell, under one name whatever the source.
//!
//! - `told`: what a source hands over of one GPU; `dcgm`: the source that reads DCGM's exporter
//! - `account`: what that adds up to over time; `stretch`: what happened between two moments
//!
//! Another source is what makes `GpuTold`s, and a name for `source`: so does `telemetry::nvml`.

mod account;
mod dcgm;
mod stretch;
mod told;

pub use account::GpuAccount;
pub use dcgm::{Matching as DcgmMatching, read as read_dcgm};
pub use stretch::{Stretch as GpuStretch, Stretched as GpuStretched};
pub use told::{Gpu, GpuTold, GpusSeen, Moment, Value, Which, Xids};
