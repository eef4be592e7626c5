//! What is asked of an endpoint, and its form as an HTTP request.
//!
//! Owns the two kinds of call: the streamed one of an API, and the plain one that is sent as it is.
//! Knows nothing of connections and of what becomes of an answer.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;

use super::{dial::Speaks, endpoint::Endpoint, failure::Failure};
use crate::{protocol::Protocol, timeline::Outcome};

/// What is asked.
#[derive(Clone)]
pub enum Call<'a> {
    /// A streamed completion: its answer is a stream of events, with status 200.
    Streamed {
        /// What is spoken.
        protocol: &'static dyn Protocol,
        /// The request's body.
        body: Bytes,
    },
    /// Anything else over HTTP: its answer is a whole body, with any status of success. A body, if
    /// there is one, is JSON.
    Plain {
        /// The method.
        method: &'a Method,
        /// The path below the endpoint, beginning with `/`.
        path: &'a str,
        /// The request's body.
        body: Option<Bytes>,
    },
}

impl Call<'_> {
    /// Whether a body with this status is the answer, and not the story of a failure.
    pub(crate) fn is_answered_by(&self, status: StatusCode) -> bool {
        match self {
            Self::Streamed { .. } => status == StatusCode::OK,
            Self::Plain { .. } => status.is_success(),
        }
    }

    /// The request, with `headers` besides those that the client sets itself.
    pub(crate) fn request(
        &self,
        endpoint: &Endpoint,
        headers: &HeaderMap,
        speaks: Speaks,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let (method, path, body, accept) = match self {
            Self::Streamed { protocol, body } => {
                (&Method::POST, protocol.path(), Some(body), "text/event-stream")
            }
            Self::Plain { method, path, body } => (*method, *path, body.as_ref(), "*/*"),
        };
        let target = endpoint.request_target(path);
        let target = match speaks {
            Speaks::Http1 => target,
            // HTTP/2 has no Host header; the authority travels in the target.
            Speaks::Http2 => format!("https://{}{target}", endpoint.authority),
        };
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::new(Outcome::Local, format!("the request cannot be formed: {error}"))
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .body(Full::new(body.cloned().unwrap_or_default()))
            .map_err(|error| unusable(&error))?;
        *request.headers_mut() = headers.clone();
        let headers = request.headers_mut();
        if speaks == Speaks::Http1 {
            let host =
                HeaderValue::from_str(&endpoint.authority).map_err(|error| unusable(&error))?;
            headers.insert(header::HOST, host);
        }
        if body.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        Ok(request)
    }
}
