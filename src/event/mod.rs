//! The values that cross from measuring to the sinks.
//!
//! Owns what is told of a beat and of a run, and who listens. Pure: knows nothing of the listeners.

mod beat;
mod run;
mod sink;
mod spans;
mod trace;
mod workload;

pub use beat::{Beat, BeatKey, Skipped};
pub use run::{
    Achieved, Calibration, Engine, Environment, Findings, Latency, LoadRecord, Mark, Rates,
    Retried, RunKey, RunRecord, RunResult, SCHEMA_VERSION, Standing, StepRecord, SweepSkipped,
    Tokens, Trigger, Validity, Warning, Window,
};
pub use sink::{Progress, RunSink, RunStarted, Sink};
pub use spans::of as spans_of;
pub use trace::{
    Attribute, Kept, Span, SpanId, Trace, TraceContext, TraceId, TraceShare, TraceSink,
};
pub use workload::{LengthRecord, PartRecord, WorkloadRecord};
