//! Requests of our own that nobody measures: a body goes out, a whole small answer comes back.
//!
//! Owns how such a request shares dialling, TLS and idle connections with the measured path.
//! Redirects are not followed: what is sent may carry credentials. Knows nothing of what is sent.

use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use super::{
    connection::Connection,
    dial::{Speaks, dial},
    endpoint::Endpoint,
    failure::Failure,
};
use crate::{
    clock::Stamp,
    timeline::{Outcome, Timeline},
};

/// Most of an answer's body that is read.
const MOST: usize = 64 * 1024;

/// What has to be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// HTTP/2, also without TLS: there, it is spoken without asking.
    Http2,
    /// Whatever the server prefers; HTTP/1.1 without TLS.
    Any,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Posted {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body, of which at most 64 KiB are kept.
    pub(crate) body: Vec<u8>,
    /// What follows the body; empty without.
    pub(crate) trailers: HeaderMap,
}

impl Endpoint {
    /// Posts `body` to `path` below this endpoint, within `limit`. A kept connection that turns out
    /// to be dead is replaced by a new one, once.
    ///
    /// # Errors
    /// If no whole answer came.
    pub(crate) async fn post(
        &self,
        wire: Wire,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
        limit: Duration,
    ) -> Result<Posted, Failure> {
        let posting = async {
            if let Some(kept) = self.idle.take()
                && let Ok(posted) = self.post_on(kept, path, headers, body.clone()).await
            {
                return Ok(posted);
            }
            let connection = self.connection(wire, limit).await?;
            self.post_on(connection, path, headers, body.clone()).await
        };
        timeout(limit, posting).await.unwrap_or_else(|_| {
            Err(Failure::new(Outcome::TimeoutTotal, format!("no answer within {limit:.1?}")))
        })
    }

    async fn connection(&self, wire: Wire, limit: Duration) -> Result<Connection, Failure> {
        // The phases of the dial are stamped for nobody.
        let mut dialled = dial(self, limit, &mut Timeline::new(Stamp::now(), 0)).await?;
        if wire == Wire::Http2 && self.tls.is_none() {
            dialled.speaks = Speaks::Http2;
        }
        if wire == Wire::Http2 && dialled.speaks != Speaks::Http2 {
            let detail = "the server does not offer HTTP/2";
            return Err(Failure::new(Outcome::HttpMalformed, detail));
        }
        Connection::start(dialled).await
    }

    async fn post_on(
        &self,
        mut connection: Connection,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Posted, Failure> {
        let request = self.push_request(connection.speaks(), path, headers, body)?;
        let mut sending = connection.send(request);
        let response = poll_fn(|cx| connection.poll_with(cx, |cx| sending.as_mut().poll(cx)))
            .await
            .map_err(|error| Failure::of_head(&error))?;
        let posted = read(&mut connection, response).await?;
        self.idle.give(connection);
        Ok(posted)
    }

    fn push_request(
        &self,
        speaks: Speaks,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::new(Outcome::Local, format!("the request cannot be formed: {error}"))
        };
        let target = match speaks {
            Speaks::Http1 => format!("{}{path}", self.base_path),
            Speaks::Http2 => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                format!("{scheme}://{}{}{path}", self.authority, self.base_path)
            }
        };
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(target)
            .body(Full::new(body))
            .map_err(|error| unusable(&error))?;
        *request.headers_mut() = headers.clone();
        if speaks == Speaks::Http1 {
            let host = HeaderValue::from_str(&self.authority).map_err(|error| unusable(&error))?;
            request.headers_mut().insert(header::HOST, host);
        }
        Ok(request)
    }
}

/// Reads the body to its end, and what follows it.
async fn read(
    connection: &mut Connection,
    response: Response<Incoming>,
) -> Result<Posted, Failure> {
    let (head, mut incoming) = response.into_parts();
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) =
        poll_fn(|cx| connection.poll_with(cx, |cx| Pin::new(&mut incoming).poll_frame(cx))).await
    {
        let cut = |error| Failure::new(Outcome::StreamTruncated, super::chain(&error));
        match frame.map_err(cut)?.into_data() {
            Ok(data) if body.len() + data.len() > MOST => {
                return Err(Failure::new(Outcome::TooLarge, "the answer is too large"));
            }
            Ok(data) => body.extend_from_slice(&data),
            Err(frame) => {
                if let Ok(found) = frame.into_trailers() {
                    trailers = found;
                }
            }
        }
    }
    Ok(Posted { status: head.status, headers: head.headers, body, trailers })
}
