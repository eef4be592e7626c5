//! What the engine behind a target tells of itself, beside every test.

use std::time::Duration;

use super::{
    control::Control,
    engine::{self, Recognised},
};
use crate::load::Link;

/// The engine's own metrics, where the configuration says that there are some.
///
/// # Errors
/// In words for a person: why they could not be had within `limit`.
pub(crate) async fn engine_metrics(link: &Link, limit: Duration) -> Result<Option<String>, String> {
    let Some(url) = &link.target().engine_metrics else { return Ok(None) };
    let control = Control::new(link, limit).await.map_err(|error| error.to_string())?;
    control.text_at(url).await.map(Some)
}

/// The engine behind a target, if it tells; each request has `limit`.
pub(crate) async fn recognised(link: &Link, limit: Duration) -> Option<Recognised> {
    let mut control = Control::new(link, limit).await.ok()?;
    // What a server says of its models tells most engines.
    control.ask(engine::MODELS).await.ok()?;
    engine::recognise(&mut control).await
}
