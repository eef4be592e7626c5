//! The values that cross from measuring to the sinks.
//!
//! Owns what is told of a beat and of a run, and who listens. Pure: knows nothing of the listeners.

mod beat;
mod beside;
mod regression;
mod run;
mod sink;
mod skipped;
mod spans;
mod step;
mod trace;
mod validity;
mod window;
mod workload;

pub use beat::{Beat, BeatKey, Skipped};
pub use beside::{Cause, CauseRecord, EngineSource, StepEngine, StepGpu};
pub use regression::{Compared, Regression};
pub use run::{
    Calibration, Engine, EngineFacts, Environment, Findings, RunKey, RunRecord, RunResult,
    SCHEMA_VERSION, Trigger,
};
pub use sink::{Progress, RunSink, RunStarted, Sink};
pub use skipped::SweepSkipped;
pub use spans::of as spans_of;
pub use step::{
    Achieved, Latency, LoadRecord, Rates, Retried, Standing, StepRecord, Tokens, Warning, Window,
    dollars_per_million_tokens,
};
pub use trace::{
    Attribute, Kept, Span, SpanId, Trace, TraceContext, TraceId, TraceShare, TraceSink,
};
pub use validity::{Mark, PressureOf, Validity};
pub use window::{Degraded, ProbeWindow, TelemetrySource};
pub use workload::{LengthRecord, PartRecord, SizingRecord, WorkloadRecord};
