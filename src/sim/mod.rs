//! The simulated engine: real HTTP/1.1 over TCP (or TLS), scripted times, every fault.
//!
//! Serves `tokenbeat sim`, `tokenbeat demo`, the tests and the benches. It writes its own bytes on
//! the socket instead of going through an HTTP library, because a fault is a matter of bytes and
//! because a stamp must stand right before the write that carries an event. It answers like vLLM
//! (API, errors, `/metrics`), and what its metrics say is what it did.
//!
//! | file | owns |
//! |---|---|
//! | `spec`, `dist`, `degrade` | what the engine is like: times, lengths, policies, schedules |
//! | `flavour`, `tells` | what the engines answer differently, and how they tell what an answer took |
//! | `server`, `state`, `handle` | connections, what they share, the view of tests on it |
//! | `wire`, `http`, `tls` | bytes: stamped writes, requests, answers |
//! | `routes` | path × method → answer |
//! | `ask` | the JSON of a completion request |
//! | `completion`, `shape` | what is done with a completion request, and the plan of its answer |
//! | `job`, `pace`, `stream`, `text` | one completion under way: order, times, events, words |
//! | `engine`, `prefix` | slots, queue, batching slow-down, prefix cache |
//! | `fault`, `misbehave` | the table of faults, and how they look on the wire |
//! | `metrics`, `histogram`, `stamps` | what it did |
//! | `gpu` | the GPUs behind it, as a DCGM exporter tells of them |
//!
//! It knows nothing of the rest of the crate but [`crate::clock`].

mod ask;
mod completion;
mod degrade;
mod dist;
mod engine;
mod fault;
mod flavour;
mod gpu;
mod handle;
mod histogram;
mod http;
mod job;
mod metrics;
mod misbehave;
mod pace;
mod prefix;
mod routes;
mod server;
mod shape;
mod spec;
mod stamps;
mod state;
mod stream;
mod tells;
mod text;
mod tls;
mod wire;

pub use degrade::Degrade;
pub use dist::Dist;
pub use fault::{FaultOrder, UnknownFault, fault_names};
pub use flavour::Flavour;
pub use handle::{SeenRequest, SimHandle};
pub use server::{Sim, SpawnedSim};
pub use spec::{FaultRule, ReasoningField, RoleChunk, SimSpec, SpecError, TlsPem, UsagePolicy};
pub use stamps::StampRecord;
