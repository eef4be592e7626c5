//! A scripted HTTP server on loopback: every path has its answer, and what was asked is on record.
//!
//! One request a connection; requests and waits are bounded. Knows nothing of what it plays.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// Longest life of a connection.
const LIFE: Duration = Duration::from_secs(20);

/// Most of a request that is read.
const MAX_REQUEST: usize = 64 * 1024;

/// What a path is answered with.
#[derive(Clone)]
pub enum Reply {
    /// This answer.
    Whole(Answer),
    /// The first answer once, from then on the second.
    InTurn(Answer, Answer),
    /// Nothing, and the connection stays open.
    Silence,
    /// Status 401 and an error that quotes the `Authorization` header, as OpenAI's does.
    QuotesKey,
}

/// An answer: status line and headers, and a body whose length the server adds.
#[derive(Clone)]
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: &str, kind: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n");
        Self { head, body: body.into() }
    }

    /// The answer in the files `path.headers` and `path.body`, without their framing.
    pub fn read(path: &Path) -> Self {
        let headers = path.with_extension("headers");
        let text = std::fs::read_to_string(&headers)
            .unwrap_or_else(|error| panic!("{}: {error}", headers.display()));
        let framing = ["content-length", "transfer-encoding", "connection", "keep-alive"];
        let kept = text.lines().filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_lowercase();
            !line.is_empty() && !framing.contains(&name.as_str())
        });
        let head = kept.map(|line| format!("{line}\r\n")).collect();
        Self { head, body: std::fs::read(path.with_extension("body")).expect("a body") }
    }
}

/// What a server plays.
#[derive(Clone)]
pub struct Script {
    pub paths: HashMap<String, Reply>,
    pub otherwise: Reply,
}

/// The server. Ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Plays `script` in the open.
    pub async fn play(script: Script) -> Self {
        Self::start(script, None).await
    }

    /// Plays `script` under TLS, with a new certificate for `names`, which is the second value.
    pub async fn play_tls(script: Script, names: &[&str]) -> (Self, String) {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let issued = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], PrivateKeyDer::from(key))
            .expect("a pair");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (Self::start(script, Some(acceptor)).await, issued.cert.pem())
    }

    async fn start(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (record, script) = (Arc::clone(&asked), Arc::new(script));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, record) = (Arc::clone(&script), Arc::clone(&record));
                let tls = tls.clone();
                connections.spawn(async move {
                    let served = async {
                        match tls {
                            Some(tls) => serve(tls.accept(stream).await?, &script, &record).await,
                            None => serve(stream, &script, &record).await,
                        }
                    };
                    // A client that goes away early is no matter of the server's.
                    let _ = timeout(LIFE, served).await;
                });
            }
        });
        Self { address, scheme, asked, _tasks: tasks }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The requests so far, heads and bodies, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &Script,
    record: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let request = request(&mut stream).await?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let before = {
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.push(request.clone());
        let same = |asked: &&String| asked.split(' ').nth(1) == Some(path.as_str());
        record.iter().filter(same).count() - 1
    };
    let answer = match script.paths.get(&path).unwrap_or(&script.otherwise) {
        Reply::Whole(answer) => answer.clone(),
        Reply::InTurn(first, _) if before == 0 => first.clone(),
        Reply::InTurn(_, then) => then.clone(),
        Reply::Silence => {
            tokio::time::sleep(LIFE).await;
            return Ok(());
        }
        Reply::QuotesKey => {
            let key = request.lines().find(|line| line.to_lowercase().starts_with("authorization"));
            let body =
                format!(r#"{{"error":{{"message":"wrong key: {}"}}}}"#, key.unwrap_or("none"));
            Answer::new("401 Unauthorized", "application/json", &body)
        }
    };
    let length = answer.body.len();
    let head = format!("{}content-length: {length}\r\nconnection: close\r\n\r\n", answer.head);
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&answer.body).await?;
    stream.shutdown().await
}

/// The head and the body of a request.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > MAX_REQUEST {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
