//! The forms in which rules and SLOs are read: by Prometheus, its operator, Sloth, Pyrra, OpenSLO.

mod document;
mod open_slo;
mod prometheus;
mod pyrra;
mod sloth;
mod subjects;

pub use document::{Namespace, Options, Unwritable};
pub use open_slo::open_slo;
pub use prometheus::{prometheus, prometheus_operator};
pub use pyrra::pyrra;
pub use sloth::sloth;
