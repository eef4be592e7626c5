//! `GET /metrics`: hands the request's preferences to whoever writes the exposition.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use tokio::{sync::AcquireError, task::JoinError};

use super::WebState;
use crate::sinks::prometheus::{Coding, Exposition, ExpositionError};

/// Answers a scrape by the values of its `Accept` and `Accept-Encoding`.
pub type MetricsSource =
    Arc<dyn Fn(Option<&str>, Option<&str>) -> Result<Exposition, ExpositionError> + Send + Sync>;

pub(super) async fn metrics(State(state): State<WebState>, headers: HeaderMap) -> Response {
    let accept = joined(&headers, &header::ACCEPT);
    let accept_encoding = joined(&headers, &header::ACCEPT_ENCODING);
    let exposition = match render(&state, accept, accept_encoding).await {
        Ok(exposition) => exposition,
        Err(error) => {
            tracing::error!(%error, "a scrape cannot be answered; this is a bug");
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    let vary = (header::VARY, "Accept, Accept-Encoding".to_owned());
    let content_type = (header::CONTENT_TYPE, exposition.content_type);
    match exposition.coding {
        Coding::Identity => ([content_type, vary], exposition.body).into_response(),
        Coding::Gzip => {
            let encoding = (header::CONTENT_ENCODING, "gzip".to_owned());
            ([content_type, vary, encoding], exposition.body).into_response()
        }
    }
}

/// Renders off the worker that serves, which must go on answering about health: an exposition of
/// many targets is a good part of a second of computing. The permit goes with the rendering, which
/// cannot be interrupted: a scraper that gives up makes no room for another before it has ended.
async fn render(
    state: &WebState,
    accept: Option<String>,
    accept_encoding: Option<String>,
) -> Result<Exposition, RenderError> {
    let permit = Arc::clone(&state.renders).acquire_owned().await?;
    let source = Arc::clone(&state.metrics);
    let rendering = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        source(accept.as_deref(), accept_encoding.as_deref())
    });
    Ok(rendering.await??)
}

/// Why there is no exposition.
#[derive(Debug, thiserror::Error)]
enum RenderError {
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
    #[error("the rendering did not end: {0}")]
    Rendering(#[from] JoinError),
    #[error("nothing is rendered any more: {0}")]
    Closed(#[from] AcquireError),
}

/// The value of a list header that may come in several lines.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
