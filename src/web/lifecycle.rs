//! `/-/healthy`, `/-/ready` and `/-/reload`.

use axum::{extract::State, response::Response};
use http::StatusCode;
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use super::{Command, Gate, Readiness, WebState, reply::text};

pub(super) async fn healthy() -> Response {
    text(StatusCode::OK, "tokenbeat is healthy")
}

/// Tied to the daemon alone: a dead target must not take its prober out of service.
pub(super) async fn ready(State(state): State<WebState>) -> Response {
    let readiness = state.status.borrow().readiness;
    let status = match readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Starting | Readiness::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    text(status, format_args!("tokenbeat is {}", readiness.as_str()))
}

pub(super) async fn reload(State(state): State<WebState>) -> Response {
    if let Some(refused) = closed(&state, "reloading over HTTP") {
        return refused;
    }
    let (reply, answer) = oneshot::channel();
    if let Err(refused) = send(&state, Command::Reload { reply }) {
        return refused.answer();
    }
    match answer.await {
        Ok(Ok(())) => text(StatusCode::OK, "configuration reloaded"),
        Ok(Err(reason)) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format_args!("the old configuration stays: {reason}"),
        ),
        Err(_) => NotTaken::Stopping.answer(),
    }
}

/// The answer where the daemon may not be changed over HTTP.
pub(super) fn closed(state: &WebState, what: &str) -> Option<Response> {
    (state.options.lifecycle == Gate::Closed).then(|| {
        let why = format_args!("{what} is off; start with --web.enable-lifecycle");
        text(StatusCode::FORBIDDEN, why)
    })
}

/// Why a command was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("too many commands are waiting, try again")]
    Busy,
    #[error("tokenbeat is stopping")]
    Stopping,
}

impl NotTaken {
    pub(super) fn answer(&self) -> Response {
        text(StatusCode::SERVICE_UNAVAILABLE, self)
    }
}

/// Hands `command` to the daemon without waiting: a queue that is full will not be empty before
/// the client loses patience.
pub(super) fn send(state: &WebState, command: Command) -> Result<(), NotTaken> {
    state.commands.try_send(command).map_err(|refused| match refused {
        TrySendError::Full(_) => NotTaken::Busy,
        TrySendError::Closed(_) => NotTaken::Stopping,
    })
}
