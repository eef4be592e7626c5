//! `/api/v1/runs`: the runs of the past, and the end of one that is under way.

use std::{fmt, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    response::{Html, IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::Serialize;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    CancelRefused, Command, History, WebState,
    format::clock_time,
    lifecycle::{NotTaken, closed, send},
    reply::text,
};
use crate::{
    clock::unix_nanos,
    event::{Findings, Mark, RunRecord, RunResult, Trigger},
    report,
};

/// Runs in one answer, unless asked for otherwise, and at most.
const LIMIT: usize = 50;
const MOST: usize = 500;

/// What the page of a run may do: show itself, with the style that it brings along.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";

/// Which runs are wanted; an empty name matches all.
#[derive(Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
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
        let time = |seconds: f64| clock_time(unix_nanos(seconds));
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
    let lines = asked(&state, move |history| {
        let mut lines = Vec::new();
        history.list(&query.sweep, &query.target, limit, &mut |run| {
            lines.push(serde_json::value::to_raw_value(&RunLine::of(run)));
        });
        lines.into_iter().collect::<Result<Vec<_>, _>>()
    });
    match lines.await {
        Some(Ok(lines)) => Json(lines).into_response(),
        Some(Err(error)) => failed(error),
        None => failed("the runs cannot be read"),
    }
}

/// One run's record: JSON, with or without that ending, a page, or a table.
pub(super) async fn one(Extract(state): Extract<WebState>, Path(name): Path<String>) -> Response {
    let (id, form) = Form::of(&name);
    let id = id.to_owned();
    let answer = asked(&state, move |history| history.get(&id).map(|run| form.answer(&run)));
    match answer.await.flatten() {
        Some(answer) => answer,
        None => text(
            StatusCode::NOT_FOUND,
            "no run of that id has ended; see api/v1/runs, and api/v1/sweeps for what is under way",
        ),
    }
}

/// The form in which a run is told.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Page,
    Table,
}

impl Form {
    /// The id in the last segment of a path, and the form that its ending asks for.
    fn of(name: &str) -> (&str, Self) {
        let endings = [(".json", Self::Json), (".html", Self::Page), (".csv", Self::Table)];
        let asked = |(ending, form)| Some((name.strip_suffix(ending)?, form));
        endings.into_iter().find_map(asked).unwrap_or((name, Self::Json))
    }

    fn answer(self, run: &RunRecord) -> Response {
        match self {
            Self::Json => Json(run).into_response(),
            Self::Page => match report::html(&[run]) {
                Ok(page) => {
                    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(page)).into_response()
                }
                Err(error) => failed(error),
            },
            Self::Table => match report::csv(&[run]) {
                Ok(table) => {
                    // An id has no character that the name of a file must not have.
                    let file = format!("attachment; filename=\"{}.csv\"", run.id);
                    let kind = "text/csv; charset=utf-8; header=present".to_owned();
                    let headers =
                        [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, file)];
                    (headers, table).into_response()
                }
                Err(error) => failed(error),
            },
        }
    }
}

fn failed(error: impl fmt::Display) -> Response {
    tracing::error!(%error, "a run cannot be shown");
    text(StatusCode::INTERNAL_SERVER_ERROR, error)
}

/// What the history says, asked on a thread that may wait for a disk. The permit goes with the
/// asking, which cannot be interrupted: a client that gives up makes no room for another.
async fn asked<T: Send + 'static>(
    state: &WebState,
    ask: impl FnOnce(&dyn History) -> T + Send + 'static,
) -> Option<T> {
    let permit = Arc::clone(&state.readings).acquire_owned().await.ok()?;
    let history = Arc::clone(&state.history);
    let asking = spawn_blocking(move || {
        let _permit = permit;
        ask(&*history)
    });
    asking.await.ok()
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
        Ok(Err(refused @ CancelRefused::Unknown)) => {
            let result = asked(&state, move |history| Some(history.get(&id)?.result));
            match result.await.flatten() {
                Some(result) => {
                    let why = format_args!("the run has ended already: {}", result.as_str());
                    text(StatusCode::CONFLICT, why)
                }
                None => text(StatusCode::NOT_FOUND, refused),
            }
        }
        Err(_) => NotTaken::Stopping.answer(),
    }
}
