//! What the engine behind a target tells of itself, beside every test.

use std::time::Duration;

use url::Url;

use super::{
    control::Control,
    engine::{self, Recognised},
};
use crate::load::Link;

/// What stands at `url`, such as an engine's own metrics; the headers of the target go along only
/// if that is of its own origin.
///
/// # Errors
/// In words for a person: why it could not be had within `limit`.
pub(crate) async fn text_at(link: &Link, url: &Url, limit: Duration) -> Result<String, String> {
    let control = Control::new(link, limit).await.map_err(|error| error.to_string())?;
    control.text_at(url).await
}

/// The engine behind a target, if it tells; each request has `limit`.
pub(crate) async fn recognised(link: &Link, limit: Duration) -> Option<Recognised> {
    let mut control = Control::new(link, limit).await.ok()?;
    // What a server says of its models tells most engines.
    control.ask(engine::MODELS).await.ok()?;
    engine::recognise(&mut control).await
}
