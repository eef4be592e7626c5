//! The request fields that the OpenAI APIs share.
//!
//! Owns which optional fields a plan asks for, and their values.

use serde::Serialize;

use super::{Field, FieldSet};
use crate::workload::RequestPlan;

/// The tail of a request body. Sampling is always said explicitly, because servers' defaults
/// differ (temperature 0, 0.8 or 1), and with them the lengths and the work.
#[derive(Serialize)]
pub(super) struct Sampling {
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_eos: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_tokens: Option<u32>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl Sampling {
    /// The fields for `plan`, without the refused ones.
    pub(super) fn new(plan: &RequestPlan, refused: FieldSet) -> Self {
        let sent = fields(plan, refused);
        let sends = |field| sent.contains(field);
        Self {
            stream: true,
            stream_options: sends(Field::StreamOptions)
                .then_some(StreamOptions { include_usage: true }),
            temperature: sends(Field::Temperature).then_some(plan.temperature),
            top_p: sends(Field::TopP).then_some(1),
            ignore_eos: sends(Field::IgnoreEos).then_some(true),
            min_tokens: sends(Field::MinTokens).then_some(plan.max_tokens),
        }
    }
}

/// The optional fields that [`Sampling`] holds for `plan`.
pub(super) fn fields(plan: &RequestPlan, refused: FieldSet) -> FieldSet {
    [
        (Field::StreamOptions, true),
        (Field::Temperature, true),
        (Field::TopP, true),
        (Field::IgnoreEos, plan.exact_length),
        (Field::MinTokens, plan.exact_length),
    ]
    .into_iter()
    .filter(|(field, wanted)| *wanted && !refused.contains(*field))
    .fold(FieldSet::EMPTY, |set, (field, _)| set.with(field))
}

/// `body` as JSON bytes.
pub(super) fn to_json(body: &impl Serialize) -> Vec<u8> {
    // Only maps with keys that are no strings fail to become JSON, and request bodies have none.
    serde_json::to_vec(body).unwrap_or_default()
}
