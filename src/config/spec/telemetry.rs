//! `telemetry`, and `engine_metrics` and `gpu` of a target: what is told, and who tells.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{OtlpSpec, selection::NamesSpec, target::AuthorizationSpec, text};
use crate::{config::model::Nvml, units::Period};

/// What leaves the daemon besides its own pages, and what this machine tells.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct TelemetrySpec {
    /// Metrics and traces to an OpenTelemetry collector; off if absent.
    pub(in crate::config) otlp: Option<OtlpSpec>,
    /// The GPUs of this machine, as NVIDIA's driver tells of them, also those that no target has;
    /// absent: only if a target asks for them.
    pub(in crate::config) nvml: Option<NvmlSpec>,
}

/// How the driver of this machine's GPUs is asked.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct NvmlSpec {
    /// How often.
    pub(in crate::config) interval: Period,
}

impl Default for NvmlSpec {
    fn default() -> Self {
        Self { interval: Period(Nvml::default().interval) }
    }
}

/// Where the engine's own metrics are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct EngineMetricsSpec {
    /// A Prometheus exposition, such as http://vllm.example.com:8000/metrics; a list if each of
    /// several processes has its own.
    pub(in crate::config) url: AddressesSpec,
    /// How often it is read.
    #[serde(default = "interval")]
    pub(in crate::config) interval: Period,
    /// Credentials for it. Default: those of the target, if it is of the same origin.
    pub(in crate::config) authorization: Option<AuthorizationSpec>,
}

/// Who tells of the target's GPUs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum GpuSpec {
    /// NVIDIA's DCGM exporter.
    Dcgm(DcgmSpec),
    /// NVIDIA's driver, where the target runs on this machine.
    Nvml(LocalGpusSpec),
}

/// GPUs of this machine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct LocalGpusSpec {
    /// The target's: an index such as "0" or a UUID, of a GPU or of a MIG instance, or a list of
    /// them. Default: all of them.
    pub(in crate::config) gpus: Option<NamesSpec>,
}

/// A DCGM exporter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct DcgmSpec {
    /// Its exposition, such as http://dcgm.example.com:9400/metrics; a list if the target runs on
    /// several nodes.
    pub(in crate::config) url: AddressesSpec,
    /// Labels that the series of the target's GPUs have, such as `Hostname`, `UUID` or `pod`, each
    /// with a value or a list of them. Default: every GPU is the target's.
    #[serde(default, rename = "match")]
    #[schemars(transform = text::label_keys)]
    pub(in crate::config) matching: BTreeMap<String, NamesSpec>,
    /// How often it is read.
    #[serde(default = "interval")]
    pub(in crate::config) interval: Period,
    /// Credentials for it.
    pub(in crate::config) authorization: Option<AuthorizationSpec>,
}

/// One address, or several.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum AddressesSpec {
    /// One.
    One(AddressSpec),
    /// Several.
    Many(#[schemars(length(min = 1))] Vec<AddressSpec>),
}

/// An address.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::config) struct AddressSpec(
    #[schemars(transform = text::url)] pub(in crate::config) String,
);

impl AddressesSpec {
    /// The addresses, in the order in which they are written.
    pub(in crate::config) fn addresses(&self) -> &[AddressSpec] {
        match self {
            Self::One(address) => std::slice::from_ref(address),
            Self::Many(addresses) => addresses,
        }
    }
}

impl<'de> Deserialize<'de> for AddressesSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => Vec::deserialize(list).map(Self::Many),
            other => AddressSpec::deserialize(other).map(Self::One),
        }
        .map_err(de::Error::custom)
    }
}

fn interval() -> Period {
    Period(Duration::from_secs(15))
}
