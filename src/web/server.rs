//! Listening sockets, connections and their end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections open at once on one listener; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 256;

/// Longest wait for a request's head on an open connection. Also closes idle ones.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long running answers may take once the shutdown has begun.
const DRAIN: Duration = Duration::from_secs(5);

/// Pause after an accept that failed: it fails again at once while descriptors are short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// Listens on `address`. Done before anything else starts, so that an occupied port is an error
/// of the start and not of a task.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
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
    let open = Arc::new(Semaphore::new(CONNECTIONS));
    let next = async || {
        // The semaphore is never closed, so the permit is there.
        let permit = Arc::clone(&open).acquire_owned().await.ok();
        (permit, listener.accept().await)
    };
    while let Some((permit, accepted)) = shutdown.run_until_cancelled(next()).await {
        match accepted {
            Ok((stream, _)) => {
                let connection =
                    converse(stream, router.clone(), shutdown.clone(), given_up.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until its end, the end of the drain, or an error of the client's making.
async fn converse(
    stream: TcpStream,
    router: Router,
    shutdown: CancellationToken,
    given_up: CancellationToken,
) {
    // Small answers go out at once; a stream that is already gone tells at the first read.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = shutdown.cancelled() => None,
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
