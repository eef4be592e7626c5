//! gRPC: one unary call, as a request over HTTP/2 and the meaning of its answer.

use std::time::Duration;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prost::Message as _;

use super::{
    Signal,
    channel::Answer,
    message::{Delay, Response, RetryInfo, RpcStatus},
};
use crate::{client::Posted, config::OtlpCompression};

/// With or without padding: both are seen.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `RESOURCE_EXHAUSTED`: to be tried again only if the server says when.
const EXHAUSTED: u32 = 8;

/// The other codes that are worth another try: CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE,
/// UNAVAILABLE, DATA_LOSS.
const PASSING: [u32; 6] = [1, 4, 10, 11, 14, 15];

/// The method of a signal.
pub(super) const fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    }
}

/// Adds the headers of a call that is to be answered within `limit`.
pub(super) fn headers(headers: &mut HeaderMap, compression: OtlpCompression, limit: Duration) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    if compression == OtlpCompression::Gzip {
        headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
    }
    if let Ok(limit) = HeaderValue::from_str(&format!("{}m", limit.as_millis().min(99_999_999))) {
        headers.insert("grpc-timeout", limit);
    }
}

/// What an answer means.
pub(super) fn read(posted: &Posted) -> Answer {
    // An answer without a body has its status in the headers.
    let place = if posted.trailers.contains_key("grpc-status") {
        &posted.trailers
    } else {
        &posted.headers
    };
    let text = |name: &str| place.get(name).and_then(|value| value.to_str().ok());
    let Some(code) = text("grpc-status").and_then(|code| code.parse::<u32>().ok()) else {
        return of_http(posted.status);
    };
    if code == 0 {
        return match posted.body.get(5..).map(Response::decode) {
            Some(Ok(response)) => Answer::taken(response),
            // Taken all the same; what is missing is only what it says besides.
            Some(Err(_)) | None => Answer::Taken,
        };
    }
    let status = text("grpc-status-details-bin").and_then(details_in);
    let said = text("grpc-message").map(decoded).filter(|said| !said.is_empty());
    let why = match said.or_else(|| status.as_ref().map(|status| status.message.clone())) {
        Some(said) if !said.is_empty() => format!("gRPC status {code}: {said}"),
        _ => format!("gRPC status {code}"),
    };
    let after = status.as_ref().and_then(delay);
    match code {
        EXHAUSTED if after.is_none() => Answer::Refused(why),
        code if code == EXHAUSTED || PASSING.contains(&code) => Answer::Later { why, after },
        _ => Answer::Refused(why),
    }
}

/// An answer that is none of gRPC: of a proxy, or of another kind of server.
fn of_http(status: StatusCode) -> Answer {
    let why = format!("an answer without a gRPC status, HTTP {status}");
    match status.as_u16() {
        429 | 502 | 503 | 504 => Answer::Later { why, after: None },
        _ => Answer::Refused(why),
    }
}

fn details_in(text: &str) -> Option<RpcStatus> {
    RpcStatus::decode(&*BASE64.decode(text).ok()?).ok()
}

/// When the server wants to be asked again.
fn delay(status: &RpcStatus) -> Option<Duration> {
    let info = status.details.iter().find(|one| one.type_url.ends_with("google.rpc.RetryInfo"))?;
    let Delay { seconds, nanos } = RetryInfo::decode(&*info.value).ok()?.delay?;
    let (seconds, nanos) = (u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
    Some(Duration::new(seconds, nanos.min(999_999_999)))
}

/// A message without the percent signs in which it travels.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{
        super::message::{Detail, PartialSuccess},
        *,
    };

    fn posted(trailers: &[(&'static str, &str)], body: Vec<u8>) -> Posted {
        let trailers = trailers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("a value");
            (http::HeaderName::from_static(name), value)
        });
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        Posted { status, headers, body, trailers: trailers.collect() }
    }

    fn retry_info(seconds: i64) -> String {
        let info = RetryInfo { delay: Some(Delay { seconds, nanos: 500_000_000 }) };
        let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
        let details = vec![Detail { type_url, value: info.encode_to_vec() }];
        BASE64.encode(RpcStatus { message: "full".into(), details }.encode_to_vec())
    }

    #[test]
    fn codes_tell_what_is_worth_another_try() {
        for code in 0..=17_u32 {
            let answer = read(&posted(&[("grpc-status", &code.to_string())], Vec::new()));
            let expected = match code {
                0 => answer == Answer::Taken,
                1 | 4 | 10 | 11 | 14 | 15 => matches!(answer, Answer::Later { after: None, .. }),
                _ => matches!(answer, Answer::Refused(_)),
            };
            assert!(expected, "{code}: {answer:?}");
        }
    }

    #[test]
    fn a_server_says_when_to_come_again() {
        let details = retry_info(3);
        let trailers = [("grpc-status", "8"), ("grpc-status-details-bin", details.as_str())];
        let after = Some(Duration::from_millis(3_500));
        let why = "gRPC status 8: full".to_owned();
        assert_eq!(read(&posted(&trailers, Vec::new())), Answer::Later { why, after });
        let trailers = [("grpc-status", "14"), ("grpc-message", "over%20%e2%82%ac%")];
        let why = "gRPC status 14: over €%".to_owned();
        assert_eq!(read(&posted(&trailers, Vec::new())), Answer::Later { why, after: None });
    }

    #[test]
    fn what_is_taken_in_part_is_told() {
        let partial = PartialSuccess { rejected: 3, message: "too old".into() };
        let response = Response { partial_success: Some(partial.clone()) };
        let mut body = vec![0; 5];
        body.extend(response.encode_to_vec());
        assert_eq!(read(&posted(&[("grpc-status", "0")], body)), Answer::InPart(partial));
    }

    #[test]
    fn a_server_that_does_not_speak_grpc_is_told_by_its_status() {
        let mut other = posted(&[], Vec::new());
        assert!(matches!(read(&other), Answer::Refused(why) if why.contains("200")));
        other.status = StatusCode::SERVICE_UNAVAILABLE;
        assert!(matches!(read(&other), Answer::Later { .. }));
    }
}
