//! What one collection tells of one GPU, whoever collected it.

use std::sync::Arc;

use crate::{clock::Stamp, measure::catalogue::Id};

/// A GPU, or an instance of one that is divided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gpu {
    /// Its index on its machine.
    pub gpu: Arc<str>,
    /// Its UUID; empty where the source does not tell.
    pub uuid: Arc<str>,
    /// The MIG instance; empty for a whole GPU.
    pub mig: Arc<str>,
}

/// A row of the catalogue, with the value of its own label, if it has one of a closed set.
pub type Which = (Id, Option<&'static str>);

/// The same with its value, in its base unit.
pub type Value = (Id, Option<&'static str>, f64);

/// What is told of a GPU at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuTold {
    /// Which one.
    pub gpu: Gpu,
    /// Its product name.
    pub name: Arc<str>,
    /// The driver's version.
    pub driver: Arc<str>,
    /// Gauges.
    pub gauges: Vec<Value>,
    /// Counters as they stand.
    pub counters: Vec<Value>,
    /// Memory in bytes that processes hold, by the name of their program; empty where the source
    /// does not tell, or may not.
    pub programs: Vec<(Arc<str>, f64)>,
    /// Its XID errors.
    pub xids: Xids,
}

/// How a source tells of XID errors.
#[derive(Clone, Debug, PartialEq)]
pub enum Xids {
    /// Not at all.
    Untold,
    /// The latest one, 0 if there was none.
    Latest(u32),
    /// How many of each there were of late.
    OfLate(Vec<(u32, f64)>),
    /// How many of each there were since somebody listens to this GPU.
    Counted(Vec<(u32, f64)>),
}

/// Where a look lies in the stretch of time that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At its begin.
    Begin,
    /// In between.
    Within,
    /// At its end.
    End,
}

/// What GPUs told when somebody looked.
#[derive(Clone, Debug, PartialEq)]
pub struct GpusSeen {
    /// When they were asked.
    pub at: Stamp,
    /// What each told.
    pub gpus: Vec<GpuTold>,
}
