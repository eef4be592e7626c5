//! The yardstick: a reader made of tokio, hyper and `serde_json`, as one writes it in an afternoon.
//!
//! It reads the same streams and knows when the first token came, and does nothing else: no
//! deadlines, no record of each token, no judgement. Its connections are spawned, its stamps are
//! those of our own clock when a frame comes out.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde::Deserialize;
use tokenbeat::{
    clock::Stamp,
    protocol::{Api, FieldSet},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    job::{Job, Record},
    ours::{MODEL, plan},
    worker::Exchanges,
};

type Sender = http1::SendRequest<Full<Bytes>>;

/// The bare reader.
pub(crate) struct Bare {
    authority: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    tokens: u32,
    idle: Mutex<Vec<Sender>>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<std::borrow::Cow<'a, str>>,
}

impl Bare {
    pub(crate) fn new(job: &Job) -> anyhow::Result<Self> {
        let url: url::Url = job.url.parse()?;
        let authority = url.authority().to_owned();
        let tls = job.ca_file.as_ref().map(|ca_file| {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(ca_file)?)?;
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let host = url.host_str().context("no host")?.to_owned();
            anyhow::Ok((TlsConnector::from(Arc::new(config)), ServerName::try_from(host)?))
        });
        Ok(Self { authority, tls: tls.transpose()?, tokens: job.tokens, idle: Mutex::default() })
    }

    async fn connect(&self) -> anyhow::Result<Sender> {
        let tcp = TcpStream::connect(&self.authority).await?;
        tcp.set_nodelay(true)?;
        match &self.tls {
            Some((connector, name)) => start(connector.connect(name.clone(), tcp).await?).await,
            None => start(tcp).await,
        }
    }

    async fn read(&self, due: Stamp, key: String) -> anyhow::Result<Record> {
        let idle = self.lock().pop();
        let reused = idle.is_some();
        let mut sender = match idle {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let body =
            Api::OpenaiChat.protocol().encode(&plan(&key, self.tokens), MODEL, FieldSet::EMPTY);
        let request = Request::post("/v1/chat/completions")
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let sent = Stamp::now();
        let mut response = sender.send_request(request).await?;
        ensure!(response.status() == 200, "status {}", response.status());
        let (mut buffer, mut first, mut tokens) = (BytesMut::new(), None, 0);
        while let Some(frame) = response.frame().await {
            let frame = frame?;
            let at = Stamp::now();
            let Some(data) = frame.data_ref() else { continue };
            buffer.extend_from_slice(data);
            while let Some(end) = memchr::memmem::find(&buffer, b"\n\n") {
                if is_token(&buffer[..end])? {
                    first.get_or_insert(at);
                    tokens += 1;
                }
                buffer.advance(end + 2);
            }
        }
        sender.ready().await?;
        self.lock().push(sender);
        let first = first.context("no token")?.as_nanos();
        let (due, sent) = (due.as_nanos(), sent.as_nanos());
        Ok(Record { key, due, sent, sent_after: None, first, tokens, exact: true, reused })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchanges for Bare {
    async fn exchange(&self, due: Stamp, key: String) -> Option<Record> {
        self.read(due, key).await.ok()
    }
}

async fn start(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> anyhow::Result<Sender> {
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    #[expect(clippy::disallowed_methods, reason = "what an ordinary client does")]
    tokio::spawn(async move {
        // Its error also reaches the reader.
        let _ = connection.await;
    });
    Ok(sender)
}

/// Whether an event has text that is not empty.
fn is_token(event: &[u8]) -> anyhow::Result<bool> {
    let Some(data) = event.strip_prefix(b"data: ") else { return Ok(false) };
    if data == b"[DONE]" {
        return Ok(false);
    }
    let chunk: Chunk<'_> = serde_json::from_slice(data)?;
    let content = chunk.choices.first().and_then(|choice| choice.delta.content.as_deref());
    Ok(content.is_some_and(|text| !text.is_empty()))
}
