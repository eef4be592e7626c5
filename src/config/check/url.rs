//! URLs of targets, their metrics and proxies, and of collectors.

use url::Url;

use crate::config::model::OtlpProtocol;

/// Why a URL cannot be used. Never holds the URL: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    #[error("not a URL")]
    Syntax,
    #[error("a user or a password in a URL: use `authorization` or `http_headers`")]
    Userinfo,
    #[error("a URL without `?` and `#` belongs here: headers go into `http_headers`")]
    Query,
    #[error("only http and https are known")]
    Scheme,
    #[error("the path of the API is added by `api`: leave it out")]
    ApiPath,
    #[error("the URL of a proxy has no path")]
    ProxyPath,
    #[error(
        "over grpc the endpoint has no path: leave it out, or say `protocol: http` if the \
         collector expects HTTP"
    )]
    GrpcPath,
    #[error("a user or a password in a URL: use `headers`")]
    CollectorUserinfo,
    #[error("a URL without `?` and `#` belongs here: what goes along goes into `headers`")]
    CollectorQuery,
    #[error("`/v1/metrics` and `/v1/traces` are added to the endpoint: leave them out")]
    SignalPath,
    #[error("a proxy over https is not supported: what is sent to it would not be encrypted")]
    ProxyScheme,
}

/// The base URL of a target.
pub(super) fn target(text: &str) -> Result<Url, UrlError> {
    let url = plain(text)?;
    let path = url.path().trim_end_matches('/');
    if ["/v1", "/completions", "/models"].iter().any(|end| path.ends_with(end)) {
        return Err(UrlError::ApiPath);
    }
    Ok(url)
}

/// The URL of an HTTP proxy. The client speaks to a proxy in plain text only (what it tunnels may
/// be TLS), so a URL that promises more is refused.
pub(super) fn proxy(text: &str) -> Result<Url, UrlError> {
    let url = plain(text)?;
    match (url.scheme(), url.path()) {
        ("http", "/") => Ok(url),
        ("http", _) => Err(UrlError::ProxyPath),
        _ => Err(UrlError::ProxyScheme),
    }
}

/// The URL of an OTLP collector.
pub(super) fn collector(text: &str, protocol: OtlpProtocol) -> Result<Url, UrlError> {
    let url = plain(text).map_err(|error| match error {
        UrlError::Userinfo => UrlError::CollectorUserinfo,
        UrlError::Query => UrlError::CollectorQuery,
        error => error,
    })?;
    let path = url.path().trim_end_matches('/');
    match protocol {
        OtlpProtocol::Grpc if !path.is_empty() => Err(UrlError::GrpcPath),
        OtlpProtocol::Http
            if ["/v1/metrics", "/v1/traces"].iter().any(|end| path.ends_with(end)) =>
        {
            Err(UrlError::SignalPath)
        }
        OtlpProtocol::Grpc | OtlpProtocol::Http => Ok(url),
    }
}

/// The URL of an engine's own metrics.
pub(super) fn metrics(text: &str) -> Result<Url, UrlError> {
    plain(text)
}

fn plain(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::Syntax)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Userinfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlError::Query);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_bare() {
        for (text, error) in [
            ("http://", UrlError::Syntax),
            ("ftp://host.example.com", UrlError::Scheme),
            ("http://user@host.example.com", UrlError::Userinfo),
            ("http://:word@host.example.com", UrlError::Userinfo),
            ("http://host.example.com?key=1", UrlError::Query),
            ("http://host.example.com/#a", UrlError::Query),
            ("http://host.example.com/v1/", UrlError::ApiPath),
            ("http://host.example.com/v1/chat/completions", UrlError::ApiPath),
        ] {
            assert_eq!(target(text), Err(error), "{text}");
        }
        assert!(target("https://host.example.com/models-team/a").is_ok());
        assert_eq!(proxy("http://proxy.example.com/a"), Err(UrlError::ProxyPath));
        assert_eq!(proxy("https://proxy.example.com"), Err(UrlError::ProxyScheme));
        assert!(proxy("http://proxy.example.com:3128").is_ok());
    }
}
