//! Our own process: what it costs, what is held back from it, and what it complains of; and what
//! engines and GPUs tell of themselves.
//!
//! Owns the reading of `/proc` and of the control group, at the moment it is asked for, the count
//! of log messages, and the meaning of what others expose: its grammar, its names, its units, what
//! it adds up to. Opens no connection: whoever scrapes brings the text; only this machine's GPUs are
//! asked here. What it hands out are readings of the metric catalogue. What is not told is absent.
//!
//! - `cgroup`, `process`, `log_counter`: ourselves
//! - `exposition`: the text of others; `scale`, `rising`, `seen`: its units, its counters, its gauges
//!   over time
//! - `engine`, `gpu`: what it means; `board`: what stands of it now
//! - `nvml`: the GPUs of this machine
//! - `lately`: the last minutes of any of them; `beside`: how that stands beside a client's numbers
//! - `traffic`: an engine's real traffic beside our beats

mod beside;
mod board;
mod cgroup;
mod engine;
mod exposition;
mod gpu;
mod lately;
mod log_counter;
mod nvml;
mod process;
mod rising;
mod scale;
mod seen;
mod traffic;

pub use board::{Board, Sheet, Sight, Slot, SlotKey, Standing};
pub use cgroup::{Cgroup, CpuPressure, CpuTold, Waiting};
pub use engine::{
    EngineAccount, EngineCache, EngineFamily, EngineStretch, EngineStretched, Span, Told, Untold,
};
pub use exposition::{Malformed, Sample, samples};
pub use gpu::{
    DcgmMatching, Gpu, GpuAccount, GpuStretch, GpuStretched, GpuTold, GpusSeen, Moment,
    Value as GpuValue, Which as GpuWhich, Xids, read_dcgm,
};
pub use lately::{Between, Lately, Stretch, WINDOW};
pub use log_counter::LogCounter;
pub use nvml::{Heard, LocalGpu, Nvml, NvmlLooked, NvmlTold, NvmlVisit, NvmlWatch, Part, Share};
pub use process::{cpu_time as process_cpu_time, readings as process_readings};
pub use traffic::{Beats, ratios as traffic_ratios};
