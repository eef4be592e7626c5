//! When requests are due: closed loops, and open schedules of due times.
//!
//! Owns the load of a scenario and the seeded schedules, one file each; the configuration forms are
//! in `spec`. Pure: an open schedule is an iterator of offsets from the step's start, which never
//! move, whatever becomes of the requests. Knows nothing of how a request is made.
//!
//! - `load`: what is asked for; `schedule`: from there to demands
//! - `constant`, `poisson`, `gamma`: points of rate 1, of which every rate is a stretching
//! - `ramp`: points stretched by a rate that changes; `burst`; `trace`: what a file says
//! - `closed`: when users enter; `sum`: long sums that do not drift

mod burst;
mod closed;
mod constant;
mod gamma;
mod load;
mod poisson;
mod ramp;
mod schedule;
mod spec;
mod sum;
mod trace;

pub use load::{Arrival, Closed, Demand, Load, Open, Pattern, Quantity, Search, UserRamp};
pub(crate) use spec::LoadSpec;
pub use trace::{Trace, TraceError, TraceForm, parse_trace};
