//! Bytes on one connection, plain or TLS.
//!
//! Owns the buffered reads, the writes with their stamp, and waiting while an eye is kept on the
//! peer. Must not know HTTP.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use crate::clock::{Stamp, kernel};

/// A peer that reads nothing for this long is given up.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);
/// Read at once.
const READ: usize = 4 * 1024;
/// What a peer may send ahead while it waits for an answer.
const READ_AHEAD: usize = 64 * 1024;

/// One connection.
pub(super) struct Wire {
    io: Io,
    buffer: BytesMut,
    read_at: Stamp,
    received_at: Option<Stamp>,
}

enum Io {
    Plain(TcpStream),
    /// With room for the kernel's stamps of what is read.
    Stamped(TcpStream, Vec<u8>),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(super) fn plain(tcp: TcpStream) -> Self {
        Self::over(Io::Plain(tcp))
    }

    /// With the kernel's stamps, where it gives any.
    pub(super) fn stamped(tcp: TcpStream) -> Self {
        kernel::enable(&tcp);
        Self::over(Io::Stamped(tcp, kernel::control_buffer()))
    }

    pub(super) fn tls(tls: TlsStream<TcpStream>) -> Self {
        Self::over(Io::Tls(Box::new(tls)))
    }

    fn over(io: Io) -> Self {
        Self { io, buffer: BytesMut::new(), read_at: Stamp::now(), received_at: None }
    }

    /// What was read and not yet taken.
    pub(super) const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// When the latest bytes were read.
    pub(super) const fn read_at(&self) -> Stamp {
        self.read_at
    }

    /// When the kernel had received them, if it tells.
    pub(super) const fn received_at(&self) -> Option<Stamp> {
        self.received_at
    }

    /// Reads more into the buffer; 0 is the end of the stream. Safe to cancel.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ);
        let read = match &mut self.io {
            Io::Plain(tcp) => tcp.read_buf(&mut self.buffer).await?,
            Io::Stamped(tcp, control) => {
                let (read, at) = receive(tcp, &mut self.buffer, control).await?;
                self.received_at = at;
                read
            }
            Io::Tls(tls) => tls.read_buf(&mut self.buffer).await?,
        };
        self.read_at = Stamp::now();
        Ok(read)
    }

    /// Writes all of `bytes`. The stamp was taken right before the write that carried the first of
    /// them.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<Stamp> {
        match &mut self.io {
            Io::Plain(tcp) | Io::Stamped(tcp, _) => send_plain(tcp, bytes).await,
            Io::Tls(tls) => {
                let at = Stamp::now();
                let write = async {
                    tls.write_all(bytes).await?;
                    tls.flush().await
                };
                timeout(WRITE_PATIENCE, write).await??;
                Ok(at)
            }
        }
    }

    /// Waits until `due`, or fails as soon as the peer is gone.
    pub(super) async fn pause(&mut self, due: Stamp) -> io::Result<()> {
        let wait = due.since(Stamp::now());
        if wait.is_zero() {
            tokio::task::coop::consume_budget().await;
            return Ok(());
        }
        tokio::select! {
            biased;
            () = sleep(wait) => Ok(()),
            gone = self.gone() => Err(gone),
        }
    }

    /// Resolves when the peer closes or breaks the connection. A peer that only closed its sending
    /// side counts as gone, as it does for the common HTTP servers. Safe to cancel.
    pub(super) async fn gone(&mut self) -> io::Error {
        while self.buffer.len() < READ_AHEAD {
            match self.fill().await {
                Ok(0) => return io::ErrorKind::ConnectionAborted.into(),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
        // A peer that talks this much without listening is watched by the writes alone.
        std::future::pending().await
    }

    /// Closes in order: TLS is told, then the sending side ends.
    pub(super) async fn close(mut self) {
        let shutdown = async {
            match &mut self.io {
                Io::Plain(tcp) | Io::Stamped(tcp, _) => tcp.shutdown().await,
                Io::Tls(tls) => tls.shutdown().await,
            }
        };
        // The peer may be gone already: then there is nothing to close.
        let _ = timeout(Duration::from_secs(1), shutdown).await;
    }

    /// Breaks the connection with a TCP reset.
    pub(super) fn reset(self) -> io::Result<()> {
        match &self.io {
            Io::Plain(tcp) | Io::Stamped(tcp, _) => tcp.set_zero_linger(),
            Io::Tls(tls) => tls.get_ref().0.set_zero_linger(),
        }
    }
}

/// Reads with the kernel's stamp of the latest byte.
async fn receive(
    tcp: &TcpStream,
    buffer: &mut BytesMut,
    control: &mut [u8],
) -> io::Result<(usize, Option<Stamp>)> {
    let before = buffer.len();
    let mut read = || {
        buffer.resize(before + READ, 0);
        let received = kernel::receive(tcp, &mut buffer[before..], control);
        buffer.truncate(before + received.as_ref().map_or(0, |(count, ..)| *count));
        received.map(|(count, _, at)| (count, at))
    };
    tcp.async_io(Interest::READABLE, &mut read).await
}

/// Tries the write before it waits for room, so that nothing stands between stamp and system call.
async fn send_plain(tcp: &TcpStream, mut bytes: &[u8]) -> io::Result<Stamp> {
    let mut first = None;
    while !bytes.is_empty() {
        let at = Stamp::now();
        match tcp.try_write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                first.get_or_insert(at);
                bytes = &bytes[written..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                timeout(WRITE_PATIENCE, tcp.writable()).await??;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(first.unwrap_or_else(Stamp::now))
}
