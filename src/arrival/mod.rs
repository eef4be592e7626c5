//! When requests are due: closed loops, and open schedules of due times.
//!
//! Owns the load of a scenario and the seeded schedules, one file each; the configuration forms are
//! in `spec`. Pure: an open schedule is an iterator of offsets from the step's start, which never
//! move, whatever becomes of the requests. Knows nothing of how a request is made.

mod load;
mod spec;

pub use load::{Arrival, Closed, Demand, Load, Open, Pattern, Quantity, Search, UserRamp};
pub(crate) use spec::LoadSpec;
