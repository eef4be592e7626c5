//! One collection of an engine's own metrics.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::watch::{Collect, limit};
use crate::{
    check::{self, Addresses, Recognised},
    clock::{Stamp, Wall},
    event::{self, EngineFacts},
    load::Link,
    telemetry::{EngineAccount, EngineCache, EngineStretch, Lately, Sheet, Sight, Standing, Told},
};

/// How long the engine may take to tell what it is: each request, and all of them.
const EACH: Duration = Duration::from_secs(2);
const RECOGNISED: Duration = Duration::from_secs(10);

/// After so many collections the version is asked for again: an upgrade may not have been seen as
/// a failure.
const ASK_AGAIN: u32 = 240;

/// Where an engine tells of itself.
pub(in crate::daemon) struct EngineMetricsSource {
    link: Arc<Link>,
    addresses: Addresses,
    interval: Duration,
}

impl EngineMetricsSource {
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

    /// What the target says of `engine`, if it says that it is that.
    async fn recognised(&self, engine: &str) -> Option<Recognised> {
        let recognised = recognised(&self.link).await?;
        recognised.name.eq_ignore_ascii_case(engine).then_some(recognised)
    }
}

/// The collections of one engine.
pub(super) struct Engine {
    source: EngineMetricsSource,
    account: EngineAccount,
    lately: Lately<EngineStretch>,
    standing: Standing,
    /// The engine, as it last told.
    name: &'static str,
    /// What it has loaded, as it was asked with the version.
    facts: EngineFacts,
    /// Collections until both are asked for.
    until_asked: u32,
}

/// What a recognised engine has loaded. What only its metrics tell is not among it.
fn facts(recognised: Recognised) -> EngineFacts {
    let Recognised { model, max_model_tokens, .. } = recognised;
    EngineFacts { model, max_model_tokens, ..EngineFacts::default() }
}

/// The engine behind `link`, if it tells in time.
pub(in crate::daemon) async fn recognised(link: &Link) -> Option<Recognised> {
    timeout(RECOGNISED, check::recognised(link, EACH)).await.ok()?
}

/// The engine behind `link`, as it was recognised, with what its own metrics add where they are
/// configured: one reading of them.
pub async fn identified(link: &Arc<Link>, recognised: Recognised) -> event::Engine {
    let told = match EngineMetricsSource::of(link) {
        Some(source) => source.told(RECOGNISED).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let (name, version) = (recognised.name.to_owned(), recognised.version.clone());
    event::Engine { name, version, facts: with_cache(facts(recognised), EngineCache::of(&told)) }
}

fn with_cache(facts: EngineFacts, cache: EngineCache) -> EngineFacts {
    EngineFacts { cache_blocks: cache.blocks, cache_block_tokens: cache.block_tokens, ..facts }
}

impl Engine {
    pub(super) fn of(link: &Arc<Link>) -> Option<Self> {
        let account = EngineAccount::new(Arc::clone(&link.target().name));
        let (source, lately) = (EngineMetricsSource::of(link)?, Lately::default());
        let (standing, name, facts) = (Standing::default(), "", EngineFacts::default());
        Some(Self { source, account, lately, standing, name, facts, until_asked: 0 })
    }
}

impl Collect for Engine {
    const WHAT: &'static str = "the engine's own metrics";

    fn interval(&self) -> Duration {
        self.source.interval
    }

    async fn collect(&mut self) -> Result<(), String> {
        let wall = Wall::anchor();
        match self.source.told(limit(self.source.interval)).await {
            Ok(told) => {
                let now = Stamp::now();
                self.lately.told(now, &told);
                self.account.told(told);
                self.name = self.account.engine().unwrap_or_default();
                self.standing.read(wall.unix_nanos(now));
            }
            Err(why) => {
                self.account.failed();
                self.standing.failed(&why);
                // What comes back may be another one.
                self.until_asked = 0;
                return Err(why);
            }
        }
        match (self.until_asked.checked_sub(1), self.account.engine()) {
            (None, Some(engine)) => {
                self.until_asked = ASK_AGAIN;
                let recognised = self.source.recognised(engine).await;
                let version = recognised.as_ref().and_then(|found| found.version.as_deref());
                self.account.set_version(version);
                self.facts = recognised.map(facts).unwrap_or_default();
            }
            (left, _) => self.until_asked = left.unwrap_or_default(),
        }
        Ok(())
    }

    fn sheets(&self, models: &[Arc<str>]) -> Vec<Sheet> {
        let sight = match self.standing.is_current() {
            true => Sight::Engine(self.lately.between(|stretch, _| stretch.stretched())),
            false => Sight::None,
        };
        let name = self.name.to_owned();
        let (standing, version) = (self.standing.clone(), self.account.version().to_owned());
        let facts = with_cache(self.facts.clone(), self.account.cache());
        let readings = self.account.readings(models);
        vec![Sheet { readings, standing, name, version, facts, sight }]
    }
}
