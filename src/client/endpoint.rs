//! Where to connect: the checked, immutable address of one target, and its idle connections.

use std::{sync::Arc, time::Duration};

use super::{pool::Pool, tls::Tls};
use crate::clock::Stamp;

/// One endpoint as the client sees it.
#[derive(Debug)]
pub struct Endpoint {
    /// Host to resolve, without brackets.
    pub(crate) host: String,
    /// Port to connect to.
    pub(crate) port: u16,
    /// `Host` header: the host, with brackets and with the port where it is not the default.
    pub(crate) authority: String,
    /// Path below which the API lies, without a slash at its end.
    pub(crate) base_path: String,
    /// TLS, where the scheme asks for it.
    pub(crate) tls: Option<Tls>,
    /// HTTP proxy.
    pub(crate) proxy: Option<Proxy>,
    /// Connections to use again.
    pub(crate) idle: Pool,
}

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A URL that the client cannot go to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EndpointError(pub(crate) String);

impl Endpoint {
    /// The endpoint at `url`. TLS comes from `tls` and is used if the scheme is `https`.
    ///
    /// # Errors
    /// If the URL has no host, or its scheme is neither `http` nor `https`.
    pub fn new(
        url: &url::Url,
        proxy: Option<&url::Url>,
        tls: impl FnOnce() -> Tls,
    ) -> Result<Arc<Self>, EndpointError> {
        let (host, port) = address(url)?;
        let tls = match url.scheme() {
            "https" => Some(tls()),
            "http" => None,
            scheme => {
                return Err(EndpointError(format!(
                    "the scheme {scheme} is neither http nor https"
                )));
            }
        };
        let authority = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err(EndpointError(format!("{url} has no host"))),
        };
        let proxy = proxy
            .map(|proxy| address(proxy).map(|(host, port)| Proxy { host, port }))
            .transpose()?;
        let base_path = url.path().trim_end_matches('/').to_owned();
        Ok(Arc::new(Self { host, port, authority, base_path, tls, proxy, idle: Pool::default() }))
    }

    /// The request target for an API's `path`: in absolute form for a plain request to a proxy.
    /// A base URL that already ends with the first part of the path (`…/v1`) is not doubled.
    pub(crate) fn request_target(&self, path: &str) -> String {
        let mut full = self.base_path.clone();
        match path.strip_prefix("/v1") {
            Some(rest) if full.ends_with("/v1") => full.push_str(rest),
            _ => full.push_str(path),
        }
        if self.proxy.is_some() && self.tls.is_none() {
            format!("http://{}{full}", self.authority)
        } else {
            full
        }
    }
}

/// Host, without brackets, and port of a URL.
fn address(url: &url::Url) -> Result<(String, u16), EndpointError> {
    let host = match url.host() {
        Some(url::Host::Domain(name)) => name.to_owned(),
        Some(url::Host::Ipv4(address)) => address.to_string(),
        Some(url::Host::Ipv6(address)) => address.to_string(),
        None => return Err(EndpointError(format!("{url} has no host"))),
    };
    let port =
        url.port_or_known_default().ok_or_else(|| EndpointError(format!("{url} has no port")))?;
    Ok((host, port))
}

/// The limits of one attempt. Each is a stamp's distance or a size; none is optional, so nothing
/// waits for ever.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Name resolution, TCP and TLS together.
    pub connect: Duration,
    /// The whole exchange, from the start of its first attempt.
    pub total: Duration,
    /// The first token, from the start of the first attempt. Where longer than `total`, that is it.
    pub first_token: Duration,
    /// Silence after the first token.
    pub idle: Duration,
    /// Bytes of the answer.
    pub response_bytes: usize,
}

/// When an exchange is over, whatever has come of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// Without a token.
    pub(crate) first_token: Stamp,
    /// In any case.
    pub(crate) total: Stamp,
}

impl Limits {
    /// The deadlines of an exchange whose first attempt began at `start`.
    pub(crate) fn from(&self, start: Stamp) -> Deadlines {
        let first_token = self.first_token.min(self.total);
        Deadlines { first_token: start.after(first_token), total: start.after(self.total) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, proxy: Option<&str>) -> Arc<Endpoint> {
        let proxy = proxy.map(|proxy| url::Url::parse(proxy).expect("valid"));
        Endpoint::new(&url::Url::parse(url).expect("valid"), proxy.as_ref(), Tls::for_tests)
            .expect("an endpoint")
    }

    #[test]
    fn the_version_in_a_base_url_is_not_doubled() {
        let path = "/v1/chat/completions";
        for (url, target) in [
            ("http://h:8000", "/v1/chat/completions"),
            ("http://h:8000/", "/v1/chat/completions"),
            ("http://h:8000/v1", "/v1/chat/completions"),
            ("http://h:8000/v1/", "/v1/chat/completions"),
            ("http://h/openai", "/openai/v1/chat/completions"),
        ] {
            assert_eq!(endpoint(url, None).request_target(path), target);
        }
        assert_eq!(
            endpoint("http://[::1]:80/x", Some("http://p:3128")).request_target(path),
            "http://[::1]/x/v1/chat/completions"
        );
    }
}
