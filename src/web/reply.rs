//! Plain-text answers.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// `text` with a line break at its end.
pub(super) fn text(status: StatusCode, text: impl std::fmt::Display) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n"))
        .into_response()
}

/// 405 for a path that answers to `allow` only.
pub(super) fn only(allow: &'static str) -> Response {
    let refused = text(StatusCode::METHOD_NOT_ALLOWED, format_args!("use {allow}"));
    ([(header::ALLOW, allow)], refused).into_response()
}
