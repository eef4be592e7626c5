//! The GPUs of this machine, as NVIDIA's driver tells of them.
//!
//! Owns the driver's library, which is loaded when it is asked for and not before, and the one
//! thread that calls it: a call that never comes back holds up that thread and nothing else. What
//! comes of it are the same `GpuTold`s that any other source makes. Must not know of targets: a
//! share says which of the GPUs somebody wants to hear of.
//!
//! - `handle`: what others hold of it: a watch, or a visit; `thread`: when the driver is asked;
//!   `session`: one life of the library; `memory`: what outlives it
//! - `device`: the values of one GPU; `window`: averages between two samples; `throttle`: time that
//!   its clocks were held down, where the driver keeps no count; `xid`: its errors, as they come;
//!   `program`: whose memory it holds
//! - `share`: whose GPUs are whose

mod device;
mod handle;
mod local;
mod memory;
mod program;
mod session;
mod share;
mod thread;
mod throttle;
mod window;
mod xid;

pub use handle::{Nvml, Visit as NvmlVisit, Watch as NvmlWatch};
pub use local::{LocalGpu, Part};
pub use share::{Heard, Share};
pub use thread::{Looked as NvmlLooked, Told as NvmlTold};
