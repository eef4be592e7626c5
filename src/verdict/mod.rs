//! Numbers held against service-level objectives.
//!
//! Owns the SLO grammar's meaning, the judgement of one exchange, and the statistical verdict of
//! many. Pure: knows nothing of where numbers come from or go.

mod beta;
mod blocks;
mod certify;
mod clusters;
mod continuous;
mod looks;
mod misses;
mod pack;
mod slo;
mod spec;

pub use certify::{RISK, State, certify, minimum_n};
pub use clusters::Clustered;
pub use continuous::Continuous;
pub use looks::Looks;
pub use misses::Misses;
pub use pack::{Pack, PackScenario, Ran};
pub use slo::{Cause, Judge, Judgement, Metric, Slo, Threshold};
pub(crate) use spec::SloSpec;
