//! Reading the body of one answer: frames, their arrival, the deadlines.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use bytes::Bytes;
use http::{Response, header};
use hyper::body::{Body, Frame, Incoming};

use super::{
    answer::{Answer, Arrival, BodyEnd, Progress},
    attempt::Answered,
    connection::Connection,
    dial::Speaks,
    endpoint::{Deadlines, Limits},
    failure::Failure,
    plain::Plain,
    timer::Timer,
};
use crate::{
    clock::Stamp,
    timeline::{Outcome, StampSource, Timeline},
};

/// How long the rest of a body may take after the answer is complete. Reading it to its end keeps
/// the connection usable, and the server does not see a client that hangs up early.
const REST: Duration = Duration::from_secs(1);

/// One answer being read.
pub(crate) struct Stream {
    connection: Connection,
    body: Incoming,
    framing: Framing,
    answer: Reading,
    timer: Timer,
    limits: Limits,
    deadlines: Deadlines,
    received: usize,
    /// When the answer last moved on; absent before its first token. A plain one has begun with
    /// its head.
    progress: Option<Stamp>,
    whole: bool,
}

/// What is made of the bytes.
pub(crate) enum Reading {
    /// A stream of events.
    Events(Answer),
    /// A whole body.
    Whole(Plain),
}

/// Whether the body itself says where it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// By a length or a last chunk: the end arrived with a read.
    Delimited,
    /// By the close of the connection, which has no stamp.
    UntilClose,
}

enum Step {
    Frame(Option<hyper::Result<Frame<Bytes>>>),
    Late,
}

impl Stream {
    pub(crate) fn new(
        connection: Connection,
        response: Response<Incoming>,
        answer: Reading,
        timer: Timer,
        limits: Limits,
        deadlines: Deadlines,
    ) -> Self {
        let delimited = connection.speaks() == Speaks::Http2
            || response.headers().contains_key(header::TRANSFER_ENCODING)
            || response.headers().contains_key(header::CONTENT_LENGTH)
            || response.body().is_end_stream();
        let progress = match answer {
            Reading::Events(_) => None,
            Reading::Whole(_) => Some(Stamp::now()),
        };
        Self {
            connection,
            body: response.into_body(),
            framing: if delimited { Framing::Delimited } else { Framing::UntilClose },
            answer,
            timer,
            limits,
            deadlines,
            received: 0,
            progress,
            whole: false,
        }
    }

    /// Reads until the answer is complete.
    pub(crate) async fn read(&mut self, timeline: &mut Timeline) -> Result<(), Failure> {
        loop {
            let deadline = match self.progress {
                Some(progress) => self.deadlines.total.min(progress.after(self.limits.idle)),
                None => self.deadlines.first_token,
            };
            match self.step(deadline).await {
                Step::Frame(Some(Ok(frame))) => {
                    let Some(bytes) = frame.data_ref() else {
                        self.note_more(timeline); // trailers
                        continue;
                    };
                    self.received += bytes.len();
                    if self.received > self.limits.response_bytes {
                        let most = self.limits.response_bytes;
                        return Err(Failure::new(
                            Outcome::TooLarge,
                            format!("the answer is larger than {most} bytes"),
                        ));
                    }
                    let arrival = self.arrival(timeline);
                    let tokens = timeline.tokens.len();
                    let (moved, progress) = match &mut self.answer {
                        Reading::Events(answer) => {
                            let progress = answer.push(timeline, bytes, arrival)?;
                            (timeline.tokens.len() > tokens, progress)
                        }
                        Reading::Whole(plain) => {
                            plain.push(timeline, bytes, arrival);
                            (true, Progress::Open)
                        }
                    };
                    if moved {
                        // Not the arrival: a stall is the server's, not that of a late reader.
                        self.progress =
                            Some(arrival.at.after(arrival.read_delay.unwrap_or_default()));
                    }
                    if progress == Progress::Done {
                        self.drain().await;
                        return self.answer.end(timeline, arrival.at, BodyEnd::Clean);
                    }
                }
                Step::Frame(Some(Err(error))) => {
                    if let Some(failure) = Failure::of_body(&error) {
                        return Err(failure);
                    }
                    return self.answer.end(timeline, Stamp::now(), BodyEnd::Cut);
                }
                Step::Frame(None) => {
                    self.whole = true;
                    let end = match self.framing {
                        Framing::Delimited => self.arrival(timeline).at,
                        Framing::UntilClose => Stamp::now(),
                    };
                    let judged = self.answer.end(timeline, end, BodyEnd::Clean);
                    // Only now, for the end itself may have completed the first token's event.
                    self.note_more(timeline);
                    return judged;
                }
                Step::Late => return Err(self.late(timeline)),
            }
        }
    }

    /// The next frame, unless `deadline` passes first. Bytes that have come are looked at before
    /// the clock.
    async fn step(&mut self, deadline: Stamp) -> Step {
        let Self { connection, body, timer, .. } = self;
        poll_fn(|cx| {
            if let Poll::Ready(frame) =
                connection.poll_with(cx, |cx| Pin::new(&mut *body).poll_frame(cx))
            {
                return Poll::Ready(Step::Frame(frame));
            }
            timer.poll(cx, deadline).map(|()| Step::Late)
        })
        .await
    }

    /// When the bytes of the frame just read had arrived: not before the request was sent.
    fn arrival(&self, timeline: &Timeline) -> Arrival {
        let mark = self.connection.marks().last_read();
        let mut arrival = match (mark, self.connection.speaks()) {
            (Some(arrival), Speaks::Http1) => arrival,
            // hyper reads many HTTP/2 frames ahead, so the mark may be of a later read: the time
            // is that of the frame, and the mark only tells how late that may be.
            (Some(arrival), Speaks::Http2) => {
                let read = Stamp::now();
                Arrival {
                    at: read,
                    source: StampSource::Read,
                    read_delay: Some(read.since(arrival.at)),
                    read: arrival.read,
                }
            }
            (None, _) => {
                Arrival { at: Stamp::now(), source: StampSource::Read, read_delay: None, read: 0 }
            }
        };
        if let Some(sent) = timeline.sent {
            arrival.at = arrival.at.max(sent);
        }
        arrival
    }

    /// Notes that the last read held more than the events that came of it. The end of the body
    /// counts, also a mere close: the kernel lets it move the stamp of what waits before it.
    fn note_more(&self, timeline: &mut Timeline) {
        if let Some(arrival) = self.connection.marks().last_read() {
            timeline.note_more_in(arrival.read);
        }
    }

    fn late(&self, timeline: &Timeline) -> Failure {
        let past = |deadline: Stamp| deadline.since(Stamp::now()).is_zero();
        let total = self.limits.total;
        let Some(progress) = self.progress else {
            let limit = self.limits.first_token.min(total);
            return Failure::new(
                Outcome::TimeoutFirstToken,
                format!("no token within {limit:.1?}"),
            );
        };
        if past(progress.after(self.limits.idle)) {
            let idle = self.limits.idle;
            let after = match self.answer {
                Reading::Events(_) => format!("{} token events", timeline.tokens.len()),
                Reading::Whole(_) => format!("{} bytes", self.received),
            };
            Failure::new(Outcome::Stall, format!("after {after}, silence for {idle:.1?}"))
        } else {
            Failure::new(Outcome::TimeoutTotal, format!("not complete within {total:.1?}"))
        }
    }

    /// Reads what follows a complete answer, for a short while.
    async fn drain(&mut self) {
        let deadline = self.deadlines.total.min(Stamp::now().after(REST));
        loop {
            match self.step(deadline).await {
                Step::Frame(Some(Ok(frame))) => {
                    self.received += frame.data_ref().map_or(0, Bytes::len);
                    if self.received > self.limits.response_bytes {
                        return;
                    }
                }
                Step::Frame(None) => {
                    self.whole = true;
                    return;
                }
                Step::Frame(Some(Err(_))) | Step::Late => return,
            }
        }
    }

    /// The text that has come so far, if wanted.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.answer.text()
    }

    /// The answer, and the connection if its body was read to the end.
    pub(crate) fn into_parts(mut self) -> (Answered, Option<Connection>) {
        let text = self.answer.text();
        let (model, finish) = match &self.answer {
            Reading::Events(answer) => (answer.model().map(str::to_owned), answer.finish()),
            Reading::Whole(_) => (None, None),
        };
        let answered = Answered { text, model, finish };
        (answered, self.whole.then_some(self.connection))
    }
}

impl Reading {
    /// Judges the answer at the end of its body.
    fn end(&mut self, timeline: &mut Timeline, at: Stamp, body: BodyEnd) -> Result<(), Failure> {
        match self {
            Self::Events(answer) => answer.end(timeline, at, body),
            Self::Whole(plain) => plain.end(timeline, at, body),
        }
    }

    /// Takes the text kept so far, if wanted.
    fn text(&mut self) -> Option<String> {
        match self {
            Self::Events(answer) => answer.text(),
            Self::Whole(plain) => plain.text(),
        }
    }
}
