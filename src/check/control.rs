//! Control requests: the few plain GETs beside the measured request.
//!
//! The only home of reqwest. They go to the target's own origin and nowhere else: redirects are
//! not followed and the environment names no proxy, for they carry the target's credentials. Trust
//! is the target's own, from the same TLS configuration as that of the measured path.

use std::{error::Error, net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, header};
use reqwest::{Client, ClientBuilder, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::{net::lookup_host, time::timeout};
use url::{Origin, Url};

use super::heard::Heard;
use crate::{
    client::chain,
    clock::Stamp,
    load::{Headers, Link},
};

/// What control requests call themselves in `X-Tokenbeat-Probe`.
const PROBE: &str = "check";

/// Most of a body that is read. The longest model lists have half a megabyte.
const MAX_BODY: usize = 4 << 20;

/// Why a check cannot even begin: what our side lacks.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The credentials or headers cannot be read or sent.
    #[error("the headers cannot be made: {0}")]
    Headers(String),
    /// The TLS material cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// `server_name` asks for what control requests cannot do.
    #[error("a server_name that is an address, or goes with a proxy, cannot be checked")]
    ServerName,
    /// The control client cannot be made.
    #[error("the client for control requests cannot be made: {0}")]
    Client(String),
}

/// Why a control request heard nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Silence {
    /// There is no connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// Nothing, or not everything, came in time.
    #[error("no answer within {}", super::words::duration(*.0))]
    Timeout(Duration),
    /// The exchange broke.
    #[error("no whole answer: {0}")]
    Broken(String),
}

/// The control requests of one check, and what they heard.
pub(super) struct Control {
    client: Client,
    /// The target's own origin, and its root under the name that is verified.
    origin: Origin,
    root: Url,
    headers: Headers,
    limit: Duration,
    heard: Vec<Heard>,
}

impl Control {
    /// Control requests to the target behind `link`, each of which has `limit`.
    pub(super) async fn new(link: &Link, limit: Duration) -> Result<Self, CheckError> {
        let mut headers = link
            .headers(PROBE, limit)
            .await
            .map_err(|error| CheckError::Headers(error.to_string()))?;
        let target = link.target();
        let (origin, mut root) = (target.url.origin(), target.url.clone());
        let mut client = Client::builder().redirect(redirect::Policy::none()).no_proxy();
        if let Some(proxy) = &target.proxy_url {
            client = client.proxy(reqwest::Proxy::all(proxy.clone()).map_err(unusable)?);
        }
        let client = client.tls_backend_preconfigured(tls_config(link, limit).await?);
        let client = match &target.tls.server_name {
            Some(name) if root.scheme() == "https" => {
                let host = HeaderValue::from_str(&link.endpoint().authority);
                headers.map.insert(header::HOST, host.map_err(|_| CheckError::ServerName)?);
                under_name(client, name, &mut root, link, limit).await?
            }
            _ => client,
        };
        let client = client.build().map_err(unusable)?;
        Ok(Self { client, origin, root, headers, limit, heard: Vec::new() })
    }

    /// Asks for `path`, once: what has been heard before is not asked for again.
    pub(super) async fn ask(&mut self, path: &'static str) -> Result<&Heard, Silence> {
        if let Some(at) = self.heard.iter().position(|heard| heard.path == path) {
            return Ok(&self.heard[at]);
        }
        let heard = timeout(self.limit, self.get(path))
            .await
            .map_err(|_| Silence::Timeout(self.limit))??;
        tracing::debug!(path, status = heard.status, "a control request was answered");
        self.heard.push(heard);
        Ok(&self.heard[self.heard.len() - 1])
    }

    /// Everything that was heard so far.
    pub(super) fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// Strikes the secrets out of a text.
    pub(super) fn scrub(&self, text: String) -> String {
        self.headers.scrub(text)
    }

    /// What stands at `url`, which the configuration names. The target's headers, and with them its
    /// credentials, go along only if that is the target's own origin.
    pub(super) async fn text_at(&self, url: &Url) -> Result<String, String> {
        let mut url = url.clone();
        let headers = match url.origin() == self.origin {
            true => {
                // It has the same host in other words; one that cannot be set stays as it was.
                let _ = url.set_host(self.root.host_str());
                self.headers.map.clone()
            }
            false => HeaderMap::new(),
        };
        let fetched = timeout(self.limit, self.fetch("", url, headers)).await;
        match fetched.unwrap_or(Err(Silence::Timeout(self.limit))) {
            // A part of an exposition must not pass for the whole.
            Ok(heard) if heard.body.len() >= MAX_BODY => {
                Err(format!("an answer of {} MiB or more", MAX_BODY >> 20))
            }
            Ok(heard) if heard.status == 200 => Ok(heard.body),
            Ok(heard) => Err(format!("status {}", heard.status)),
            Err(silence) => Err(silence.to_string()),
        }
    }

    async fn get(&self, path: &'static str) -> Result<Heard, Silence> {
        self.fetch(path, below(&self.root, path), self.headers.map.clone()).await
    }

    async fn fetch(
        &self,
        path: &'static str,
        url: Url,
        headers: HeaderMap,
    ) -> Result<Heard, Silence> {
        let start = Stamp::now();
        let request = self.client.get(url).headers(headers);
        let broken = |error: reqwest::Error| self.silence(&error);
        let mut response = request.send().await.map_err(broken)?;
        let mut body = Vec::new();
        while body.len() < MAX_BODY
            && let Some(chunk) = response.chunk().await.map_err(broken)?
        {
            body.extend_from_slice(&chunk[..chunk.len().min(MAX_BODY - body.len())]);
        }
        Ok(Heard {
            path,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: self.headers.scrub(String::from_utf8_lossy(&body).into_owned()),
            took: Stamp::now().since(start),
        })
    }

    fn silence(&self, error: &reqwest::Error) -> Silence {
        // The outer two errors only say that a request was to be sent, and where to.
        let cause = error.source().and_then(|client| client.source());
        let told = cause.map_or_else(|| "nothing more is known".to_owned(), chain);
        let line = self.headers.scrub(told);
        if error.is_connect() { Silence::Connect(line) } else { Silence::Broken(line) }
    }
}

/// `path` below the root of a target. A base URL may name the API's version (`…/v1`), but health,
/// versions and metrics lie beside that, not below it.
pub(super) fn below(root: &Url, path: &str) -> Url {
    let base = root.path().trim_end_matches('/');
    let base = base.strip_suffix("/v1").unwrap_or(base);
    let mut url = root.clone();
    url.set_path(&format!("{base}{path}"));
    url
}

fn unusable(error: reqwest::Error) -> CheckError {
    CheckError::Client(chain(&error.without_url()))
}

/// The TLS configuration of the measured path, less HTTP/2, which this client does not speak. For
/// a target without TLS it is one that trusts nobody, because the client cannot do without any.
async fn tls_config(link: &Link, limit: Duration) -> Result<ClientConfig, CheckError> {
    let Some(tls) = &link.endpoint().tls else {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| CheckError::Tls(error.to_string()))?;
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    };
    let built = timeout(limit, tls.config())
        .await
        .map_err(|_| CheckError::Tls(format!("its files could not be read within {limit:.1?}")))?
        .map_err(|error| CheckError::Tls(error.to_string()))?;
    let mut config = ClientConfig::clone(&built);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Goes to the target under another name, as `tls_config.server_name` asks: reqwest verifies the
/// host of the URL, so that becomes the name, and the name resolves to the target's addresses.
async fn under_name(
    client: ClientBuilder,
    name: &str,
    root: &mut Url,
    link: &Link,
    limit: Duration,
) -> Result<ClientBuilder, CheckError> {
    if name.parse::<IpAddr>().is_ok() || link.target().proxy_url.is_some() {
        return Err(CheckError::ServerName);
    }
    root.set_host(Some(name)).map_err(|_| CheckError::ServerName)?;
    let endpoint = link.endpoint();
    let found = timeout(limit, lookup_host((endpoint.host.as_str(), endpoint.port))).await;
    // A name without addresses shows itself as a connection that fails.
    let addresses: Vec<_> = found.ok().and_then(Result::ok).into_iter().flatten().collect();
    Ok(client.resolve_to_addrs(name, &addresses))
}
