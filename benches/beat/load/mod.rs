//! Sections on load: the engine that carries out runs, against the simulator.

mod arrivals;
mod clean;
mod memory;
pub(crate) mod runner;
mod search;
mod streams;

pub(crate) use arrivals::section as arrivals;
pub(crate) use clean::section as clean;
pub(crate) use memory::section as memory;
pub(crate) use search::section as search;
pub(crate) use streams::section as streams;
