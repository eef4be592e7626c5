//! What all exchanges with one target share: its endpoint, its headers, what it has refused.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::time::timeout;

use super::{
    own_beats::{Beaten, OwnBeats},
    own_sweeps::{OwnSweeps, Sweeping},
    sizes::{self, PrepareError, Sizes},
};
use crate::{
    client::{Aside, Endpoint, EndpointError, Tls, TlsSettings, Verify},
    clock::Stamp,
    config::{self, Secret, SecretError, SecretSource, Target, scrub},
    protocol::FieldSet,
    schedule::Meter,
    workload::{Sizing, Tokenizer},
};

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tokenbeat/", env!("CARGO_PKG_VERSION")));
const PROBE: HeaderName = HeaderName::from_static("x-tokenbeat-probe");

/// One target as the load sees it.
#[derive(Debug)]
pub struct Link {
    target: Arc<Target>,
    endpoint: Arc<Endpoint>,
    files: Aside,
    history: Arc<History>,
    tokenizer: OnceLock<Arc<Tokenizer>>,
}

/// What is known of an endpoint from what was sent to it.
#[derive(Debug, Default)]
struct History {
    refused: AtomicU8,
    meter: Mutex<Meter>,
    sweeps: Arc<OwnSweeps>,
    beats: OwnBeats,
    sizes: Sizes,
}

/// The headers of one exchange, and the secrets in them, to be struck out of whatever comes back.
pub(crate) struct Headers {
    pub(crate) map: HeaderMap,
    pub(crate) secrets: Vec<Secret>,
}

/// Headers that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadersError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the secret from {0} could not be read within {1:.1?}")]
    Slow(SecretSource, Duration),
    #[error("the value of the header {0} has characters that a header cannot carry")]
    Value(HeaderName),
}

impl Link {
    /// The link to `target`.
    ///
    /// # Errors
    /// If its URL is none that the client can go to; the configuration has ruled that out.
    pub fn new(target: Arc<Target>) -> Result<Arc<Self>, EndpointError> {
        let tls = &target.tls;
        let settings = TlsSettings {
            ca_file: tls.ca_file.clone(),
            client_cert: tls
                .client
                .as_ref()
                .map(|client| (client.cert_file.clone(), client.key_file.clone())),
            server_name: tls.server_name.clone(),
            verify: if tls.insecure_skip_verify { Verify::No } else { Verify::Yes },
        };
        let endpoint =
            Endpoint::new(&target.url, target.proxy_url.as_ref(), || Tls::new(settings))?;
        Ok(Arc::new(Self {
            target,
            endpoint,
            files: Aside::default(),
            history: Arc::default(),
            tokenizer: OnceLock::new(),
        }))
    }

    /// The link to `target`, which `self` becomes. Where it leads to the same endpoint, it shares
    /// what was spent and learnt there, and the idle connections.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn renewed(&self, target: Arc<Target>) -> Result<Arc<Self>, EndpointError> {
        if !self.leads_to(&target) {
            return Self::new(target);
        }
        let (endpoint, history) = (Arc::clone(&self.endpoint), Arc::clone(&self.history));
        let same = self.target.tokenizer == target.tokenizer;
        let tokenizer = if same { self.tokenizer.clone() } else { OnceLock::new() };
        Ok(Arc::new(Self { target, endpoint, files: Aside::default(), history, tokenizer }))
    }

    /// Whether `target` is reached the same way and speaks the same: the endpoint is the same one.
    pub fn leads_to(&self, target: &Target) -> bool {
        let way = |of: &Target| (of.url.clone(), of.proxy_url.clone(), of.tls.clone(), of.api);
        way(&self.target) == way(target)
    }

    /// The target.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The optional fields that the target has refused so far.
    pub(crate) fn refused(&self) -> FieldSet {
        FieldSet::from_bits(self.history.refused.load(Ordering::Relaxed))
    }

    /// Remembers that the target refuses `fields`, and says so once for each.
    pub(crate) fn refuse(&self, fields: FieldSet) {
        let before = self.history.refused.fetch_or(fields.bits(), Ordering::Relaxed);
        let before = FieldSet::from_bits(before);
        for field in fields.iter().filter(|field| !before.contains(*field)) {
            tracing::warn!(
                target = &*self.target.name,
                field = field.as_str(),
                "the target refuses an optional field; it is left out from now on"
            );
        }
    }

    /// Spends one request with at most `output_tokens`, if the budget still has it.
    pub(crate) fn spend(&self, output_tokens: u64) -> bool {
        let mut meter = self.history.meter.lock().unwrap_or_else(PoisonError::into_inner);
        meter.spend(self.target.budget, Stamp::now(), output_tokens)
    }

    /// Whether the budget has nothing left for one more request.
    pub fn is_spent(&self) -> bool {
        let mut meter = self.history.meter.lock().unwrap_or_else(PoisonError::into_inner);
        meter.is_spent(self.target.budget, Stamp::now())
    }

    /// One of our own sweeps runs on the endpoint, until what is returned is dropped: beats beside
    /// it say nothing of the target as others see it.
    pub fn sweeping(&self) -> Sweeping {
        self.history.sweeps.begin(Stamp::now())
    }

    /// Whether one of our own sweeps ran on the endpoint at any time between the two.
    pub(crate) fn was_swept(&self, from: Stamp, to: Stamp) -> bool {
        self.history.sweeps.ran_between(from, to)
    }

    /// A beat goes to the endpoint that asks for at most so many tokens; [`Self::beaten`] has to
    /// follow.
    pub(super) fn beats(&self, asked: u64) {
        self.history.beats.begin(asked);
    }

    /// That beat has ended, and had so much.
    pub(super) fn beaten(&self, asked: u64, had: Beaten) {
        self.history.beats.end(asked, had);
    }

    /// What our own beats had of the endpoint so far.
    pub(super) fn beaten_so_far(&self) -> Beaten {
        self.history.beats.so_far()
    }

    /// Reads the target's tokenizer, if it names one that is not read yet: from then on prompts of
    /// runs are sized exactly and the tokens of answers counted. Without it they are sized by what is
    /// learnt.
    ///
    /// # Errors
    /// If it cannot be had within `limit`. The next call tries again.
    pub async fn prepare(&self, limit: Duration) -> Result<(), PrepareError> {
        let Some(path) = self.target.tokenizer.clone() else { return Ok(()) };
        if self.tokenizer.get().is_some() {
            return Ok(());
        }
        let wanted = path.clone();
        match timeout(limit, self.files.run(move || sizes::read(&wanted))).await {
            Ok(Some(read)) => {
                // Another call may have been faster, with the same file.
                let read = Arc::new(read?);
                self.tokenizer.get_or_init(|| read);
                Ok(())
            }
            Ok(None) | Err(_) => Err(PrepareError::Slow(path, limit)),
        }
    }

    /// The model's own tokenizer, once [`Self::prepare`] has read it.
    pub fn tokenizer(&self) -> Option<&Arc<Tokenizer>> {
        self.tokenizer.get()
    }

    /// How prompts for `model` are sized now. Whoever needs prompts that stay the same keeps the
    /// value.
    pub fn sizing(&self, model: &str) -> Sizing {
        self.history.sizes.sizing(model, self.tokenizer())
    }

    /// Whether the length of prompts of about so many `words` for `model` was learnt.
    pub(super) fn knows(&self, model: &str, words: u32) -> bool {
        self.history.sizes.knows(model, self.tokenizer(), words)
    }

    /// Learns that a prompt of so many `words` ([`crate::workload::RequestPlan::words`]) had
    /// `prompt_tokens` by the server's count.
    pub fn learn(&self, model: &str, words: u32, prompt_tokens: u64) {
        self.history.sizes.learn(model, self.tokenizer(), words, prompt_tokens);
    }

    /// The headers of an exchange of `probe`. Secrets are read now, so rotation needs no reload,
    /// and each within `limit`.
    pub(crate) async fn headers(
        &self,
        probe: &str,
        limit: Duration,
    ) -> Result<Headers, HeadersError> {
        let mut headers = Headers { map: HeaderMap::new(), secrets: Vec::new() };
        for (name, values) in &self.target.http_headers {
            for value in values {
                let value = match value {
                    config::HeaderValue::Plain(value) => value.clone(),
                    config::HeaderValue::Secret(source) => {
                        headers.secret(name, self.read(source, limit).await?, "")?
                    }
                };
                headers.map.append(name.clone(), value);
            }
        }
        if let Some(authorization) = &self.target.authorization {
            let scheme = format!("{} ", authorization.scheme);
            let secret = self.read(&authorization.credentials, limit).await?;
            let value = headers.secret(&header::AUTHORIZATION, secret, &scheme)?;
            headers.map.insert(header::AUTHORIZATION, value);
        }
        headers.map.insert(header::USER_AGENT, USER_AGENT);
        if let Ok(probe) = HeaderValue::from_str(probe) {
            headers.map.insert(PROBE, probe);
        }
        Ok(headers)
    }

    /// Reads a secret; a file's on another thread, since every target's beats share this one.
    async fn read(&self, source: &SecretSource, limit: Duration) -> Result<Secret, HeadersError> {
        let SecretSource::File(_) = source else { return Ok(source.read()?) };
        let wanted = source.clone();
        match timeout(limit, self.files.run(move || wanted.read())).await {
            Ok(Some(read)) => Ok(read?),
            Ok(None) | Err(_) => Err(HeadersError::Slow(source.clone(), limit)),
        }
    }
}

impl Headers {
    fn secret(
        &mut self,
        name: &HeaderName,
        secret: Secret,
        prefix: &str,
    ) -> Result<HeaderValue, HeadersError> {
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", secret.expose()))
            .map_err(|_| HeadersError::Value(name.clone()))?;
        value.set_sensitive(true);
        self.secrets.push(secret);
        Ok(value)
    }

    /// Strikes the secrets out of a text that came from the server.
    pub(crate) fn scrub(&self, text: String) -> String {
        scrub(&self.secrets, text)
    }
}
