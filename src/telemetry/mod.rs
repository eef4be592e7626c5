//! Our own process: what it costs, what is held back from it, and what it complains of; and what
//! an engine tells of itself.
//!
//! Owns the reading of `/proc` and of the control group, at the moment it is asked for, and the
//! count of log messages. Knows nothing of who asks: what it hands out are readings of the metric
//! catalogue. What the system does not tell is absent.

mod cgroup;
mod engine;
mod log_counter;
mod process;

pub use cgroup::Cgroup;
pub use engine::requests_waiting;
pub use log_counter::LogCounter;
pub use process::readings as process_readings;
