//! `/api/v1/traces`: the traces that are kept, as JSON.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State as Extract, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;

use super::{WebState, format::clock_time, reply::text};
use crate::event::{Attribute, Kept, Span, Trace, TraceId};

/// Traces in one answer, unless asked for otherwise, and at most.
const LIMIT: usize = 100;
const MOST: usize = 1_000;

/// Which traces are wanted; an empty name matches all.
#[derive(Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TracesQuery {
    target: String,
    model: String,
    probe: String,
    kept: String,
    limit: usize,
}

impl Default for TracesQuery {
    fn default() -> Self {
        let any = String::new;
        Self { target: any(), model: any(), probe: any(), kept: any(), limit: LIMIT }
    }
}

#[derive(Serialize)]
struct TraceJson<'a> {
    trace_id: String,
    target: &'a str,
    model: &'a str,
    probe: &'a str,
    /// Why it is kept.
    kept: &'static str,
    due: String,
    spans: Vec<SpanJson<'a>>,
}

#[derive(Serialize)]
struct SpanJson<'a> {
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    name: &'static str,
    /// From the due time.
    start_seconds: f64,
    duration_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, AttributeJson<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum AttributeJson<'a> {
    Text(&'a str),
    Count(i64),
    Number(f64),
    Flag(bool),
}

/// The latest first.
pub(super) async fn list(
    Extract(state): Extract<WebState>,
    query: Result<Query<TracesQuery>, QueryRejection>,
) -> Response {
    let Query(query) = match query {
        Ok(query) => query,
        Err(rejection) => return text(StatusCode::BAD_REQUEST, rejection.body_text()),
    };
    let kinds: Vec<Kept> =
        Kept::ALL.into_iter().filter(|kind| is(&query.kept, kind.as_str())).collect();
    if kinds.is_empty() {
        return text(StatusCode::BAD_REQUEST, "kept is one of failed, missed, sampled");
    }
    let mut traces: Vec<Arc<Trace>> = kinds
        .into_iter()
        .flat_map(|kind| state.traces.of(kind).into_values().flatten())
        .filter(|trace| {
            is(&query.target, &trace.key.target)
                && is(&query.model, &trace.key.model)
                && is(&query.probe, &trace.key.probe)
        })
        .collect();
    traces.sort_by_key(|trace| std::cmp::Reverse(due(trace)));
    traces.truncate(query.limit.min(MOST));
    Json(traces.iter().map(|trace| TraceJson::of(trace)).collect::<Vec<_>>()).into_response()
}

/// One, by its id.
pub(super) async fn one(Extract(state): Extract<WebState>, Path(id): Path<String>) -> Response {
    let Some(id) = TraceId::parse(&id) else {
        return text(StatusCode::BAD_REQUEST, "a trace id has 32 hexadecimal digits");
    };
    match state.traces.get(id) {
        Some(trace) => Json(TraceJson::of(&trace)).into_response(),
        None => text(
            StatusCode::NOT_FOUND,
            "no such trace is remembered; only the last ones of each target are",
        ),
    }
}

fn is(wanted: &str, name: &str) -> bool {
    wanted.is_empty() || wanted == name
}

fn due(trace: &Trace) -> i64 {
    trace.spans.first().map_or(0, |root| root.start_unix_nanos)
}

impl<'a> TraceJson<'a> {
    fn of(trace: &'a Trace) -> Self {
        Self {
            trace_id: trace.id.to_string(),
            target: &trace.key.target,
            model: &trace.key.model,
            probe: &trace.key.probe,
            kept: trace.kept.as_str(),
            due: clock_time(due(trace)),
            spans: trace.spans.iter().map(|span| SpanJson::of(span, due(trace))).collect(),
        }
    }
}

impl<'a> SpanJson<'a> {
    fn of(span: &'a Span, due: i64) -> Self {
        let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1e9;
        Self {
            span_id: span.id.to_string(),
            parent_id: span.parent.map(|parent| parent.to_string()),
            name: span.name,
            start_seconds: seconds(due, span.start_unix_nanos),
            duration_seconds: seconds(span.start_unix_nanos, span.end_unix_nanos),
            error: span.error.as_deref(),
            attributes: span.attributes.iter().map(|(name, value)| (*name, value.into())).collect(),
        }
    }
}

impl<'a> From<&'a Attribute> for AttributeJson<'a> {
    fn from(attribute: &'a Attribute) -> Self {
        match attribute {
            Attribute::Text(text) => Self::Text(text),
            Attribute::Count(count) => Self::Count(*count),
            Attribute::Number(number) => Self::Number(*number),
            Attribute::Flag(flag) => Self::Flag(*flag),
        }
    }
}
