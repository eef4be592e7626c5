//! What the parts of a configuration say of each other: references, names, sanity.
//!
//! Turns the sections, as they are written, into the checked [`Config`](super::Config). One file a
//! section; every problem is reported, none ends the check.

mod assemble;
mod global;
mod headers;
mod known;
mod maintenance;
mod otlp;
mod probe;
mod reference;
mod scenario;
mod slo;
mod sweep;
mod target;
mod telemetry;
mod tls;
mod url;
mod workload;

pub(super) use assemble::check;
pub(crate) use headers::is_ours;
pub(super) use known::Coverage;
pub(crate) use reference::unmeetable;

use known::Known;
