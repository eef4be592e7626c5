//! What is read beside the beats, and where all of it goes: the engine's own metrics, GPUs, OTLP.

use std::{collections::BTreeMap, time::Duration};

use super::{Authorization, HeaderValue, TlsFiles};

/// `engine_metrics`: where the engine's own metrics are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineMetrics {
    /// The expositions, one or one a process; at least one.
    pub urls: Vec<url::Url>,
    /// How often they are read.
    pub interval: Duration,
    /// Credentials for them; absent: the target's, where that is of the same origin.
    pub authorization: Option<Authorization>,
}

/// `gpu`: who tells of a target's GPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuSource {
    /// NVIDIA's DCGM exporter.
    Dcgm(Dcgm),
    /// The driver of this machine, with the indices and UUIDs of the target's GPUs; all of them if
    /// it names none.
    Nvml(Vec<String>),
}

impl GpuSource {
    /// Whether `name` can be that of a GPU of this machine: an index, or a UUID.
    pub fn is_local_name(name: &str) -> bool {
        let index = name.parse::<u32>().is_ok_and(|index| index.to_string() == name);
        index || name.starts_with("GPU-") || name.starts_with("MIG-")
    }
}

/// `telemetry.nvml`: how the driver of this machine's GPUs is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nvml {
    /// How often.
    pub interval: Duration,
    /// What is told of GPUs that no target has.
    pub unclaimed: Unclaimed,
}

impl Default for Nvml {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), unclaimed: Unclaimed::Untold }
    }
}

/// What is told of this machine's GPUs that no target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclaimed {
    /// The same as of the others, with an empty target.
    Told,
    /// Nothing.
    Untold,
}

/// `dcgm`: a DCGM exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dcgm {
    /// The expositions, one or one a node; at least one.
    pub urls: Vec<url::Url>,
    /// Labels that the series of the target's GPUs have, with the values that they may have.
    pub matching: BTreeMap<String, Vec<String>>,
    /// How often they are read.
    pub interval: Duration,
    /// Credentials for them.
    pub authorization: Option<Authorization>,
}

/// Export of metrics and traces over OTLP.
#[derive(Clone, Debug, PartialEq)]
pub struct Otlp {
    /// Where the collector is: `http` or `https`, without userinfo, query or fragment.
    pub endpoint: url::Url,
    /// How it is spoken to.
    pub protocol: OtlpProtocol,
    /// Time between two exports of the metrics.
    pub interval: Duration,
    /// Longest wait for the answer to one export.
    pub timeout: Duration,
    /// Extra headers.
    pub headers: Vec<(http::HeaderName, Vec<HeaderValue>)>,
    /// TLS material.
    pub tls: TlsFiles,
    /// How exports are compressed.
    pub compression: OtlpCompression,
    /// The user's attributes of the resource.
    pub resource: BTreeMap<String, String>,
    /// Names besides ours.
    pub semconv: OtlpSemconv,
    /// Traces; not exported if absent.
    pub traces: Option<OtlpTraces>,
}

/// How an OTLP collector is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtlpProtocol {
    /// gRPC, over HTTP/2.
    #[default]
    Grpc,
    /// Protobuf in the body of an HTTP request.
    Http,
}

/// How exports are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtlpCompression {
    /// Not at all.
    #[default]
    None,
    /// gzip, a tenth of the size.
    Gzip,
}

/// Conventions under whose names some metrics are exported once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtlpSemconv {
    /// None: our names alone.
    #[default]
    None,
    /// OpenTelemetry's for generative AI, which are experimental and still change.
    GenAi,
}

/// Which traces are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OtlpTraces {
    /// The share of beats that are kept though they neither failed nor missed an SLO, 0 to 1.
    pub sample: f64,
}
