//! A collector of our own: OTLP over gRPC and over HTTP, with or without TLS, read with the types of
//! the `opentelemetry-proto` crate and tonic's server, of which the binary has neither.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::Read as _,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use prost::Message;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Notify,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, codec::CompressionEncoding};

use crate::certificates::Pair;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Grpc,
    Http,
}

impl Speaks {
    /// As the configuration calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// How one export is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It is taken.
    Take,
    /// It is taken, but for so many points.
    TakeInPart(i64),
    /// Come again, in so many seconds; over gRPC it is the delay alone that makes it worth that.
    Later(u8),
    /// Never. The text goes along.
    Refuse(String),
    /// Elsewhere: a redirect; over gRPC a refusal.
    Redirect(String),
    /// Nothing at all, for a minute.
    Hang,
}

/// An export that came.
#[derive(Clone, Debug)]
pub enum Export {
    Metrics(ExportMetricsServiceRequest),
    Traces(ExportTraceServiceRequest),
}

/// What came, and what is to be answered; the last reply stands for all that follow.
#[derive(Default)]
struct Book {
    exports: Vec<(HeaderMap, Export)>,
    connections: usize,
    replies: VecDeque<Reply>,
}

#[derive(Clone, Default)]
struct Desk {
    book: Arc<Mutex<Book>>,
    /// Tells the connections of the moment to end.
    dismissal: Arc<Notify>,
}

/// The collector, on a thread of its own until it is dropped.
pub struct Collector {
    address: SocketAddr,
    scheme: &'static str,
    desk: Desk,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    /// One that answers with `replies`, the last of which it repeats.
    pub fn start(speaks: Speaks, tls: Option<&Pair>, replies: &[Reply]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener =
            runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (desk, stop) = (Desk::default(), CancellationToken::new());
        desk.lock().replies.extend(replies.iter().cloned());
        let acceptor = tls.map(|pair| acceptor(pair, speaks));
        let (at, until) = (desk.clone(), stop.clone());
        let thread = thread::spawn(move || {
            runtime.block_on(until.run_until_cancelled(serve(listener, acceptor, speaks, at)));
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        Self { address, scheme, desk, stop, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Everything that came so far, with its headers.
    pub fn exports(&self) -> Vec<(HeaderMap, Export)> {
        self.desk.lock().exports.clone()
    }

    /// The metrics that came so far.
    pub fn metrics(&self) -> Vec<ExportMetricsServiceRequest> {
        let metrics = |(_, export)| match export {
            Export::Metrics(request) => Some(request),
            Export::Traces(_) => None,
        };
        self.exports().into_iter().filter_map(metrics).collect()
    }

    /// The traces that came so far.
    pub fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        let traces = |(_, export)| match export {
            Export::Traces(request) => Some(request),
            Export::Metrics(_) => None,
        };
        self.exports().into_iter().filter_map(traces).collect()
    }

    /// Connections that came so far.
    pub fn connections(&self) -> usize {
        self.desk.lock().connections
    }

    /// Takes no further request on the connections that there are: GOAWAY.
    pub fn dismiss(&self) {
        self.desk.dismissal.notify_waiters();
    }

    /// From now on it answers so.
    pub fn answer(&self, reply: Reply) {
        self.desk.lock().replies = VecDeque::from([reply]);
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || thread::panicking(), "the collector panicked");
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, headers: HeaderMap, export: Export) -> Reply {
        let mut book = self.lock();
        book.exports.push((headers, export));
        match book.replies.len() {
            0 => Reply::Take,
            1 => book.replies[0].clone(),
            _ => book.replies.pop_front().expect("several"),
        }
    }

    /// The answer of gRPC: how many points were refused.
    async fn over_grpc(&self, headers: HeaderMap, export: Export) -> Result<i64, Status> {
        match self.take(headers, export) {
            Reply::Take => Ok(0),
            Reply::TakeInPart(rejected) => Ok(rejected),
            Reply::Later(seconds) => Err(Status::with_details(
                Code::ResourceExhausted,
                "come again",
                retry_info(seconds),
            )),
            Reply::Refuse(why) | Reply::Redirect(why) => Err(Status::unauthenticated(why)),
            Reply::Hang => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Err(Status::internal("slept"))
            }
        }
    }

    async fn over_http(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let is = |name, value: &str| head.headers.get(name).is_some_and(|found| found == value);
        assert!(is(header::CONTENT_TYPE, "application/x-protobuf"), "{head:?}");
        let body = body.collect().await.expect("a body").to_bytes();
        let mut plain = Vec::new();
        if is(header::CONTENT_ENCODING, "gzip") {
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).expect("gzip");
        } else {
            plain.extend_from_slice(&body);
        }
        let plain = Bytes::from(plain);
        let export = match head.uri.path() {
            "/base/v1/metrics" => Export::Metrics(Message::decode(plain).expect("metrics")),
            "/base/v1/traces" => Export::Traces(Message::decode(plain).expect("traces")),
            path => panic!("{path}"),
        };
        let answer = Response::builder();
        let built = match self.take(head.headers, export) {
            Reply::Take => answer.body(Full::default()),
            Reply::TakeInPart(rejected) => {
                answer.body(Full::from(partial(rejected).encode_to_vec()))
            }
            Reply::Later(seconds) => answer
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .header(header::RETRY_AFTER, u16::from(seconds))
                .body(Full::default()),
            Reply::Refuse(why) => answer.status(StatusCode::UNAUTHORIZED).body(Full::from(why)),
            Reply::Redirect(to) => answer
                .status(StatusCode::TEMPORARY_REDIRECT)
                .header(header::LOCATION, to)
                .body(Full::default()),
            Reply::Hang => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                answer.status(StatusCode::INTERNAL_SERVER_ERROR).body(Full::default())
            }
        };
        Ok(built.expect("an answer"))
    }
}

/// `google.rpc.Status` with a `RetryInfo` of so many seconds, written by hand: field by field.
fn retry_info(seconds: u8) -> Bytes {
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("short");
        [&[number << 3 | 2, length], content].concat()
    }
    let duration = [8, seconds];
    let info = field(1, &duration);
    let kind = field(1, b"type.googleapis.com/google.rpc.RetryInfo");
    let any = [kind, field(2, &info)].concat();
    [vec![8, 8], field(2, b"come again"), field(3, &any)].concat().into()
}

fn partial(rejected: i64) -> ExportMetricsServiceResponse {
    let message = ExportMetricsPartialSuccess {
        rejected_data_points: rejected,
        error_message: "some are too old".into(),
    };
    ExportMetricsServiceResponse { partial_success: (rejected > 0).then_some(message) }
}

#[tonic::async_trait]
impl MetricsService for Desk {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, Status> {
        let (head, _, export) = request.into_parts();
        let rejected = self.over_grpc(head.into_headers(), Export::Metrics(export)).await?;
        Ok(tonic::Response::new(partial(rejected)))
    }
}

#[tonic::async_trait]
impl TraceService for Desk {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let (head, _, export) = request.into_parts();
        self.over_grpc(head.into_headers(), Export::Traces(export)).await?;
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

fn acceptor(pair: &Pair, speaks: Speaks) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    config.alpn_protocols = match speaks {
        Speaks::Grpc => vec![b"h2".to_vec()],
        Speaks::Http => vec![b"http/1.1".to_vec()],
    };
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, speaks: Speaks, desk: Desk) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let (acceptor, desk) = (acceptor.clone(), desk.clone());
        desk.lock().connections += 1;
        connections.spawn(async move {
            match acceptor {
                None => answer(tcp, speaks, desk).await,
                Some(acceptor) => {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        answer(tls, speaks, desk).await;
                    }
                }
            }
        });
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    speaks: Speaks,
    desk: Desk,
) {
    let io = TokioIo::new(stream);
    // How a client leaves is its own affair.
    match speaks {
        Speaks::Http => {
            let service = service_fn(move |request| desk.clone().over_http(request));
            drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).await);
        }
        Speaks::Grpc => {
            let gzip = CompressionEncoding::Gzip;
            let metrics = MetricsServiceServer::new(desk.clone()).accept_compressed(gzip);
            let dismissal = Arc::clone(&desk.dismissal);
            let traces = TraceServiceServer::new(desk).accept_compressed(gzip);
            let routes = tonic::service::Routes::new(metrics).add_service(traces).prepare();
            let service = TowerToHyperService::new(routes);
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let mut serving = pin!(http.serve_connection(io, service));
            let dismissed = tokio::select! {
                _ = serving.as_mut() => false,
                () = dismissal.notified() => true,
            };
            if dismissed {
                serving.as_mut().graceful_shutdown();
                drop(serving.await);
            }
        }
    }
}
