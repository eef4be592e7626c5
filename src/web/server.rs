//! Listening sockets, connections and their end.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::crowd::{Crowd, Guest};

/// Connections open at once on one listener; for a further one the longest idle is closed.
const CONNECTIONS: usize = 256;

/// Longest wait for the first request of a connection: who connects has something to ask.
const FIRST_REQUEST: Duration = Duration::from_secs(5);

/// Longest wait for a further request's head. Above the usual intervals of scraping, so that a
/// scraper keeps its connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(65);

/// How long running answers may take once the shutdown has begun.
const DRAIN: Duration = Duration::from_secs(5);

/// Pause after an accept that failed: it fails again at once while descriptors are short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// The system's number for "no such address family".
const EAFNOSUPPORT: i32 = if cfg!(target_os = "linux") { 97 } else { 47 };

/// Listens on `address`. Done before anything else starts, so that an occupied port is an error
/// of the start and not of a task. `[::]` means every address of the machine, so where the system
/// has no IPv6 it is `0.0.0.0`.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let failed = |source| BindError { address, source };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) => match without_ipv6(address, &error) {
            Some(other) => TcpListener::bind(other).await.map_err(failed),
            None => Err(failed(error)),
        },
    }
}

/// What stands for `address` where `error` says that the system has no IPv6.
fn without_ipv6(address: SocketAddr, error: &io::Error) -> Option<SocketAddr> {
    let every = address.is_ipv6() && address.ip().is_unspecified();
    (every && error.raw_os_error() == Some(EAFNOSUPPORT))
        .then(|| (Ipv4Addr::UNSPECIFIED, address.port()).into())
}

/// Serves `router` on every listener until `shutdown`, then lets running answers end for at most
/// five seconds. Returns when every connection is closed or given up.
pub async fn serve(listeners: Vec<TcpListener>, router: Router, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let given_up = CancellationToken::new();
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(
            listener,
            router.clone(),
            connections.clone(),
            shutdown.clone(),
            given_up.clone(),
        ));
    }
    while accepting.join_next().await.is_some() {}
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        given_up.cancel();
        connections.wait().await;
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    connections: TaskTracker,
    shutdown: CancellationToken,
    given_up: CancellationToken,
) {
    let crowd = Crowd::new(CONNECTIONS);
    let next = async || {
        let accepted = listener.accept().await?;
        io::Result::Ok((accepted, crowd.seat().await))
    };
    while let Some(accepted) = shutdown.run_until_cancelled(next()).await {
        match accepted {
            Ok(((stream, _), seat)) => {
                let router = router.clone();
                let (shutdown, given_up) = (shutdown.clone(), given_up.clone());
                connections.spawn(async move {
                    if let Some(seat) = seat {
                        converse(stream, router, &seat.guest, shutdown, given_up).await;
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until its end, until its place is needed, the end of the drain, or an
/// error of the client's making.
async fn converse(
    stream: TcpStream,
    router: Router,
    guest: &Guest,
    shutdown: CancellationToken,
    given_up: CancellationToken,
) {
    // Small answers go out at once; a stream that is already gone tells at the first read.
    let _ = stream.set_nodelay(true);
    let answers = TowerToHyperService::new(router);
    let service = service_fn(|request| {
        guest.begins();
        let answer = answers.call(request);
        async {
            let answer = answer.await;
            guest.ends();
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = shutdown.cancelled() => None,
        () = guest.unwelcome(FIRST_REQUEST) => match guest.idle_since() {
            Some(_) => return,
            None => None,
        },
    };
    let ended = match ended {
        Some(ended) => Some(ended),
        None => {
            connection.as_mut().graceful_shutdown();
            given_up.run_until_cancelled(connection).await
        }
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_every_ipv4_address_where_there_is_no_ipv6() {
        let no_ipv6 = io::Error::from_raw_os_error(EAFNOSUPPORT);
        let taken = io::Error::from(io::ErrorKind::AddrInUse);
        for (address, error, other) in [
            ("[::]:9877", &no_ipv6, Some("0.0.0.0:9877")),
            ("[::]:9877", &taken, None),
            ("[::1]:9877", &no_ipv6, None),
            ("0.0.0.0:9877", &no_ipv6, None),
        ] {
            let other = other.map(|other| other.parse().expect("valid"));
            assert_eq!(without_ipv6(address.parse().expect("valid"), error), other, "{address}");
        }
    }
}
