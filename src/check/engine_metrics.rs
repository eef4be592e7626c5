//! What the engine behind a target tells of itself, beside every test.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use url::Url;

use super::{
    addresses::Addresses,
    control::{Control, below},
    engine::{self, METRICS, Recognised},
    report::{Check, Name, Status},
};
use crate::{
    clock::Stamp,
    config::Authorization,
    load::Link,
    telemetry::{EngineFamily, EngineStretch, Stretch as _, Told},
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

/// What the engine's metrics tell of.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// The engine, by their names.
    pub engine: &'static str,
    /// What is there.
    pub families: Vec<EngineFamily>,
}

impl Metrics {
    /// What is not there.
    pub fn missing(&self) -> impl Iterator<Item = EngineFamily> {
        EngineFamily::ALL.into_iter().filter(|family| !self.families.contains(family))
    }

    /// The JSON form.
    pub(super) fn json(&self) -> Value {
        let names = |families: &mut dyn Iterator<Item = EngineFamily>| {
            families.map(EngineFamily::as_str).collect::<Vec<_>>()
        };
        json!({
            "engine": self.engine,
            "families": names(&mut self.families.iter().copied()),
            "missing": names(&mut self.missing()),
        })
    }
}

/// The check of the engine's own metrics: those of the configuration, else those at `/metrics` of
/// the target. None is no failure: a target can be measured without.
pub(super) async fn check(
    link: &Arc<Link>,
    recognised: Option<&Recognised>,
    limit: Duration,
) -> (Check, Option<Metrics>) {
    let configured = link.target().engine_metrics.as_ref();
    let (urls, authorization) = match configured {
        Some(metrics) => (metrics.urls.clone(), metrics.authorization.as_ref()),
        None => (vec![below(&link.target().url, METRICS)], None),
    };
    let place = if configured.is_some() { "the configured address" } else { METRICS };
    let start = Stamp::now();
    match told(link, &urls, authorization, limit).await {
        Ok(metrics) => {
            let engine = metrics.engine;
            let (has, all) = (metrics.families.len(), EngineFamily::ALL.len());
            let line = match has == all {
                true => format!("{engine} at {place}, all of {all} families"),
                false => format!("{engine} at {place}, {has} of {all} families"),
            };
            let check = Check::new(Name::EngineMetrics, Status::Passed, line);
            (check.took(Stamp::now().since(start)), Some(metrics))
        }
        Err(why) => {
            let status = if configured.is_some() { Status::Warned } else { Status::Skipped };
            let line = format!("{place}: {why}; {}", remedy(recognised));
            (Check::new(Name::EngineMetrics, status, line), None)
        }
    }
}

/// What to do where there are none.
fn remedy(recognised: Option<&Recognised>) -> &'static str {
    match recognised.map(|engine| engine.name) {
        Some("llama.cpp") => "start llama-server with --metrics",
        Some("SGLang") => "start the server with --enable-metrics",
        Some("vLLM") => {
            "start the server without --disable-log-stats; where a gateway keeps them back, name the \
             engine's own address with engine_metrics"
        }
        Some("Ollama" | "OpenAI" | "LM Studio") => "this server has none",
        _ => "if the engine shows them elsewhere, name that with engine_metrics",
    }
}

/// What all of them tell of: the families that each has.
async fn told(
    link: &Arc<Link>,
    urls: &[Url],
    authorization: Option<&Authorization>,
    limit: Duration,
) -> Result<Metrics, String> {
    let addresses = Addresses::new(link, urls, authorization)
        .ok_or_else(|| "an address that the client cannot go to".to_owned())?;
    let mut found: Option<Metrics> = None;
    for text in addresses.texts(limit).await {
        let told = Told::read(&text?).map_err(|error| error.to_string())?;
        let here = told.families();
        match &mut found {
            Some(metrics) => metrics.families.retain(|family| here.contains(family)),
            None => found = Some(Metrics { engine: told.engine, families: here }),
        }
    }
    found.ok_or_else(|| "no address".to_owned())
}

/// What stands at `url`, such as an engine's own metrics; the headers of the target go along only
/// if that is of its own origin.
///
/// # Errors
/// In words for a person: why it could not be had within `limit`.
pub(super) async fn text_at(link: &Link, url: &Url, limit: Duration) -> Result<String, String> {
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
