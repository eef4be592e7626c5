//! One attempt of an exchange: a connection, a request, and what came of it.

use std::{future::poll_fn, task::Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};

use super::{
    answer::Answer,
    call::Call,
    connection::Connection,
    dial::{Speaks, dial},
    endpoint::{Endpoint, Limits},
    failure::Failure,
    plain::{Form, Plain},
    stream::{Reading, Stream},
    timer::Timer,
};
use crate::{
    clock::Stamp,
    protocol::{self, Finish},
    timeline::{Outcome, Timeline},
};

/// Most of an error's body that is read.
const ERROR_BODY: usize = 16 * 1024;

/// What an attempt needs.
#[derive(Clone)]
pub struct Attempt<'a> {
    /// Where to.
    pub endpoint: &'a Endpoint,
    /// What.
    pub call: Call<'a>,
    /// Headers besides those that the client sets itself.
    pub headers: &'a HeaderMap,
    /// Whether an idle connection may be used.
    pub connections: Connections,
    /// Its limits.
    pub limits: Limits,
    /// Whether the text of the answer is wanted.
    pub text: Text,
}

/// Whether an attempt may go out on a connection that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// Always a new one, closed afterwards.
    Fresh,
    /// An idle one if there is one, kept afterwards.
    Reuse,
    /// A new one, kept afterwards: the retry after a stale one.
    Renew,
}

/// Whether the text of the answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// It is, up to a cap.
    Kept,
    /// It is not.
    Dropped,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Its text, if wanted.
    pub text: Option<String>,
    /// The model that says it answered.
    pub model: Option<String>,
    /// Why it stopped.
    pub finish: Option<Finish>,
}

/// An attempt that did not bring an answer.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong.
    pub failure: Failure,
    /// Whether a reused connection turned out to be dead before anything of the answer came.
    pub stale: bool,
    /// The body of an answer that tells of a failure, as far as it was read.
    pub body: Option<String>,
    /// The text that had come before the failure, if wanted.
    pub text: Option<String>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { failure, stale: false, body: None, text: None }
    }
}

impl Attempt<'_> {
    /// Makes the attempt and stamps what happens into `timeline`.
    ///
    /// # Errors
    /// If no whole answer came.
    pub async fn run(self, timeline: &mut Timeline) -> Result<Answered, Failed> {
        timeline.restart_attempt(Stamp::now());
        // From the start, not from the due time: our own lateness must not time a target out.
        let start = timeline.sent_start.unwrap_or(timeline.due);
        let deadlines = match self.call {
            Call::Streamed { .. } => self.limits.from(start),
            // There is no first token to wait for.
            Call::Plain { .. } => {
                Limits { first_token: self.limits.total, ..self.limits }.from(start)
            }
        };
        let idle = match self.connections {
            Connections::Reuse => self.endpoint.idle.take(),
            Connections::Fresh | Connections::Renew => None,
        };
        timeline.reused_connection = idle.is_some();
        let mut connection = match idle {
            Some(connection) => connection,
            None => {
                let limit = self.limits.connect.min(deadlines.first_token.since(Stamp::now()));
                Connection::start(dial(self.endpoint, limit, timeline).await?).await?
            }
        };
        let request = self.call.request(self.endpoint, self.headers, connection.speaks())?;
        let mut timer = Timer::new(deadlines.first_token);
        let first_token = deadlines.first_token;
        let response =
            self.head(&mut connection, request, &mut timer, first_token, timeline).await?;
        timeline.status = Some(response.status().as_u16());
        if !self.call.is_answered_by(response.status()) {
            return Err(self.refused(connection, response, &mut timer, deadlines.total).await);
        }
        let header = |name| response.headers().get(name)?.to_str().ok();
        timeline.told = protocol::told_in_head(header);
        let keep_text = self.text == Text::Kept;
        let answer = match &self.call {
            Call::Streamed { protocol, .. } => {
                Reading::Events(Answer::new(*protocol, keep_text, self.limits.response_bytes))
            }
            Call::Plain { .. } => {
                Reading::Whole(Plain::new(self.text, Form::of(response.headers())))
            }
        };
        let mut stream = Stream::new(connection, response, answer, timer, self.limits, deadlines);
        match stream.read(timeline).await {
            Ok(()) => {
                let (answered, connection) = stream.into_parts();
                if self.connections != Connections::Fresh
                    && let Some(connection) = connection
                {
                    self.endpoint.idle.give(connection);
                }
                Ok(answered)
            }
            Err(failure) => Err(Failed { text: stream.text(), ..failure.into() }),
        }
    }

    /// Sends the request and waits for the response head.
    async fn head(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
        timer: &mut Timer,
        deadline: Stamp,
        timeline: &mut Timeline,
    ) -> Result<Response<Incoming>, Failed> {
        let plain_before = connection.marks().plain();
        let mut sending = connection.send(request);
        let answered = poll_fn(|cx| {
            if let Poll::Ready(answered) = connection.poll_with(cx, |cx| sending.as_mut().poll(cx))
            {
                return Poll::Ready(Some(answered));
            }
            timer.poll(cx, deadline).map(|()| None)
        })
        .await;
        (timeline.sent, timeline.sent_after) = connection.marks().last_write();
        let arrived = connection.marks().last_read();
        match answered {
            Some(Ok(response)) => {
                timeline.headers = match connection.speaks() {
                    Speaks::Http1 => arrived.map(|arrival| arrival.at),
                    Speaks::Http2 => Some(Stamp::now()),
                };
                Ok(response)
            }
            Some(Err(error)) => {
                let nothing_came = match connection.speaks() {
                    Speaks::Http1 => connection.marks().plain() == plain_before,
                    // Frames of the connection are no part of a response; what ended it is told
                    // from a refusal of this one stream by what has become of the connection.
                    Speaks::Http2 => error.is_canceled() || !connection.is_reusable(),
                };
                let failure = match connection.marks().tls_error() {
                    Some(error) => Failure::new(Outcome::Tls, format!("TLS: {error}")),
                    None => Failure::of_head(&error),
                };
                let stale =
                    timeline.reused_connection && nothing_came && failure.outcome == Outcome::Reset;
                Err(Failed { stale, ..failure.into() })
            }
            None => {
                let outcome = match self.call {
                    Call::Streamed { .. } => Outcome::TimeoutFirstToken,
                    Call::Plain { .. } => Outcome::TimeoutTotal,
                };
                Err(Failure::new(outcome, "no response head within the timeout").into())
            }
        }
    }

    /// An answer that tells of a failure: its body says why.
    async fn refused(
        &self,
        mut connection: Connection,
        response: Response<Incoming>,
        timer: &mut Timer,
        deadline: Stamp,
    ) -> Failed {
        let status = response.status();
        // The status is the outcome; the body only explains, so it is not waited for long.
        let deadline = deadline.min(Stamp::now().after(self.limits.idle));
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        let mut whole = false;
        while bytes.len() < ERROR_BODY {
            let frame = poll_fn(|cx| {
                let polled =
                    connection.poll_with(cx, |cx| std::pin::Pin::new(&mut body).poll_frame(cx));
                if polled.is_ready() {
                    return polled;
                }
                timer.poll(cx, deadline).map(|()| None)
            })
            .await;
            match frame {
                Some(Ok(frame)) => {
                    bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
                }
                Some(Err(_)) => break,
                None => {
                    whole = body.is_end_stream();
                    break;
                }
            }
        }
        if whole && self.connections != Connections::Fresh {
            self.endpoint.idle.give(connection);
        }
        let reason = protocol::error_message(&bytes);
        let detail = match reason {
            Some(reason) => format!("the server answered {status}: {reason}"),
            None => format!("the server answered {status}"),
        };
        Failed {
            body: Some(String::from_utf8_lossy(&bytes).into_owned()),
            ..Failure::new(Outcome::of_status(status.as_u16()), detail).into()
        }
    }
}
