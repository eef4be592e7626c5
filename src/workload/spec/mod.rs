//! The configuration forms of the workloads, one file a kind, and their checks.
//!
//! A form's doc comments are the words of the JSON Schema, and what a user reads.

mod dataset;
mod expect;
mod fault;
mod fixed;
mod http;
mod kind;
mod length;
mod synthetic;
mod think;

pub(crate) use fault::WorkloadFault;
pub(crate) use kind::{ShareSpec, WorkloadSpec};
