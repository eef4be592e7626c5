//! The configuration as it is written: the one description of its keys.
//!
//! From these types come the JSON Schema, the strict walk over the tree (which reads that schema)
//! and the typed values. Owns keys, types and defaults of `global`, `targets`, `probes`,
//! `scenarios`, `sweeps` and `telemetry`; workloads, loads and SLOs own theirs. What one value says of
//! another is checked in `check`.

mod file;
mod otlp;
mod probe;
mod scenario;
mod selection;
mod sweep;
mod target;
mod telemetry;
mod text;

pub(super) use file::{FileSpec, GlobalSpec};
pub(super) use otlp::OtlpSpec;
pub(super) use probe::ProbeSpec;
pub(super) use scenario::{RequestsSpec, ScenarioSpec};
pub(super) use selection::{NamesSpec, SelectionSpec};
pub(super) use sweep::SweepSpec;
pub(super) use target::{
    AuthorizationSpec, BackoffSpec, HeaderSpec, ModelsSpec, TargetSpec, TlsSpec,
};
pub(super) use telemetry::{
    AddressesSpec, DcgmSpec, EngineMetricsSpec, GpuSpec, LocalGpusSpec, TelemetrySpec,
};
pub(super) use text::percentiles;
