//! `/api/v1/runs`: the runs of the past, and the end of one that is under way.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    CancelRefused, Command, WebState,
    format::clock_time,
    lifecycle::{NotTaken, closed, send},
    reply::text,
};
use crate::event::{Findings, Mark, RunRecord, RunResult, Trigger};

/// Runs in one answer, unless asked for otherwise, and at most.
const LIMIT: usize = 50;
const MOST: usize = 500;

/// Which runs are wanted; an empty name matches all.
#[derive(Debug, serde::Deserialize)]
#[serde(default)]
pub(super) struct RunsQuery {
    sweep: String,
    target: String,
    limit: usize,
}

impl Default for RunsQuery {
    fn default() -> Self {
        Self { sweep: String::new(), target: String::new(), limit: LIMIT }
    }
}

/// A run in a list.
#[derive(Serialize)]
pub(super) struct RunLine<'a> {
    id: &'a str,
    sweep: &'a str,
    target: &'a str,
    model: &'a str,
    scenario: &'a str,
    trigger: Trigger,
    result: RunResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    due_at: String,
    started_at: String,
    ended_at: String,
    steps: usize,
    marks: Vec<Mark>,
    findings: &'a Findings,
}

impl<'a> RunLine<'a> {
    pub(super) fn of(run: &'a RunRecord) -> Self {
        let time = |seconds: f64| clock_time((seconds * 1e9) as i64);
        let mut marks: Vec<_> =
            run.steps.iter().flat_map(|step| step.validity.marks.iter().copied()).collect();
        marks.sort_unstable();
        marks.dedup();
        Self {
            id: &run.id,
            sweep: &run.sweep,
            target: &run.target,
            model: &run.model,
            scenario: &run.scenario,
            trigger: run.trigger,
            result: run.result,
            reason: run.reason.as_deref(),
            due_at: time(run.due_at),
            started_at: time(run.started_at),
            ended_at: time(run.ended_at),
            steps: run.steps.len(),
            marks,
            findings: &run.findings,
        }
    }
}

pub(super) async fn list(
    Extract(state): Extract<WebState>,
    Query(query): Query<RunsQuery>,
) -> Response {
    let limit = query.limit.min(MOST);
    let runs = spawn_blocking(move || state.history.list(&query.sweep, &query.target, limit)).await;
    match runs {
        Ok(runs) => {
            Json(runs.iter().map(|run| RunLine::of(run)).collect::<Vec<_>>()).into_response()
        }
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the runs cannot be read"),
    }
}

/// One run's record, as JSON, with or without that ending.
pub(super) async fn one(Extract(state): Extract<WebState>, Path(name): Path<String>) -> Response {
    let id = name.strip_suffix(".json").unwrap_or(&name).to_owned();
    match known(&state, id).await {
        Some(run) => Json(&*run).into_response(),
        None => text(StatusCode::NOT_FOUND, "no such run; see api/v1/runs"),
    }
}

async fn known(state: &WebState, id: String) -> Option<Arc<RunRecord>> {
    let history = Arc::clone(&state.history);
    spawn_blocking(move || history.get(&id)).await.ok().flatten()
}

pub(super) async fn cancel(Extract(state): Extract<WebState>, Path(id): Path<String>) -> Response {
    if let Some(refused) = closed(&state, "cancelling runs over HTTP") {
        return refused;
    }
    let (reply, answer) = oneshot::channel();
    if let Err(refused) = send(&state, Command::CancelRun { id: id.clone(), reply }) {
        return refused.answer();
    }
    match answer.await {
        Ok(Ok(())) => text(StatusCode::ACCEPTED, "the run is drained"),
        Ok(Err(refused @ CancelRefused::Unknown)) => match known(&state, id).await {
            Some(run) => {
                let why = format_args!("the run has ended already: {}", run.result.as_str());
                text(StatusCode::CONFLICT, why)
            }
            None => text(StatusCode::NOT_FOUND, refused),
        },
        Err(_) => NotTaken::Stopping.answer(),
    }
}
