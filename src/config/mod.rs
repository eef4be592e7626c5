//! Configuration: files become one checked, immutable [`Config`], or a list of problems.
//!
//! Owns reading, strictness, and the problems with their source spans. Knows nothing of what is
//! done with the result. No logic here: see `load`.

mod check;
mod data;
mod disk;
mod include;
mod load;
mod mask;
mod model;
mod problem;
mod schema;
mod scrub;
mod secret;
mod sections;
mod seen;
mod shipped;
mod source;
mod spec;
mod tree;
mod walk;
mod words;

pub(crate) use check::{is_ours, unmeetable};
pub use load::{load, load_str};
pub(crate) use mask::sounds_secret;
pub use model::{
    Authorization, Bound, Budget, ClientCert, Config, Connection, Dcgm, EngineMetrics, Global,
    GpuSource, Guard, HeaderValue, MaintenanceWindow, Missed, Models, Nvml, Otlp, OtlpCompression,
    OtlpProtocol, OtlpSemconv, OtlpTraces, Overlap, Probe, Requests, Retry, Scenario, StopWhen,
    Sweep, Target, TlsFiles, Unclaimed, Warmup,
};
pub use problem::{Problem, Problems};
pub use schema::schema;
pub(crate) use scrub::scrub;
pub use secret::{Secret, SecretError, SecretSource};
pub use seen::Seen;
pub use shipped::{shipped, shipped_scenario, shipped_slo};
pub use source::Position;
