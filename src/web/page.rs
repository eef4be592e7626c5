//! `GET /`: the page, and the fragment of it that changes.

use askama::Template;
use axum::{
    extract::{Query, State as Extract, rejection::QueryRejection},
    response::{Html, IntoResponse, Response},
};
use http::{StatusCode, Uri};

use super::{
    WebState, failures,
    filter::Filter,
    format::day_time,
    reply::text,
    sparkline,
    summary::State,
    view::{Live, Seen},
};
use crate::event::Kept;

/// Version shown in the header.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The query of the page. What is not understood is ignored: a bookmark must not break.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct PageQuery {
    /// Words to look for.
    q: String,
    /// State to show.
    state: String,
    /// `live` for the part that changes, without the frame.
    fragment: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    live: &'a Live,
    words: &'a str,
    state: &'a str,
    started: String,
}

#[derive(Template)]
#[template(path = "live.html")]
struct Fragment<'a> {
    live: &'a Live,
    words: &'a str,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound<'a> {
    path: &'a str,
    root: String,
}

pub(super) async fn page(
    Extract(state): Extract<WebState>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Response {
    let Query(query) = query.unwrap_or_default();
    let wanted = State::ALL.into_iter().find(|state| state.as_str() == query.state);
    let filter = Filter { words: query.q.trim().to_owned(), state: wanted };
    let now = state.recent.now_unix_nanos();
    let status = state.status.borrow().clone();
    let (probes, sweeps) = (state.recent.snapshot(), state.sweeps.snapshot());
    let failed = state.traces.of(Kept::Failed);
    let (windows, sources) = (state.beside.windows(&probes), state.beside.sources());
    let seen = Seen {
        probes: &probes,
        windows: &windows,
        sweeps: &sweeps,
        failed: &failed,
        sources: &sources,
    };
    let live = Live::of(&seen, &status, state.started_unix_nanos, now, &filter);
    let words = filter.words.as_str();
    match query.fragment.as_str() {
        "live" => html(StatusCode::OK, &Fragment { live: &live, words }),
        _ => {
            let state_name = wanted.map_or("", State::as_str);
            let started = day_time(state.started_unix_nanos);
            html(StatusCode::OK, &Page { live: &live, words, state: state_name, started })
        }
    }
}

pub(super) async fn not_found(Extract(state): Extract<WebState>, uri: Uri) -> Response {
    let root = state.options.route_prefix.route("/");
    html(StatusCode::NOT_FOUND, &NotFound { path: uri.path(), root })
}

fn html(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(body) => (status, Html(body)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page could not be rendered");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered")
        }
    }
}

/// Filters of the templates.
mod filters {
    /// A coordinate with one decimal: a tenth of a pixel is finer than any screen.
    #[askama::filter_fn]
    pub(super) fn fixed(value: &f64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(format!("{value:.1}"))
    }
}
