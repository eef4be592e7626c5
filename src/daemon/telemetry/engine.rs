//! One collection of an engine's own metrics.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::watch::{Collect, limit};
use crate::{
    check::{self, Addresses},
    clock::Stamp,
    event::BeatKey,
    load::Link,
    measure::catalogue::Reading,
    sinks::recent::Recent,
    telemetry::{Beats, EngineAccount, TRAFFIC_WINDOW, Told, Traffic},
};

/// How long the engine may take to tell its version: each request, and all of them.
const EACH: Duration = Duration::from_secs(2);
const VERSION: Duration = Duration::from_secs(10);

/// After so many collections the version is asked for again: an upgrade may not have been seen as
/// a failure.
const ASK_AGAIN: u32 = 240;

/// Where an engine tells of itself.
pub(in crate::daemon) struct EngineSource {
    link: Arc<Link>,
    addresses: Addresses,
    interval: Duration,
}

impl EngineSource {
    /// That of a target, if it has one.
    pub(in crate::daemon) fn of(link: &Arc<Link>) -> Option<Self> {
        let metrics = link.target().engine_metrics.as_ref()?;
        let addresses = Addresses::new(link, &metrics.urls, metrics.authorization.as_ref())?;
        Some(Self { link: Arc::clone(link), addresses, interval: metrics.interval })
    }

    /// How often it is to be read.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// What every process tells, in the order in which they are configured; each has `limit`.
    ///
    /// # Errors
    /// In words for a person, if one of them could not be read: a part would pass for the whole.
    pub(in crate::daemon) async fn told(&self, limit: Duration) -> Result<Vec<Told>, String> {
        let texts = self.addresses.texts(limit).await.into_iter();
        texts.map(|text| Told::read(&text?).map_err(|error| error.to_string())).collect()
    }

    /// The version of `engine`, if the target says that it is that.
    async fn version(&self, engine: &str) -> Option<String> {
        let asked = check::recognised(&self.link, EACH);
        let recognised = timeout(VERSION, asked).await.ok()??;
        recognised.name.eq_ignore_ascii_case(engine).then_some(recognised.version)?
    }
}

/// The collections of one engine.
pub(super) struct Engine {
    source: EngineSource,
    account: EngineAccount,
    traffic: Traffic,
    /// Our beats, to be held against its traffic.
    recent: Arc<Recent>,
    /// Collections until the version is asked for.
    until_asked: u32,
}

impl Engine {
    pub(super) fn of(link: &Arc<Link>, recent: Arc<Recent>) -> Option<Self> {
        let account = EngineAccount::new(Arc::clone(&link.target().name));
        let (source, traffic) = (EngineSource::of(link)?, Traffic::default());
        Some(Self { source, account, traffic, recent, until_asked: 0 })
    }

    /// The beats of the last minutes.
    fn beats(&self) -> Vec<Beats> {
        let window = i64::try_from(TRAFFIC_WINDOW.as_nanos()).unwrap_or(i64::MAX);
        let since = self.recent.now_unix_nanos().saturating_sub(window);
        let of_target = self.recent.ttft_of(&self.source.link.target().name, since);
        let of = |(key, ttft): (Arc<BeatKey>, Vec<Duration>)| Beats {
            model: Arc::clone(&key.model),
            probe: Arc::clone(&key.probe),
            ttft: ttft.iter().map(Duration::as_secs_f64).collect(),
        };
        of_target.into_iter().map(of).collect()
    }
}

impl Collect for Engine {
    const WHAT: &'static str = "the engine's own metrics";

    fn interval(&self) -> Duration {
        self.source.interval
    }

    async fn collect(&mut self) -> Result<(), String> {
        match self.source.told(limit(self.source.interval)).await {
            Ok(told) => {
                self.account.told(told);
                self.traffic.told(Stamp::now(), &self.account.readings(&[]));
            }
            Err(why) => {
                self.account.failed();
                // What comes back may be another one.
                self.until_asked = 0;
                return Err(why);
            }
        }
        match (self.until_asked.checked_sub(1), self.account.engine()) {
            (None, Some(engine)) => {
                self.until_asked = ASK_AGAIN;
                self.account.set_version(self.source.version(engine).await.as_deref());
            }
            (left, _) => self.until_asked = left.unwrap_or_default(),
        }
        Ok(())
    }

    fn readings(&self, models: &[Arc<str>]) -> Vec<Reading> {
        let mut readings = self.account.readings(models);
        if self.account.engine().is_some() {
            readings.extend(self.traffic.ratios(&self.source.link.target().name, &self.beats()));
        }
        readings
    }
}
