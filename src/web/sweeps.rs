//! `/api/v1/sweeps`: where every sweep stands, and the wish to run one now.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, Query, State as Extract, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    Command, SweepAsked, WebState,
    format::clock_time,
    lifecycle::{NotTaken, closed, send},
    reply::text,
    runs::RunLine,
};
use crate::sinks::sweeps::{Doing, SweepSnapshot};

/// A sweep of one subject.
#[derive(Serialize)]
struct SweepJson<'a> {
    sweep: &'a str,
    target: &'a str,
    model: &'a str,
    scenario: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<RunningJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<RunLine<'a>>,
    skipped: BTreeMap<&'static str, SkippedJson<'a>>,
}

#[derive(Serialize)]
struct RunningJson<'a> {
    id: &'a str,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressJson<'a>>,
}

#[derive(Serialize)]
struct ProgressJson<'a> {
    ratio: f64,
    step: u32,
    steps: u32,
    doing: &'a str,
    ended: u64,
    failed: u64,
    in_flight: u64,
}

#[derive(Serialize)]
struct SkippedJson<'a> {
    times: u64,
    last_due: String,
    reason: &'a str,
}

pub(super) async fn list(Extract(state): Extract<WebState>) -> Response {
    let sweeps = state.sweeps.snapshot();
    Json(sweeps.iter().map(SweepJson::of).collect::<Vec<_>>()).into_response()
}

impl<'a> SweepJson<'a> {
    fn of(sweep: &'a SweepSnapshot) -> Self {
        let (key, view) = (&sweep.key, &sweep.view);
        let (state, running) = match &sweep.doing {
            Doing::Idle => ("idle", None),
            Doing::Waiting => ("waiting", None),
            Doing::Running { id, since_unix_nanos, progress } => {
                let progress = progress.as_ref().map(|progress| ProgressJson {
                    ratio: progress.ratio,
                    step: progress.step,
                    steps: progress.steps,
                    doing: &progress.doing,
                    ended: progress.ended,
                    failed: progress.failed,
                    in_flight: progress.in_flight,
                });
                let started_at = clock_time(*since_unix_nanos);
                ("running", Some(RunningJson { id, started_at, progress }))
            }
        };
        let skipped = sweep.skipped.iter().map(|(why, skipped)| {
            let last_due = clock_time(skipped.last_unix_nanos);
            (*why, SkippedJson { times: skipped.times, last_due, reason: &skipped.words })
        });
        Self {
            sweep: &key.sweep,
            target: &key.target,
            model: &key.model,
            scenario: &view.scenario,
            cron: view.cron.as_deref(),
            timezone: view.zone.as_deref(),
            state,
            next_run: sweep.next_unix_nanos.map(clock_time),
            running,
            last_run: sweep.last.as_deref().map(RunLine::of),
            skipped: skipped.collect(),
        }
    }
}

/// Which runs of a sweep are wanted; all of those not named. A name that is misspelt must not
/// start them all.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RunWish {
    target: String,
    model: String,
}

#[derive(Serialize)]
struct AskedJson {
    runs: Vec<AskedRun>,
    refused: Vec<RefusedRun>,
}

#[derive(Serialize)]
struct AskedRun {
    id: String,
    target: String,
    model: String,
}

#[derive(Serialize)]
struct RefusedRun {
    target: String,
    model: String,
    reason: String,
}

/// 202 with what runs, 409 if nothing does, and in both why something does not.
pub(super) async fn run(
    Extract(state): Extract<WebState>,
    Path(sweep): Path<String>,
    query: Result<Query<RunWish>, QueryRejection>,
) -> Response {
    if let Some(refused) = closed(&state, "running sweeps over HTTP") {
        return refused;
    }
    let Query(wish) = match query {
        Ok(query) => query,
        Err(rejection) => return text(StatusCode::BAD_REQUEST, rejection.body_text()),
    };
    let named = |name: String| (!name.is_empty()).then_some(name);
    let (reply, answer) = oneshot::channel();
    let (target, model) = (named(wish.target), named(wish.model));
    if let Err(refused) = send(&state, Command::RunSweep { sweep, target, model, reply }) {
        return refused.answer();
    }
    match answer.await {
        Ok(Some(asked)) => {
            let status = match asked.runs.is_empty() {
                true => StatusCode::CONFLICT,
                false => StatusCode::ACCEPTED,
            };
            (status, Json(AskedJson::of(&asked))).into_response()
        }
        Ok(None) => text(StatusCode::NOT_FOUND, "no such sweep; see api/v1/sweeps"),
        Err(_) => NotTaken::Stopping.answer(),
    }
}

impl AskedJson {
    fn of(asked: &SweepAsked) -> Self {
        let runs = asked.runs.iter().map(|(id, key)| AskedRun {
            id: id.to_string(),
            target: key.target.to_string(),
            model: key.model.to_string(),
        });
        let refused = asked.refused.iter().map(|(key, reason)| RefusedRun {
            target: key.target.to_string(),
            model: key.model.to_string(),
            reason: reason.clone(),
        });
        Self { runs: runs.collect(), refused: refused.collect() }
    }
}
