//! The way to one collector: where it is, what goes along with every request, what came back.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::{
    Signal, grpc, http as over_http,
    message::{PartialSuccess, Response},
    pack::Packing,
};
use crate::{
    client::{Aside, Endpoint, EndpointError, Tls, TlsSettings, Verify, Wire},
    config::{self, Otlp, OtlpProtocol, Secret, SecretSource, scrub},
};

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tokenbeat/", env!("CARGO_PKG_VERSION")));

/// Most of what a server says that is told on, in characters.
const MOST: usize = 300;

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The collector took it.
    Taken,
    /// The collector took it, but for a part.
    InPart(PartialSuccess),
    /// The collector refused it, and would do so again.
    Refused(String),
    /// It may be taken later.
    Later {
        /// Why not now.
        why: String,
        /// When the collector wants to be asked again.
        after: Option<Duration>,
    },
}

/// The way to a collector.
#[derive(Debug)]
pub(super) struct Channel {
    settings: Otlp,
    endpoint: Arc<Endpoint>,
    files: Aside,
}

impl Answer {
    /// The answer of a collector that took it.
    pub(super) fn taken(response: Response) -> Self {
        match response.partial_success {
            // A message without a number is advice.
            Some(partial) if partial.rejected > 0 || !partial.message.is_empty() => {
                Self::InPart(partial)
            }
            _ => Self::Taken,
        }
    }
}

impl Channel {
    /// The way that `settings` describe.
    pub(super) fn new(settings: Otlp) -> Result<Self, EndpointError> {
        let tls = &settings.tls;
        let client = tls.client.as_ref();
        let tls = TlsSettings {
            ca_file: tls.ca_file.clone(),
            client_cert: client.map(|one| (one.cert_file.clone(), one.key_file.clone())),
            server_name: tls.server_name.clone(),
            verify: if tls.insecure_skip_verify { Verify::No } else { Verify::Yes },
        };
        let endpoint = Endpoint::new(&settings.endpoint, None, || Tls::new(tls))?;
        Ok(Self { settings, endpoint, files: Aside::default() })
    }

    /// How requests are packed for it.
    pub(super) fn packing(&self) -> Packing {
        Packing { protocol: self.settings.protocol, compression: self.settings.compression }
    }

    /// Longest wait for an answer.
    pub(super) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Sends a packed request and waits for its answer, at most for `limit`. What the server says
    /// comes without the secrets that were sent.
    pub(super) async fn send(&self, signal: Signal, request: Bytes, limit: Duration) -> Answer {
        let headers = tokio::time::timeout(limit, self.headers()).await;
        let (mut headers, secrets) = match headers {
            Ok(Ok(headers)) => headers,
            Ok(Err(why)) => return Answer::Later { why, after: None },
            Err(_) => {
                let why = format!("a secret could not be read within {limit:.1?}");
                return Answer::Later { why, after: None };
            }
        };
        let (wire, path) = match self.settings.protocol {
            OtlpProtocol::Grpc => {
                grpc::headers(&mut headers, self.settings.compression, limit);
                (Wire::Http2, grpc::path(signal))
            }
            OtlpProtocol::Http => {
                over_http::headers(&mut headers, self.settings.compression);
                (Wire::Any, over_http::path(signal))
            }
        };
        let answer = match self.endpoint.post(wire, path, &headers, request, limit).await {
            Ok(posted) if self.settings.protocol == OtlpProtocol::Grpc => grpc::read(&posted),
            Ok(posted) => over_http::read(&posted),
            Err(failure) => Answer::Later { why: failure.detail, after: None },
        };
        answer.without(&secrets)
    }

    /// The headers of a request, and the secrets in them, each read anew.
    async fn headers(&self) -> Result<(HeaderMap, Vec<Secret>), String> {
        let (mut headers, mut secrets) = (HeaderMap::new(), Vec::new());
        for (name, values) in &self.settings.headers {
            for value in values {
                let value = match value {
                    config::HeaderValue::Plain(value) => value.clone(),
                    config::HeaderValue::Secret(source) => {
                        let secret = self.read(source).await?;
                        let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
                            format!("the value of the header {name} cannot be sent")
                        })?;
                        value.set_sensitive(true);
                        secrets.push(secret);
                        value
                    }
                };
                headers.append(name.clone(), value);
            }
        }
        headers.insert(header::USER_AGENT, USER_AGENT);
        Ok((headers, secrets))
    }

    async fn read(&self, source: &SecretSource) -> Result<Secret, String> {
        let wanted = source.clone();
        match self.files.run(move || wanted.read()).await {
            Some(read) => read.map_err(|error| error.to_string()),
            None => Err("interrupted".to_owned()),
        }
    }
}

impl Answer {
    /// The same without secrets, in one line of modest length.
    fn without(self, secrets: &[Secret]) -> Self {
        let clean = |text: String| {
            let text = scrub(secrets, text);
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let line = scrub(secrets, line);
            match line.char_indices().nth(MOST) {
                Some((end, _)) => format!("{}…", &line[..end]),
                None => line,
            }
        };
        match self {
            Self::Taken => Self::Taken,
            Self::InPart(PartialSuccess { rejected, message }) => {
                Self::InPart(PartialSuccess { rejected, message: clean(message) })
            }
            Self::Refused(why) => Self::Refused(clean(why)),
            Self::Later { why, after } => Self::Later { why: clean(why), after },
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.settings.endpoint.as_str())
    }
}
