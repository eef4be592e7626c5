//! Export over OTLP: the metrics of the registry and the traces of beats, to a collector.
//!
//! Owns the map from our values to OpenTelemetry's, and their way out: packing, the two protocols,
//! retries, a bounded queue. Runs where pages are served, never where beats are measured. There is
//! no second registry: the metrics are those of [`super::prometheus`] at the moment of the export.
//!
//! - `front`: the door, [`Otlp`]; `counts`: what it counts of itself
//! - `metrics`, `starts`, `traces`, `resource`: from our values to messages; `message`: their form
//! - `gen_ai`: some metrics once more, in the words of conventions that still move
//! - `pack`: from a message to the bytes of a request
//! - `channel`, `grpc`, `http`: one request and what its answer means
//! - `export`, `complaint`: retries, and who is told of what failed
//! - `queue`, `worker`: the traces that wait, and the two tasks

mod channel;
mod complaint;
mod counts;
mod export;
mod front;
mod gen_ai;
mod grpc;
mod http;
mod message;
mod metrics;
mod pack;
mod queue;
mod resource;
mod starts;
mod traces;
mod worker;

pub use front::Otlp;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// The metrics of the registry.
    Metrics,
    /// The traces of beats.
    Traces,
}
