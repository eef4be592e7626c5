//! `targets`: the endpoints.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::{
    telemetry::{EngineMetricsSpec, GpuSpec},
    text,
};
use crate::{protocol::Api, units::Period};

/// One endpoint with its credentials and labels.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TargetSpec {
    /// Its name, the `target` label of its series.
    #[schemars(transform = text::name)]
    pub(in crate::config) name: String,
    /// Base URL: http or https, without userinfo, query and fragment, and without the API's path.
    #[schemars(transform = text::url)]
    pub(in crate::config) url: String,
    /// What it speaks. Default openai_chat.
    #[serde(default = "api")]
    pub(in crate::config) api: Api,
    /// The models to ask for, or `all` that its `/v1/models` lists.
    pub(in crate::config) models: ModelsSpec,
    /// With `models: all`, the most that are taken.
    #[serde(default = "models_limit")]
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::config) models_limit: u32,
    /// Credentials, read each time they are used.
    pub(in crate::config) authorization: Option<AuthorizationSpec>,
    /// Extra headers, by name.
    #[serde(default)]
    #[schemars(transform = text::header_keys)]
    pub(in crate::config) http_headers: BTreeMap<String, HeaderSpec>,
    /// TLS settings.
    #[serde(default)]
    pub(in crate::config) tls_config: TlsSpec,
    /// HTTP proxy.
    #[schemars(transform = text::url)]
    pub(in crate::config) proxy_url: Option<String>,
    /// Retries of failed attempts; off if absent. Every retry is counted, latencies include them.
    pub(in crate::config) retry: Option<RetrySpec>,
    /// Labels, for `tokenbeat_target_info` and for selecting targets.
    #[serde(default)]
    #[schemars(transform = text::label_keys)]
    pub(in crate::config) labels: BTreeMap<String, String>,
    /// What it costs, in dollars an hour.
    #[schemars(range(min = 0))]
    pub(in crate::config) cost_per_hour: Option<f64>,
    /// What may be spent on it in an hour; unlimited if absent.
    #[serde(default)]
    pub(in crate::config) budget: BudgetSpec,
    /// No two sweeps run at once at targets of one group. Default: the target is alone in its own.
    #[schemars(transform = text::name)]
    pub(in crate::config) exclusive_group: Option<String>,
    /// The engine's own metrics.
    pub(in crate::config) engine_metrics: Option<EngineMetricsSpec>,
    /// Who tells of its GPUs.
    pub(in crate::config) gpu: Option<GpuSpec>,
    /// The model's tokenizer, for exact lengths of prompts.
    pub(in crate::config) tokenizer: Option<TokenizerSpec>,
}

/// A local tokenizer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TokenizerSpec {
    /// The model's `tokenizer.json`.
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) file: PathBuf,
}

/// A list of models, or `all`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum ModelsSpec {
    /// Those that the endpoint lists.
    All(All),
    /// These.
    List(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

/// The word `all`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum All {
    /// Everything.
    All,
}

/// Where credentials come from: a file or an environment variable, never the configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct AuthorizationSpec {
    /// The scheme.
    #[serde(default = "bearer", rename = "type")]
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) scheme: String,
    /// A file that holds them.
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) credentials_file: Option<PathBuf>,
    /// An environment variable that holds them.
    #[schemars(transform = text::env_var)]
    pub(in crate::config) credentials_env: Option<String>,
}

/// Values of a header; one key says where they come from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum HeaderSpec {
    /// Written here; refused for headers that sound like secrets.
    Values(#[schemars(length(min = 1))] Vec<String>),
    /// An environment variable that holds the value.
    SecretsEnv(#[schemars(transform = text::env_var)] String),
    /// Files that hold a value each.
    Files(#[schemars(length(min = 1))] Vec<PathBuf>),
}

/// TLS settings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct TlsSpec {
    /// PEM file of the authorities to trust in place of the system's.
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) ca_file: Option<PathBuf>,
    /// PEM file of our certificate chain; needs `key_file`.
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) cert_file: Option<PathBuf>,
    /// PEM file of our private key; needs `cert_file`.
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) key_file: Option<PathBuf>,
    /// Name to verify in place of the URL's host.
    #[schemars(transform = text::not_empty)]
    pub(in crate::config) server_name: Option<String>,
    /// Accept any certificate.
    pub(in crate::config) insecure_skip_verify: bool,
}

/// How a failed attempt is tried again.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RetrySpec {
    /// Attempts in all, the first included.
    #[schemars(range(min = 2, max = 100))]
    pub(in crate::config) attempts: u32,
    /// Pause before the second attempt.
    #[serde(default = "retry_delay")]
    pub(in crate::config) delay: Period,
    /// How the pause grows.
    #[serde(default)]
    pub(in crate::config) backoff: BackoffSpec,
}

/// How the pause between attempts grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum BackoffSpec {
    /// Each is twice the last.
    #[default]
    Exponential,
    /// All are the same.
    Constant,
}

/// What may be spent on a target in an hour.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct BudgetSpec {
    /// Requests.
    #[schemars(range(min = 1))]
    pub(in crate::config) requests_per_hour: Option<u64>,
    /// Output tokens.
    #[schemars(range(min = 1))]
    pub(in crate::config) output_tokens_per_hour: Option<u64>,
}

fn api() -> Api {
    Api::OpenaiChat
}

fn models_limit() -> u32 {
    20
}

fn bearer() -> String {
    "Bearer".to_owned()
}

fn retry_delay() -> Period {
    Period(Duration::from_secs(1))
}

impl<'de> Deserialize<'de> for ModelsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => Vec::deserialize(list).map(Self::List),
            other => All::deserialize(other).map(Self::All),
        }
        .map_err(de::Error::custom)
    }
}
