//! `GET /probe`: one beat now, for a scraper or for a person.

use std::time::Duration;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use tokio::{sync::oneshot, time::timeout};

use super::{
    Command, Gate, ProbeRefused, ProbeReply, WebState, gauges,
    lifecycle::{NotTaken, send},
    reply::text,
    subject::{self, Names, SelectError},
    trace,
};

/// What Prometheus says about its own patience, in seconds.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// How much earlier than the scraper we give up, so that it gets an answer and not a gap.
const HEAD_START: Duration = Duration::from_millis(500);

/// How much longer than the beat's own deadline we wait for the daemon to hand it over.
const HANDOVER: Duration = Duration::from_millis(250);

/// The query. A misspelt name would probe, and pay for, something else: it is refused.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProbeQuery {
    target: String,
    model: String,
    probe: String,
    debug: Debug,
}

/// Whether the trace is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Debug {
    #[default]
    False,
    True,
}

pub(super) async fn probe(
    State(state): State<WebState>,
    query: Result<Query<ProbeQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    if state.options.probe == Gate::Closed {
        return text(
            StatusCode::FORBIDDEN,
            "probing on demand spends tokens and is off; start with --web.enable-probe",
        );
    }
    let Query(query) = match query {
        Ok(query) => query,
        Err(rejection) => return text(StatusCode::BAD_REQUEST, rejection.body_text()),
    };
    let Ok(patience) = patience(&headers) else {
        return text(StatusCode::BAD_REQUEST, format_args!("{SCRAPE_TIMEOUT} is no duration"));
    };
    let (key, view) = match subject::select(state.recent.probes(), &query.names()) {
        Ok(known) => known,
        Err(error) => return text(status_of(&error), error),
    };
    let Some(slot) = state.in_flight.take(&key) else {
        return text(
            StatusCode::TOO_MANY_REQUESTS,
            "a probe of this target and model is in flight already",
        );
    };
    let deadline = patience.map_or(view.timeout, |patience| patience.min(view.timeout));
    let (answer_to, answer) = oneshot::channel();
    let reply = ProbeReply::new(answer_to, slot);
    if let Err(refused) = send(&state, Command::Probe { key, timeout: deadline, reply }) {
        return refused.answer();
    }
    let beat = match timeout(deadline.saturating_add(HANDOVER), answer).await {
        Ok(Ok(Ok(beat))) => beat,
        Ok(Ok(Err(refused))) => return text(status_of_refusal(&refused), refused),
        Ok(Err(_)) => return NotTaken::Stopping.answer(),
        Err(_) => {
            return text(StatusCode::GATEWAY_TIMEOUT, "the probe did not end within its deadline");
        }
    };
    match query.debug {
        Debug::False => {
            let content_type = "text/plain; version=0.0.4; charset=utf-8";
            ([(header::CONTENT_TYPE, content_type)], gauges::of(&beat)).into_response()
        }
        Debug::True => {
            text(StatusCode::OK, trace::of(&beat, &view, deadline, state.options.content))
        }
    }
}

impl ProbeQuery {
    fn names(&self) -> Names<'_> {
        let given = |name: &'_ str| !name.is_empty();
        Names {
            target: Some(self.target.as_str()).filter(|name| given(name)),
            model: Some(self.model.as_str()).filter(|name| given(name)),
            probe: Some(self.probe.as_str()).filter(|name| given(name)),
        }
    }
}

/// A header that should be a number of seconds and is none.
#[derive(Debug, PartialEq, Eq)]
struct NoDuration;

/// How long the client waits, as far as it says so, less our head start; never less than half.
fn patience(headers: &HeaderMap) -> Result<Option<Duration>, NoDuration> {
    let Some(value) = headers.get(SCRAPE_TIMEOUT) else { return Ok(None) };
    let seconds = value.to_str().ok().and_then(|value| value.parse::<f64>().ok());
    let patience = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|patience| !patience.is_zero())
        .ok_or(NoDuration)?;
    Ok(Some(patience.saturating_sub(HEAD_START).max(patience / 2)))
}

const fn status_of(error: &SelectError) -> StatusCode {
    match error {
        SelectError::Unknown(_) => StatusCode::NOT_FOUND,
        SelectError::Ambiguous(_) => StatusCode::BAD_REQUEST,
    }
}

const fn status_of_refusal(refused: &ProbeRefused) -> StatusCode {
    match refused {
        ProbeRefused::Budget => StatusCode::TOO_MANY_REQUESTS,
        ProbeRefused::Gone => StatusCode::NOT_FOUND,
        ProbeRefused::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience_of(value: &str) -> Option<Option<Duration>> {
        let mut headers = HeaderMap::new();
        headers.insert(SCRAPE_TIMEOUT, value.parse().expect("a header value"));
        patience(&headers).ok()
    }

    #[test]
    fn we_give_up_before_the_scraper_does() {
        assert_eq!(patience_of("10"), Some(Some(Duration::from_millis(9_500))));
        assert_eq!(patience_of("0.6"), Some(Some(Duration::from_millis(300))));
        assert_eq!(patience(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn a_timeout_that_is_none_is_refused() {
        for value in ["0", "-1", "NaN", "inf", "1e300", "soon"] {
            assert_eq!(patience_of(value), None, "{value}");
        }
    }
}
