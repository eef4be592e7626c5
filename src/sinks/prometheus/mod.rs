//! The Prometheus exposition: counters, gauges and histograms of beats and runs, and their text.
//!
//! Owns the instruments, applied synchronously (a counter that can drop is no counter), and the
//! three formats in which they leave. Its families follow from [`crate::measure::catalogue`]. The
//! only user of the Prometheus client library. Knows nothing of HTTP but two header values.
//!
//! - `sink`, `sweeps`: the front door, [`Prometheus`]
//! - `probe`, `slo`, `target`, `own`: the instruments of one probe, one SLO, one target, ourselves
//! - `sweep`, `results`: the instruments of one sweep, and of one run of it
//! - `group`: instruments that share labels; `buckets`: boundaries;
//!   `exemplars`: the traces behind them
//! - `scrape`, `render`, `negotiate`, `text`, `number`: from the instruments to bytes

mod buckets;
mod exemplars;
mod group;
mod negotiate;
mod number;
mod own;
mod probe;
mod render;
mod results;
mod scrape;
mod sink;
mod slo;
mod sweep;
mod sweeps;
mod target;
mod text;

pub(in crate::sinks) use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model as model;

pub use negotiate::{Coding, Format};
pub use own::BuildInfo;
pub use probe::ProbeSeries;
pub use render::{Exposition, ExpositionError};
pub use sink::Prometheus;
pub use sweep::SweepSeries;
