//! A new connection: name, TCP, proxy, TLS, each with its stamp.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{endpoint::Endpoint, failure::Failure, marks::Marks, stamped::Stamped};
use crate::{
    clock::Stamp,
    timeline::{Outcome, Timeline},
};

/// Largest head that a proxy may answer `CONNECT` with.
const PROXY_HEAD: usize = 8 * 1024;

/// A dialled connection, before HTTP.
pub(crate) struct Dialled {
    pub(crate) io: Io,
    pub(crate) marks: Arc<Marks>,
    pub(crate) speaks: Speaks,
}

/// What was agreed on by ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

/// Bytes, with or without TLS, above a stamping stream.
pub(crate) enum Io {
    Plain(Stamped),
    Tls(Box<TlsStream<Stamped>>),
}

/// Dials `endpoint` within `limit` and stamps the phases into `timeline`.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    limit: Duration,
    timeline: &mut Timeline,
) -> Result<Dialled, Failure> {
    let deadline = Stamp::now().after(limit);
    let (host, port) = match &endpoint.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (endpoint.host.as_str(), endpoint.port),
    };
    let addresses =
        within(deadline, Outcome::Dns, "resolving the name", resolve(host, port, timeline)).await?;
    let mut stream = Stamped::new(connect(&addresses, deadline).await?);
    let marks = Arc::clone(stream.marks());
    timeline.connected = Some(Stamp::now());
    let Some(tls) = &endpoint.tls else {
        return Ok(Dialled { io: Io::Plain(stream), marks, speaks: Speaks::Http1 });
    };
    if endpoint.proxy.is_some() {
        let tunnelled = tunnel(&mut stream, endpoint);
        within(deadline, Outcome::Connect, "asking the proxy for a tunnel", tunnelled).await?;
    }
    let unusable = |error| Failure::new(Outcome::Tls, format!("TLS settings: {error}"));
    let config = async { tls.config().await.map_err(unusable) };
    let config = within(deadline, Outcome::Tls, "reading the TLS settings", config).await?;
    let name = tls.server_name(&endpoint.host).map_err(unusable)?;
    let handshake = async {
        let stream = TlsConnector::from(config).connect(name, stream).await;
        stream.map_err(|error| Failure::of_io(Outcome::Tls, "TLS handshake", &error))
    };
    let stream = within(deadline, Outcome::Tls, "TLS handshake", handshake).await?;
    timeline.tls = Some(Stamp::now());
    let speaks = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Speaks::Http2,
        _ => Speaks::Http1,
    };
    Ok(Dialled { io: Io::Tls(Box::new(stream)), marks, speaks })
}

async fn resolve(
    host: &str,
    port: u16,
    timeline: &mut Timeline,
) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found: Vec<_> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| Failure::of_io(Outcome::Dns, &format!("resolving {host}"), &error))?
        .collect();
    timeline.resolved = Some(Stamp::now());
    if found.is_empty() {
        return Err(Failure::new(Outcome::Dns, format!("{host} has no address")));
    }
    Ok(found)
}

/// Tries the addresses in turn; each gets its even share of the time that is left.
async fn connect(addresses: &[SocketAddr], deadline: Stamp) -> Result<TcpStream, Failure> {
    let mut last = Failure::new(Outcome::Connect, "no address to connect to");
    for (tried, address) in addresses.iter().enumerate() {
        let shares = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = deadline.since(Stamp::now()) / shares;
        last = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Without it, Nagle's algorithm could hold back the end of a request.
                stream.set_nodelay(true).map_err(|error| {
                    Failure::of_io(Outcome::Connect, &format!("connecting to {address}"), &error)
                })?;
                return Ok(stream);
            }
            Ok(Err(error)) => {
                Failure::of_io(Outcome::Connect, &format!("connecting to {address}"), &error)
            }
            Err(_) => Failure::new(
                Outcome::Connect,
                format!("connecting to {address}: no answer within {share:.1?}"),
            ),
        };
        if last.outcome == Outcome::Local {
            break;
        }
    }
    Err(last)
}

/// Asks an HTTP proxy for a tunnel to the endpoint.
async fn tunnel(stream: &mut Stamped, endpoint: &Endpoint) -> Result<(), Failure> {
    let refused = |detail: String| Failure::new(Outcome::Connect, format!("proxy: {detail}"));
    let host = if endpoint.host.contains(':') {
        format!("[{}]", endpoint.host)
    } else {
        endpoint.host.clone()
    };
    let target = format!("{host}:{}", endpoint.port);
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let io = |error: io::Error| Failure::of_io(Outcome::Connect, "proxy", &error);
    stream.write_all(request.as_bytes()).await.map_err(io)?;
    let mut head = Vec::with_capacity(256);
    // One byte at a time, so that nothing of the tunnel's own bytes is swallowed.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= PROXY_HEAD {
            return Err(refused(format!(
                "its answer to CONNECT is longer than {PROXY_HEAD} bytes"
            )));
        }
        head.push(stream.read_u8().await.map_err(io)?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(refused(format!(
            "it answered CONNECT with {:?}",
            line.chars().take(80).collect::<String>()
        ))),
    }
}

async fn within<T>(
    deadline: Stamp,
    late: Outcome,
    doing: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let left = deadline.since(Stamp::now());
    match timeout(left, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::new(late, format!("{doing}: not done within the time to connect"))),
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let (read, marks) = match self.get_mut() {
            Self::Plain(stream) => {
                let read = Pin::new(&mut *stream).poll_read(cx, out);
                (read, stream.marks())
            }
            Self::Tls(stream) => {
                let read = Pin::new(stream.as_mut()).poll_read(cx, out);
                let marks = stream.get_ref().0.marks();
                if let Poll::Ready(Err(error)) = &read
                    && let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref())
                {
                    marks.mark_tls_error(error);
                }
                (read, marks)
            }
        };
        marks.mark_plain(out.filled().len() - before);
        read
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
