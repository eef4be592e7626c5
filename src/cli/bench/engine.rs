//! Where a benchmark reads the engine's own metrics: what `--engine-metrics` says, else what the
//! target shows of itself.

use std::{sync::Arc, time::Duration};

use url::Url;

use crate::{
    check,
    config::{EngineMetrics, Target},
    load::Link,
};

/// How often they are read during a step: an engine's front end has other things to do.
const INTERVAL: Duration = Duration::from_secs(2);

/// Longest request when it is looked for them.
const LIMIT: Duration = Duration::from_secs(5);

/// What `--engine-metrics` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EngineMetricsArg {
    /// Those of the configuration, else those at `/metrics` of the target.
    Auto,
    /// None.
    Off,
    /// Those at these addresses, one a process of the engine.
    At(Vec<Url>),
}

/// Reads `auto`, `off`, or a list of addresses. An address that is refused is not shown: what makes
/// it wrong may be a password in it.
pub(super) fn parse(text: &str) -> Result<EngineMetricsArg, String> {
    match text {
        "auto" => return Ok(EngineMetricsArg::Auto),
        "off" => return Ok(EngineMetricsArg::Off),
        _ => {}
    }
    let address = |text: &str| {
        let url: Url = text.parse().ok()?;
        let plain = url.username().is_empty() && url.password().is_none();
        (matches!(url.scheme(), "http" | "https") && plain).then_some(url)
    };
    let urls: Option<Vec<_>> = text.split(',').map(address).collect();
    urls.map(EngineMetricsArg::At).ok_or_else(|| {
        "auto, off, or URLs such as http://localhost:8000/metrics, without credentials in them; \
         those of a target in a configuration (engine_metrics) can have their own"
            .to_owned()
    })
}

/// Puts what the flag says into the target.
pub(super) fn amend(arg: &EngineMetricsArg, target: &mut Target) {
    match arg {
        EngineMetricsArg::Auto => {}
        EngineMetricsArg::Off => target.engine_metrics = None,
        EngineMetricsArg::At(urls) => target.engine_metrics = Some(at(urls.clone())),
    }
}

/// Looks for the metrics of the engine where nobody has named any. Returns the link to use from now
/// on, and what came of it, in words; no words where nothing was looked for.
pub(super) async fn looked_for(
    arg: &EngineMetricsArg,
    link: Arc<Link>,
) -> (Arc<Link>, Option<String>) {
    if *arg != EngineMetricsArg::Auto || link.target().engine_metrics.is_some() {
        return (link, None);
    }
    match check::own_metrics(&link, LIMIT).await {
        Ok(found) => {
            let mut target = Target::clone(link.target());
            target.engine_metrics = Some(at(vec![found.url]));
            match link.renewed(Arc::new(target)) {
                Ok(renewed) => {
                    let engine = found.engine;
                    (renewed, Some(format!("beside it the metrics of {engine} at /metrics")))
                }
                // It led there a moment ago.
                Err(error) => (link, Some(error.to_string())),
            }
        }
        Err(why) => {
            let told = format!(
                "nothing beside it from the engine: /metrics: {why}; --engine-metrics URL says \
                 where else, --engine-metrics off does not look"
            );
            (link, Some(told))
        }
    }
}

/// Metrics at these addresses. Where they are of the target's own origin its credentials go along.
fn at(urls: Vec<Url>) -> EngineMetrics {
    EngineMetrics { urls, interval: INTERVAL, authorization: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_or_addresses_and_what_is_refused_is_not_shown() {
        assert_eq!(parse("auto"), Ok(EngineMetricsArg::Auto));
        assert_eq!(parse("off"), Ok(EngineMetricsArg::Off));
        let two = parse("http://a:1/metrics,https://b/m").expect("two addresses");
        assert!(matches!(two, EngineMetricsArg::At(urls) if urls.len() == 2));
        for wrong in ["", "on", "ftp://h/", "http://me:hunter2@h/metrics", "http://h/,"] {
            let why = parse(wrong).expect_err(wrong);
            assert!(why.contains("auto, off") && !why.contains("hunter2"), "{why}");
        }
    }
}
