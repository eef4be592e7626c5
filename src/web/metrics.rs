//! `GET /metrics`: hands the request's preferences to whoever writes the exposition.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};

use super::WebState;

/// One exposition, ready to be sent.
#[derive(Clone, Debug)]
pub struct Exposition {
    /// Value of `Content-Type`, with version and charset.
    pub content_type: Cow<'static, str>,
    /// How `body` is encoded.
    pub encoding: ExpositionEncoding,
    /// The bytes to send.
    pub body: Bytes,
}

/// How the body of an exposition is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpositionEncoding {
    /// As it is.
    Identity,
    /// With gzip.
    Gzip,
}

/// Writes the exposition for the values of `Accept` and `Accept-Encoding`.
pub type MetricsSource = Arc<dyn Fn(Option<&str>, Option<&str>) -> Exposition + Send + Sync>;

pub(super) async fn metrics(State(state): State<WebState>, headers: HeaderMap) -> Response {
    let accept = joined(&headers, &header::ACCEPT);
    let accept_encoding = joined(&headers, &header::ACCEPT_ENCODING);
    let exposition = (state.metrics)(accept.as_deref(), accept_encoding.as_deref());
    let vary = (header::VARY, "Accept, Accept-Encoding".to_owned());
    let content_type = (header::CONTENT_TYPE, exposition.content_type.into_owned());
    match exposition.encoding {
        ExpositionEncoding::Identity => ([content_type, vary], exposition.body).into_response(),
        ExpositionEncoding::Gzip => {
            let encoding = (header::CONTENT_ENCODING, "gzip".to_owned());
            ([content_type, vary, encoding], exposition.body).into_response()
        }
    }
}

/// The value of a list header that may come in several lines.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
