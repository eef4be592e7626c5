//! A TCP stream that stamps its reads and writes. It stands below TLS, so the stamps are those of
//! the bytes on the wire.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use super::marks::Marks;
use crate::{
    clock::{Stamp, kernel},
    timeline::StampSource,
};

/// Largest read. Bytes go through a scratch buffer, one a thread, because filling hyper's own
/// buffer in place is not possible without `unsafe`; the copy of an event does not show.
const READ: usize = 16 * 1024;

struct Scratch {
    bytes: Vec<u8>,
    control: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> =
        RefCell::new(Scratch { bytes: vec![0; READ], control: kernel::control_buffer() });
}

/// Has the kernel stamp what this process receives from now on, and tells whose stamps to expect.
pub fn keep_stamping_on() -> StampSource {
    if kernel::keep_on() { StampSource::Kernel } else { StampSource::Read }
}

/// The stamping stream.
#[derive(Debug)]
pub(crate) struct Stamped {
    stream: TcpStream,
    marks: Arc<Marks>,
}

impl Stamped {
    /// Puts stamps on `stream`, with the kernel's help where it gives it.
    pub(crate) fn new(stream: TcpStream) -> Self {
        kernel::enable(&stream);
        Self { stream, marks: Arc::new(Marks::new()) }
    }

    /// The marks that this stream keeps.
    pub(crate) fn marks(&self) -> &Arc<Marks> {
        &self.marks
    }
}

impl AsyncRead for Stamped {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let want = out.remaining().min(READ);
        if want == 0 {
            return Poll::Ready(Ok(()));
        }
        SCRATCH.with_borrow_mut(|Scratch { bytes, control }| {
            loop {
                ready!(self.stream.poll_read_ready(cx))?;
                let mut got = None;
                let tried = self.stream.try_io(Interest::READABLE, || {
                    let (count, read, arrived) =
                        kernel::receive(&self.stream, &mut bytes[..want], control)?;
                    got = Some((count, read, arrived));
                    // A short read has emptied the socket: saying so here spares the next poll a
                    // receive that would only fail.
                    if 0 < count && count < want {
                        Err(io::ErrorKind::WouldBlock.into())
                    } else {
                        Ok(())
                    }
                });
                match (got, tried) {
                    (Some((count, read, arrived)), _) => {
                        if count > 0 {
                            self.marks.mark_read(read, arrived);
                            out.put_slice(&bytes[..count]);
                        }
                        return Poll::Ready(Ok(()));
                    }
                    (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                    (None, Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    (None, Err(error)) => return Poll::Ready(Err(error)),
                    (None, Ok(())) => return Poll::Ready(Ok(())),
                }
            }
        })
    }
}

impl AsyncWrite for Stamped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let began = Stamp::now();
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.marks.mark_write(began, Stamp::now());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Two writes, each read on its own, with the reader asleep in between: the stamps must be
    /// those of the arrivals, not of the reads.
    #[tokio::test]
    async fn a_late_read_keeps_the_arrival() {
        kernel::keep_on();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut client, mut server) =
            (Stamped::new(client.expect("connected")), server.expect("accepted").0);
        let marks = Arc::clone(client.marks());
        let mut buffer = [0; 64];
        let mut kernel_stamps = 0;
        // Stamping is switched on asynchronously, so early reads may have no kernel stamp.
        for _ in 0..20 {
            let sent = Stamp::now();
            server.write_all(b"event").await.expect("written");
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert_eq!(client.read(&mut buffer).await.expect("read"), 5);
            let arrival = marks.last_read().expect("marked");
            if let Some(delay) = arrival.read_delay {
                kernel_stamps += 1;
                assert!(arrival.at >= sent, "an arrival before its sending");
                assert!(
                    delay > Duration::from_millis(10),
                    "the wait in the socket shows: {delay:?}"
                );
            }
        }
        if cfg!(target_os = "linux") {
            assert!(kernel_stamps > 0, "no kernel stamp in 20 reads");
        }
    }
}
