//! What is served, and what of it is open.

use std::net::SocketAddr;

/// Whether something that costs or changes something may be done over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Refused with 403.
    #[default]
    Closed,
    /// Allowed.
    Open,
}

/// Whether the text of an answer may be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Never.
    #[default]
    Hidden,
    /// In the trace of `/probe`.
    Shown,
}

/// How the web side serves.
#[derive(Clone, Debug, Default)]
pub struct WebOptions {
    /// Where to listen; bound by [`super::bind`] before anything is served.
    pub listen: Vec<SocketAddr>,
    /// `--web.enable-probe`: whether `/probe` may spend tokens.
    pub probe: Gate,
    /// `--web.enable-lifecycle`: whether `/-/reload` may be called, and sweeps
    /// started and cancelled.
    pub lifecycle: Gate,
    /// `--web.show-content`: whether a trace may show the answer.
    pub content: Content,
    /// `--web.route-prefix`: what every path begins with.
    pub route_prefix: RoutePrefix,
}

/// What every path begins with: empty, or `/` and segments without a slash at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutePrefix(String);

/// A prefix that no path can begin with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the route prefix {0:?} may hold letters, digits, `-`, `_`, `.` and `/` only")]
pub struct RoutePrefixError(String);

impl RoutePrefix {
    /// The prefix given by `--web.route-prefix`, or else the path of `--web.external-url`.
    ///
    /// # Errors
    /// If the prefix has characters that a route cannot have.
    pub fn new(
        flag: Option<&str>,
        external_url: Option<&url::Url>,
    ) -> Result<Self, RoutePrefixError> {
        let path = flag.or_else(|| external_url.map(url::Url::path)).unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if !path.bytes().all(plain) {
            return Err(RoutePrefixError(path.to_owned()));
        }
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        Ok(Self(segments.iter().map(|segment| format!("/{segment}")).collect()))
    }

    /// The route of `path`, which begins with `/`.
    pub(super) fn route(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The prefix without a slash at its end, unless everything is served at the root.
    pub(super) fn bare(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_the_external_url() {
        let url = url::Url::parse("https://example.org/bench/").expect("a URL");
        for (flag, external, route) in [
            (None, None, "/metrics"),
            (Some("/"), Some(&url), "/metrics"),
            (None, Some(&url), "/bench/metrics"),
            (Some("a//b/"), None, "/a/b/metrics"),
        ] {
            let prefix = RoutePrefix::new(flag, external).expect("a prefix");
            assert_eq!(prefix.route("/metrics"), route);
        }
    }

    #[test]
    fn what_the_router_would_read_as_a_pattern_is_refused() {
        assert_eq!(RoutePrefix::new(Some("/{x}"), None), Err(RoutePrefixError("/{x}".into())));
    }
}
