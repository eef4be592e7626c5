//! `telemetry.otlp`: what an OpenTelemetry collector is sent.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{HeaderSpec, TlsSpec, text};
use crate::{
    config::model::{OtlpCompression, OtlpProtocol, OtlpSemconv},
    units::{Period, Ratio},
};

/// Export over OTLP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct OtlpSpec {
    /// Where the collector is, such as http://collector:4317. Over http, `/v1/metrics` and
    /// `/v1/traces` are added to its path; over grpc it has no path.
    #[schemars(transform = text::url)]
    pub(in crate::config) endpoint: String,
    /// How it is spoken to. Default grpc.
    #[serde(default)]
    pub(in crate::config) protocol: OtlpProtocol,
    /// Time between two exports of the metrics.
    #[serde(default = "interval")]
    pub(in crate::config) interval: Period,
    /// Longest wait for the answer to one export.
    #[serde(default = "timeout")]
    pub(in crate::config) timeout: Period,
    /// Extra headers, by name; over grpc they are its metadata.
    #[serde(default)]
    #[schemars(transform = text::header_keys)]
    pub(in crate::config) headers: BTreeMap<String, HeaderSpec>,
    /// TLS settings.
    #[serde(default)]
    pub(in crate::config) tls_config: TlsSpec,
    /// How exports are compressed. Default none.
    #[serde(default)]
    pub(in crate::config) compression: OtlpCompression,
    /// Attributes of the resource, besides `service.*` and the external labels; they win over both.
    #[serde(default)]
    #[schemars(transform = text::attribute_keys)]
    pub(in crate::config) resource: BTreeMap<String, String>,
    /// Conventions under whose names some metrics are exported once more: gen_ai is experimental.
    /// Default none.
    #[serde(default)]
    pub(in crate::config) semconv: OtlpSemconv,
    /// Traces of beats; not exported if absent.
    pub(in crate::config) traces: Option<OtlpTracesSpec>,
}

/// Which traces are kept.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct OtlpTracesSpec {
    /// The share of beats that are kept though they neither failed nor missed an SLO.
    pub(in crate::config) sample: Ratio,
}

impl Default for OtlpTracesSpec {
    fn default() -> Self {
        Self { sample: Ratio(0.05) }
    }
}

fn interval() -> Period {
    Period(Duration::from_secs(15))
}

fn timeout() -> Period {
    Period(Duration::from_secs(10))
}
