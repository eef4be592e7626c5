//! What a scraper is given, from its `Accept` and `Accept-Encoding`.

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Delimited protobuf: the only one with native histograms.
    Protobuf,
    /// OpenMetrics text 1.0.
    OpenMetrics,
    /// Text 0.0.4: what everything reads.
    Text,
}

impl Format {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Whether the body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
}

/// The name escapings that a scraper may ask for. Ours are plain names, the same under each of
/// them, so the one asked for is the one given.
const ESCAPINGS: [&str; 4] = ["allow-utf-8", "underscores", "dots", "values"];

/// The format to answer `accept` with, and the `Content-Type` that says so. The highest `q` wins,
/// among equals the first; without a match it is the text format, never a refusal.
pub(super) fn format(accept: Option<&str>) -> (Format, String) {
    let mut best: Option<(f64, Format, Option<&str>)> = None;
    for item in accept.unwrap_or_default().split(',').map(Item::parse) {
        let Some(format) = offered(&item) else { continue };
        if item.q > best.map_or(0.0, |(q, ..)| q) {
            best = Some((item.q, format, item.parameter("escaping")));
        }
    }
    let (_, format, asked) = best.unwrap_or((0.0, Format::Text, None));
    let mut content_type = format.content_type().to_owned();
    if let Some(escaping) = asked.filter(|asked| ESCAPINGS.contains(asked)) {
        content_type.push_str("; escaping=");
        content_type.push_str(escaping);
    }
    (format, content_type)
}

/// The coding to answer `accept_encoding` with: gzip unless it is refused or liked less.
pub(super) fn coding(accept_encoding: Option<&str>) -> Coding {
    let items: Vec<Item> =
        accept_encoding.unwrap_or_default().split(',').map(Item::parse).collect();
    let q = |name: &str| items.iter().find(|item| item.is(name)).map(|item| item.q);
    let gzip = q("gzip").or_else(|| q("*")).unwrap_or(0.0);
    if gzip > 0.0 && gzip >= q("identity").unwrap_or(0.0) { Coding::Gzip } else { Coding::Identity }
}

/// What of ours an item of `Accept` admits.
fn offered(item: &Item) -> Option<Format> {
    let admits = |name, value| item.parameter(name).is_none_or(|asked| asked == value);
    if item.is("application/vnd.google.protobuf") {
        let ours = item.parameter("proto") == Some("io.prometheus.client.MetricFamily")
            && admits("encoding", "delimited");
        ours.then_some(Format::Protobuf)
    } else if item.is("application/openmetrics-text") {
        admits("version", "1.0.0").then_some(Format::OpenMetrics)
    } else if item.is("text/plain") {
        admits("version", "0.0.4").then_some(Format::Text)
    } else {
        (item.is("text/*") || item.is("*/*")).then_some(Format::Text)
    }
}

/// One item of a list with qualities. One whose quality cannot be read counts as refused.
struct Item<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    q: f64,
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let parameters: Vec<_> = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        let mut item = Self { name, parameters, q: 1.0 };
        if let Some(q) = item.parameter("q") {
            item.q = q.parse().ok().filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
        }
        item
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut parameters = self.parameters.iter();
        parameters.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}
