//! The kinds of workloads.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{dataset::DatasetSpec, fixed::FixedSpec, http::HttpSpec, synthetic::SyntheticSpec};

/// What is asked; one key names the kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkloadSpec {
    /// Prompts made up from words, of drawn lengths.
    Synthetic(SyntheticSpec),
    /// One prompt, always the same.
    Fixed(FixedSpec),
    /// Recorded prompts from a file of JSON lines.
    Dataset(DatasetSpec),
    /// A plain HTTP request, always the same, whose answer is read and not understood.
    Http(HttpSpec),
    /// Several workloads, drawn by weight.
    Mix(#[schemars(length(min = 1))] Vec<ShareSpec>),
}

/// One workload of a mix.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareSpec {
    /// Its weight: it is drawn in weight ÷ sum of the weights of all requests.
    pub weight: NonZeroU32,
    /// Its name.
    pub workload: String,
}
