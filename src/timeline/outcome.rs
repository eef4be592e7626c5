//! The closed list of what can become of an exchange.

/// How an exchange ended. The order of the variants is the order of precedence: where several
/// apply, the first one is the outcome. The names are metric labels and part of the public
/// interface; new ones may be added in a minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Given up by us, at shutdown. Not a measurement.
    Aborted,
    /// Descriptors, ports or memory were short on our side. Not a measurement.
    Local,
    /// The name did not resolve.
    Dns,
    /// No TCP connection (refused, unreachable, timed out).
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke before the response head was complete.
    Reset,
    /// The answer was not HTTP.
    HttpMalformed,
    /// Status 401.
    Http401,
    /// Status 404.
    Http404,
    /// Status 429.
    Http429,
    /// A redirect; redirects are never followed.
    Http3xx,
    /// Any other status 4xx.
    Http4xx,
    /// Status 5xx.
    Http5xx,
    /// The answer, one of its events or its head was larger than the cap.
    TooLarge,
    /// No token before the first-token deadline.
    TimeoutFirstToken,
    /// An event that is not what the API promises (broken JSON, HTML, wrong content type).
    StreamMalformed,
    /// The server reported an error inside the stream.
    StreamError,
    /// After the first token, no further one for longer than the idle limit.
    Stall,
    /// The whole exchange took longer than its deadline.
    TimeoutTotal,
    /// The stream ended with neither a finish reason nor `[DONE]`, or inside a chunk.
    StreamTruncated,
    /// The stream ended well but carried no token.
    Empty,
    /// Another model answered than the one asked for.
    ModelMismatch,
    /// The usage that the server reports contradicts what it sent.
    UsageMismatch,
    /// Fewer or more tokens than the workload requires.
    LengthMismatch,
    /// The text is degenerate: one token repeated, or undecodable.
    Garbage,
    /// The text is not what the workload expects.
    ContentMismatch,
    /// Measured.
    Ok,
}

impl Outcome {
    /// Every outcome, in order of precedence.
    pub const ALL: [Self; 27] = [
        Self::Aborted,
        Self::Local,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Reset,
        Self::HttpMalformed,
        Self::Http401,
        Self::Http404,
        Self::Http429,
        Self::Http3xx,
        Self::Http4xx,
        Self::Http5xx,
        Self::TooLarge,
        Self::TimeoutFirstToken,
        Self::StreamMalformed,
        Self::StreamError,
        Self::Stall,
        Self::TimeoutTotal,
        Self::StreamTruncated,
        Self::Empty,
        Self::ModelMismatch,
        Self::UsageMismatch,
        Self::LengthMismatch,
        Self::Garbage,
        Self::ContentMismatch,
        Self::Ok,
    ];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Local => "local",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::HttpMalformed => "http_malformed",
            Self::Http401 => "http_401",
            Self::Http404 => "http_404",
            Self::Http429 => "http_429",
            Self::Http3xx => "http_3xx",
            Self::Http4xx => "http_4xx",
            Self::Http5xx => "http_5xx",
            Self::TooLarge => "too_large",
            Self::TimeoutFirstToken => "timeout_first_token",
            Self::StreamMalformed => "stream_malformed",
            Self::StreamError => "stream_error",
            Self::Stall => "stall",
            Self::TimeoutTotal => "timeout_total",
            Self::StreamTruncated => "stream_truncated",
            Self::Empty => "empty",
            Self::ModelMismatch => "model_mismatch",
            Self::UsageMismatch => "usage_mismatch",
            Self::LengthMismatch => "length_mismatch",
            Self::Garbage => "garbage",
            Self::ContentMismatch => "content_mismatch",
            Self::Ok => "ok",
        }
    }

    /// Whether the exchange says something about the target. `aborted` and `local` do not: they
    /// are neither attempts nor failures.
    pub const fn is_measured(self) -> bool {
        !matches!(self, Self::Aborted | Self::Local)
    }

    /// Whether the exchange counts as a failure of the target.
    pub const fn is_failure(self) -> bool {
        self.is_measured() && !matches!(self, Self::Ok)
    }

    /// The outcome of an answer whose status is not 200, by the classes of the closed list.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Http401,
            404 => Self::Http404,
            429 => Self::Http429,
            300..=399 => Self::Http3xx,
            400..=499 => Self::Http4xx,
            500..=599 => Self::Http5xx,
            _ => Self::HttpMalformed,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_complete_ordered_and_distinct() {
        assert!(Outcome::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        let names: std::collections::BTreeSet<_> =
            Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
        assert_eq!(names.len(), Outcome::ALL.len());
    }

    #[test]
    fn statuses_fall_into_their_class() {
        for (status, outcome) in [
            (302, Outcome::Http3xx),
            (400, Outcome::Http4xx),
            (401, Outcome::Http401),
            (422, Outcome::Http4xx),
            (429, Outcome::Http429),
            (503, Outcome::Http5xx),
            (204, Outcome::HttpMalformed),
        ] {
            assert_eq!(Outcome::of_status(status), outcome);
        }
    }
}
