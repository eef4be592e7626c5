//! What the engine behind a target tells of itself, beside every test.

use std::time::Duration;

use url::Url;

use super::{
    control::{Control, below},
    engine::{self, METRICS, Recognised},
};
use crate::{
    load::Link,
    telemetry::{EngineStretch, Told},
};

/// So often the metrics are read before they are trusted, each time over a new connection.
const READINGS: usize = 4;

/// The engine's own metrics, found at the target.
#[derive(Clone, Debug)]
pub(crate) struct OwnMetrics {
    /// Where they are.
    pub(crate) url: Url,
    /// The engine, by their names.
    pub(crate) engine: &'static str,
}

/// What stands at `url`, such as an engine's own metrics; the headers of the target go along only
/// if that is of its own origin.
///
/// # Errors
/// In words for a person: why it could not be had within `limit`.
pub(crate) async fn text_at(link: &Link, url: &Url, limit: Duration) -> Result<String, String> {
    let control = Control::new(link, limit).await.map_err(|error| error.to_string())?;
    control.text_at(url).await
}

/// The engine's metrics where most engines have them: at `/metrics` of the target itself. Several
/// processes that take turns behind one address are none: what rose between two readings would be
/// nobody's.
///
/// # Errors
/// In words for a person: why there are none. Each request has `limit`.
pub(crate) async fn own_metrics(link: &Link, limit: Duration) -> Result<OwnMetrics, String> {
    let url = below(&link.target().url, METRICS);
    let first = read(link, &url, limit).await?;
    let engine = first.engine;
    let mut stretch = EngineStretch::begin(&[first]);
    for _ in 1..READINGS {
        stretch.told(&[read(link, &url, limit).await?]);
    }
    match stretch.stretched().restarts {
        0 => Ok(OwnMetrics { url, engine }),
        _ => Err("counters that fall: several processes of the engine take turns there".to_owned()),
    }
}

async fn read(link: &Link, url: &Url, limit: Duration) -> Result<Told, String> {
    let text = text_at(link, url, limit).await?;
    Told::read(&text).map_err(|error| error.to_string())
}

/// The engine behind a target, if it tells; each request has `limit`.
pub(crate) async fn recognised(link: &Link, limit: Duration) -> Option<Recognised> {
    let mut control = Control::new(link, limit).await.ok()?;
    // What a server says of its models tells most engines.
    control.ask(engine::MODELS).await.ok()?;
    engine::recognise(&mut control).await
}
