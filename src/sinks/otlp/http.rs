//! OTLP over HTTP: protobuf in the body, and the meaning of its answer.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use prost::Message as _;

use super::{
    Signal,
    channel::Answer,
    message::{Response, RpcStatus},
};
use crate::{client::Posted, config::OtlpCompression};

/// The path of a signal, below the endpoint.
pub(super) const fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "/v1/metrics",
        Signal::Traces => "/v1/traces",
    }
}

/// Adds the headers of an export.
pub(super) fn headers(headers: &mut HeaderMap, compression: OtlpCompression) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    if compression == OtlpCompression::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

/// What an answer means. A redirect is a refusal: it is not followed.
pub(super) fn read(posted: &Posted) -> Answer {
    let status = posted.status;
    if status.is_success() {
        // Some servers answer with nothing, or with text.
        return Response::decode(&*posted.body).map_or(Answer::Taken, Answer::taken);
    }
    let protobuf = posted
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-protobuf"));
    let said = match protobuf {
        true => RpcStatus::decode(&*posted.body).map_or_else(|_| String::new(), |one| one.message),
        false => String::from_utf8_lossy(&posted.body).into_owned(),
    };
    let why = match said.trim() {
        "" => format!("HTTP {status}"),
        said => format!("HTTP {status}: {said}"),
    };
    match status.as_u16() {
        429 | 502 | 503 | 504 => Answer::Later { why, after: retry_after(&posted.headers) },
        _ => Answer::Refused(why),
    }
}

/// `Retry-After` in seconds. A date is not read: our own pauses will do.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{super::message::PartialSuccess, *};

    fn posted(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Posted {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        Posted {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: headers.collect(),
            body: body.to_vec(),
            trailers: HeaderMap::new(),
        }
    }

    #[test]
    fn statuses_tell_what_is_worth_another_try() {
        for status in [200, 202, 204] {
            assert_eq!(read(&posted(status, &[], b"")), Answer::Taken, "{status}");
        }
        for status in [429, 502, 503, 504] {
            let answer = read(&posted(status, &[("retry-after", "7")], b"busy\n"));
            let after = Some(Duration::from_secs(7));
            assert!(matches!(answer, Answer::Later { after: found, .. } if found == after));
        }
        for status in [301, 307, 400, 401, 404, 413, 500] {
            assert!(matches!(read(&posted(status, &[], b"")), Answer::Refused(_)), "{status}");
        }
        let dated = posted(503, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], b"");
        assert!(matches!(read(&dated), Answer::Later { after: None, .. }));
    }

    #[test]
    fn what_a_collector_says_is_told() {
        let partial = PartialSuccess { rejected: 2, message: "dropped".into() };
        let response = Response { partial_success: Some(partial.clone()) }.encode_to_vec();
        assert_eq!(read(&posted(200, &[], &response)), Answer::InPart(partial));
        let status = RpcStatus { message: "no such tenant".into(), details: Vec::new() };
        let kind = [("content-type", "application/x-protobuf")];
        let answer = read(&posted(400, &kind, &status.encode_to_vec()));
        assert_eq!(answer, Answer::Refused("HTTP 400 Bad Request: no such tenant".into()));
    }
}
