//! A streaming server behind TLS, of what the simulated engine does not do: HTTP/2 and client
//! certificates.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use hyper::{
    body::{Body, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Sleep, sleep},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::certificates::Pair;

/// Tokens of an answer.
pub const TOKENS: usize = 5;

/// Between two events.
const GAP: Duration = Duration::from_millis(5);

/// What one request looked like.
#[derive(Clone)]
pub struct Seen {
    pub version: Version,
    pub headers: http::HeaderMap,
    pub authority: Option<String>,
}

/// The server, on a thread of its own until it is dropped.
pub struct TlsServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl TlsServer {
    /// Serves with `pair`; `clients` is the authority of the certificates that clients must show.
    pub fn start(pair: &Pair, clients: Option<&str>, protocol: &str) -> Self {
        let mut config = server_config(pair, clients);
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener =
            runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (seen, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let (seeing, until) = (Arc::clone(&seen), stop.clone());
        let thread = thread::spawn(move || {
            let serving = serve(listener, acceptor, &seeing);
            runtime.block_on(until.run_until_cancelled(serving));
        });
        Self { address, seen, stop, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || thread::panicking(), "the server panicked");
        }
    }
}

fn server_config(pair: &Pair, clients: Option<&str>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(authority)).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    builder.with_single_cert(vec![certificate(&pair.certificate)], key).expect("a pair")
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, seen: &Arc<Mutex<Vec<Seen>>>) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(seen));
        connections.spawn(async move {
            let tls = match acceptor.accept(tcp).into_fallible().await {
                Ok(tls) => tls,
                Err((_, mut tcp)) => {
                    // The alert must not be overtaken by a reset: the client hangs up first.
                    drop(tokio::io::copy(&mut tcp, &mut tokio::io::sink()).await);
                    return;
                }
            };
            let is_h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
            let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
            let io = TokioIo::new(tls);
            // How a client leaves is its own affair.
            if is_h2 {
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                drop(http.serve_connection(io, service).await);
            } else {
                let http = hyper::server::conn::http1::Builder::new();
                drop(http.serve_connection(io, service).await);
            }
        });
    }
}

/// A streamed answer: a token every few milliseconds, then the end.
struct Events {
    sent: usize,
    pause: Pin<Box<Sleep>>,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.pause.as_mut().poll(cx));
        self.pause = Box::pin(sleep(GAP));
        let event = match self.sent {
            0..TOKENS => r#"{"choices":[{"index":0,"delta":{"content":" word"}}]}"#,
            TOKENS => "[DONE]",
            _ => return Poll::Ready(None),
        };
        self.sent += 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(format!("data: {event}\n\n"))))))
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Events>, Infallible> {
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
        version: request.version(),
        headers: request.headers().clone(),
        authority: request.uri().authority().map(ToString::to_string),
    });
    let events = Events { sent: 0, pause: Box::pin(sleep(GAP)) };
    let response = Response::builder().header("content-type", "text/event-stream");
    Ok(response.body(events).expect("a response"))
}
