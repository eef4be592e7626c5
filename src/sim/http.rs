//! HTTP/1.1: requests off the wire, answers onto it.
//!
//! Owns parsing with its limits, and the encoding of heads. Must not know what is asked.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::wire::Wire;

const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 8 * 1024 * 1024;
const HEADER_LIMIT: usize = 100;
/// How long a connection may be idle, and how long a started request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(75);

/// One request, whole.
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query, as sent.
    pub(super) target: String,
    /// In the order sent, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// Whether the client wants the connection closed after the answer.
    pub(super) close: bool,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Why no request could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The client closed, broke off or fell silent.
    #[error("connection over: {0}")]
    Over(#[from] io::Error),
    /// What came is not a request we take.
    #[error("bad request: {0}")]
    Bad(&'static str),
}

/// Reads the next request.
pub(super) async fn read_request(wire: &mut Wire) -> Result<Request, ReadError> {
    let whole = async {
        let (mut request, length) = loop {
            if let Some(head) = parse_head(wire)? {
                break head;
            }
            if wire.buffer().len() >= HEAD_LIMIT {
                return Err(ReadError::Bad("head too long"));
            }
            more(wire).await?;
        };
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
        {
            wire.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = match length {
            Length::Known(length) => take(wire, length).await?,
            Length::Chunked => read_chunks(wire).await?,
        };
        Ok(request)
    };
    timeout(PATIENCE, whole).await.map_err(io::Error::from)?
}

enum Length {
    Known(usize),
    Chunked,
}

/// Takes the head off the buffer once it is complete.
fn parse_head(wire: &mut Wire) -> Result<Option<(Request, Length)>, ReadError> {
    let mut slots = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut parsed = httparse::Request::new(&mut slots);
    let status = parsed.parse(wire.buffer()).map_err(|_| ReadError::Bad("not HTTP/1.1"))?;
    let httparse::Status::Complete(size) = status else { return Ok(None) };
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: Vec::with_capacity(parsed.headers.len()),
        body: Bytes::new(),
        close: parsed.version == Some(0),
    };
    for header in parsed.headers.iter() {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        request.headers.push((header.name.to_ascii_lowercase(), value));
    }
    wire.buffer().advance(size);
    if let Some(value) = request.header("connection") {
        request.close = value.to_ascii_lowercase().contains("close");
    }
    let chunked = request
        .header("transfer-encoding")
        .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
    let length = match request.header("content-length") {
        _ if chunked => Length::Chunked,
        None => Length::Known(0),
        Some(text) => match text.parse() {
            Ok(length) if length <= BODY_LIMIT => Length::Known(length),
            _ => return Err(ReadError::Bad("bad content-length")),
        },
    };
    Ok(Some((request, length)))
}

async fn read_chunks(wire: &mut Wire) -> Result<Bytes, ReadError> {
    let mut body = Vec::new();
    loop {
        let (skip, size) = loop {
            match httparse::parse_chunk_size(wire.buffer()) {
                Ok(httparse::Status::Complete(found)) => break found,
                Ok(httparse::Status::Partial) => more(wire).await?,
                Err(_) => return Err(ReadError::Bad("bad chunk")),
            }
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > BODY_LIMIT - body.len() {
            return Err(ReadError::Bad("body too long"));
        }
        take(wire, skip).await?;
        body.extend_from_slice(&take(wire, size).await?);
        take(wire, 2).await?;
        if size == 0 {
            return Ok(body.into());
        }
    }
}

/// Takes exactly `size` bytes.
async fn take(wire: &mut Wire, size: usize) -> Result<Bytes, ReadError> {
    while wire.buffer().len() < size {
        more(wire).await?;
    }
    Ok(wire.buffer().split_to(size).freeze())
}

async fn more(wire: &mut Wire) -> io::Result<()> {
    if wire.fill().await? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<&'static str>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type: Some(content_type), headers: Vec::new(), body: body.into() }
    }

    pub(super) const fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// The error object of the OpenAI API, as vLLM fills it.
    pub(super) fn error(status: u16, kind: &str, message: &str, param: Option<&str>) -> Self {
        let error = json!({"message": message, "type": kind, "param": param, "code": status});
        Self::json(status, &json!({ "error": error }))
    }

    /// The bytes: head and body in one.
    pub(super) fn encode(&self, server: Option<&str>, close: bool) -> Vec<u8> {
        let mut bytes = status_line(self.status);
        let mut header = |name: &str, value: &str| {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        };
        if let Some(server) = server {
            header("server", server);
        }
        header("content-length", &self.body.len().to_string());
        if let Some(content_type) = self.content_type {
            header("content-type", content_type);
        }
        for (name, value) in &self.headers {
            header(name, value);
        }
        if close {
            header("connection", "close");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The head of a chunked event stream.
pub(super) fn stream_head(server: Option<&str>, close: bool) -> Vec<u8> {
    let mut head = status_line(200);
    if let Some(server) = server {
        head.extend_from_slice(format!("server: {server}\r\n").as_bytes());
    }
    head.extend_from_slice(b"content-type: text/event-stream; charset=utf-8\r\n");
    if close {
        head.extend_from_slice(b"connection: close\r\n");
    }
    head.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    head
}

fn status_line(status: u16) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown");
    format!("HTTP/1.1 {status} {reason}\r\n").into_bytes()
}
