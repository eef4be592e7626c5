//! An HTTP connection that is polled inside the exchange's own task.
//!
//! HTTP/1.1 is never spawned: with the connection in a task of its own, the send stamp of many
//! exchanges is taken before any of them writes, milliseconds too early. Inline, when a frame of
//! the body comes out, the last read is the one that completed it, because hyper hands over one
//! frame before it reads on. HTTP/2 needs hyper's own task; its stamps are those of the frame.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::task::JoinSet;

use super::{
    dial::{Dialled, Io, Speaks},
    failure::Failure,
    hush::Hush,
    marks::Marks,
};

/// Largest response head.
const HEAD: usize = 256 * 1024;

type Driver = Pin<Box<http1::Connection<TokioIo<Io>, Full<Bytes>>>>;
type Sending = Pin<Box<dyn Future<Output = hyper::Result<http::Response<Incoming>>> + Send>>;

/// An HTTP connection.
pub(crate) struct Connection {
    http: Http,
    marks: Arc<Marks>,
    hush: Hush,
}

enum Http {
    /// The driver is gone once the connection has ended.
    One(http1::SendRequest<Full<Bytes>>, Option<Driver>),
    /// hyper's own task ends with the set.
    Two(
        http2::SendRequest<Full<Bytes>>,
        #[expect(dead_code, reason = "held for its drop")] JoinSet<()>,
    ),
}

impl Connection {
    /// Starts HTTP on a dialled connection.
    pub(crate) async fn start(dialled: Dialled) -> Result<Self, Failure> {
        let Dialled { io, marks, speaks } = dialled;
        let io = TokioIo::new(io);
        let http = match speaks {
            Speaks::Http1 => {
                let (sender, driver) = http1::Builder::new()
                    .max_buf_size(HEAD)
                    .handshake(io)
                    .await
                    .map_err(|error| Failure::of_head(&error))?;
                Http::One(sender, Some(Box::pin(driver)))
            }
            Speaks::Http2 => {
                let (sender, driver) = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .handshake(io)
                    .await
                    .map_err(|error| Failure::of_head(&error))?;
                let mut task = JoinSet::new();
                task.spawn(async move {
                    // Its error also reaches the exchange, through the response.
                    let _ = driver.await;
                });
                Http::Two(sender, task)
            }
        };
        Ok(Self { http, marks, hush: Hush::new() })
    }

    /// The marks of the stream below.
    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// What the connection speaks.
    pub(crate) fn speaks(&self) -> Speaks {
        match self.http {
            Http::One(..) => Speaks::Http1,
            Http::Two(..) => Speaks::Http2,
        }
    }

    /// Hands a request over; the future returned is to be polled through [`Self::poll_with`].
    pub(crate) fn send(&mut self, request: http::Request<Full<Bytes>>) -> Sending {
        match &mut self.http {
            Http::One(sender, _) => Box::pin(sender.send_request(request)),
            Http::Two(sender, _) => Box::pin(sender.send_request(request)),
        }
    }

    /// Polls `step`; while it waits, lets the connection move, and polls `step` again where that
    /// has brought news.
    pub(crate) fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Self { http: Http::One(_, driver), hush, .. } = self else { return step(cx) };
        hush.round(cx, |cx| {
            let done = step(cx);
            let (Poll::Pending, Some(connection)) = (&done, &mut *driver) else { return done };
            if connection.as_mut().poll(cx).is_ready() {
                // Its error, if any, has been handed to the response or its body.
                *driver = None;
            }
            if hush.has_news() { step(cx) } else { done }
        })
    }

    /// Whether another request can be sent. Lets the connection move once, so that a peer's close
    /// which has arrived is seen; does not wait.
    pub(crate) fn is_reusable(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        match &mut self.http {
            Http::One(sender, driver) => {
                let Some(connection) = driver else { return false };
                if connection.as_mut().poll(cx).is_ready() {
                    *driver = None;
                    return false;
                }
                sender.is_ready()
            }
            Http::Two(sender, _) => sender.is_ready() && !sender.is_closed(),
        }
    }
}
