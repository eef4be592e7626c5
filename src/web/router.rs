//! Which path is answered by what, behind which guard.

use std::time::Duration;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    response::Redirect,
    routing::{MethodRouter, get, post},
};
use http::StatusCode;

use super::{
    WebState, api, assets,
    guard::{self, Limits},
    lifecycle, metrics, page, probe,
    reply::{only, text},
    runs, sweeps, traces,
};

/// Requests answered at once, of reading and of commanding each.
const AT_ONCE: usize = 40;

/// Longest answer of what only reads.
const READ_DEADLINE: Duration = Duration::from_secs(10);

/// Longest answer of what commands the daemon. `/probe` has its own, shorter deadline; this one
/// bounds a reload and catches mistakes.
const COMMAND_DEADLINE: Duration = Duration::from_secs(600);

/// The router of everything that is served.
pub fn router(state: WebState) -> Router {
    let reading = from_fn_with_state(Limits::new(AT_ONCE, READ_DEADLINE), guard::limit);
    let commanding = from_fn_with_state(Limits::new(AT_ONCE, COMMAND_DEADLINE), guard::limit);
    let prefix = state.options.route_prefix.clone();
    let at = |path: &str, method: MethodRouter<WebState>| {
        Router::new().route(&prefix.route(path), method)
    };
    let reads = Router::new()
        .merge(at("/", get(page::page)))
        .merge(at("/metrics", get(metrics::metrics)))
        .merge(at("/api/v1/status", get(api::status)))
        .merge(at("/api/v1/targets", get(api::targets)))
        .merge(at("/api/v1/probes", get(api::probes)))
        .merge(at("/api/v1/sweeps", get(sweeps::list)))
        .merge(at("/api/v1/runs", get(runs::list)))
        .merge(at("/api/v1/runs/{id}", get(runs::one)))
        .merge(at("/api/v1/traces", get(traces::list)))
        .merge(at("/api/v1/traces/{id}", get(traces::one)))
        .merge(at("/static/{name}", get(assets::asset)))
        .layer(reading);
    // A HEAD would spend the tokens of a GET and show nothing for them.
    let on_demand = get(probe::probe).head(async || only("GET"));
    let reload =
        post(lifecycle::reload).put(lifecycle::reload).fallback(async || only("POST, PUT"));
    let changes = Router::new()
        .merge(at("/api/v1/sweeps/{name}/run", post(sweeps::run)))
        .merge(at("/api/v1/runs/{id}/cancel", post(runs::cancel)))
        .layer(from_fn(guard::json));
    let commands = Router::new()
        .merge(changes)
        .merge(at("/probe", on_demand))
        .merge(at("/-/reload", reload))
        .layer(commanding)
        .layer(from_fn(guard::same_site));
    // Outside every limit: a busy page must not make the daemon look dead.
    let health =
        at("/-/healthy", get(lifecycle::healthy)).merge(at("/-/ready", get(lifecycle::ready)));
    let mut router = reads.merge(commands).merge(health);
    if let Some(bare) = prefix.bare() {
        let home = prefix.route("/");
        let to_home = move || async move { Redirect::permanent(&home) };
        router = router.route("/", get(to_home.clone())).route(bare, get(to_home));
    }
    router
        .fallback(page::not_found)
        .method_not_allowed_fallback(async || {
            text(StatusCode::METHOD_NOT_ALLOWED, "this path does not answer to that method")
        })
        .layer(from_fn(guard::limit_body))
        .layer(from_fn(guard::headers))
        .with_state(state)
}
