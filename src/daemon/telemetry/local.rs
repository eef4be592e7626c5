//! The GPUs of this machine: collected once, told of under each target that has some.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use super::{
    gpus::Gpus,
    watch::{Collect, Models, watch},
};
use crate::{
    config::{Config, GpuSource, Unclaimed},
    telemetry::{Board, Nvml, NvmlTold, Share, Sheet},
};

/// The kind of the source.
const NVML: &str = "nvml";

/// How much later than its interval an answer of the driver may come. Loading it wakes the GPUs,
/// which takes seconds where nothing keeps them awake.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose GPUs are whose, by the name of the target; empty for those that no target has.
type Shares = Vec<(Arc<str>, Share)>;

/// The collection from this machine's driver, if anybody asks for it.
#[derive(Default)]
pub(super) struct Local {
    /// Never ended: it may hang in the driver, and a second one would hang too.
    driver: Option<Nvml>,
    running: Option<Running>,
}

struct Running {
    shares: Shares,
    interval: Duration,
    task: AbortHandle,
    /// The task ends with it.
    _models: watch::Sender<Models>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Local {
    /// Takes over what a configuration asks for; what it asked for before goes on undisturbed.
    pub(super) fn apply(&mut self, config: &Config, board: &Arc<Board>, tasks: &mut JoinSet<()>) {
        let (shares, interval) = (shares(config), config.nvml.interval);
        if shares.is_empty() {
            self.running = None;
            if let Some(driver) = &self.driver {
                driver.watch(None);
            }
            return;
        }
        if self.running.as_ref().is_some_and(|it| it.shares == shares && it.interval == interval) {
            return;
        }
        self.running = None;
        let Some(driver) = self.driver() else { return };
        // Listens before it asks, so that no answer is missed.
        let told = driver.told();
        driver.watch(Some(interval));
        let kept = |(target, share): &(Arc<str>, Share)| {
            (share.clone(), Gpus::new(Arc::clone(target), NVML))
        };
        let slots = shares.iter().map(|(target, _)| board.slot((Arc::clone(target), NVML)));
        let (kept, slots) = (shares.iter().map(kept).collect(), slots.collect());
        let gpus = LocalGpus { told, interval, shares: kept };
        // It is of no one target, and has no models.
        let (target, (none, models)) = (Arc::from(""), watch::channel(Vec::new()));
        let task = tasks.spawn(watch(gpus, target, models, slots));
        self.running = Some(Running { shares, interval, task, _models: none });
    }

    /// The thread that asks the driver; started when it is first needed.
    fn driver(&mut self) -> Option<&Nvml> {
        if self.driver.is_none() {
            match Nvml::start() {
                Ok(driver) => self.driver = Some(driver),
                Err(error) => tracing::error!(%error, "no thread for the GPUs of this machine"),
            }
        }
        self.driver.as_ref()
    }
}

/// The shares of a configuration; none if it does not ask for this machine's GPUs.
fn shares(config: &Config) -> Shares {
    let mut shares: Shares = Vec::new();
    for target in &config.targets {
        if let Some(GpuSource::Nvml(gpus)) = &target.gpu {
            let share = if gpus.is_empty() { Share::All } else { Share::Named(gpus.clone()) };
            shares.push((Arc::clone(&target.name), share));
        }
    }
    if config.nvml.unclaimed == Unclaimed::Told {
        let claimed = shares.iter().map(|(_, share)| share.clone()).collect();
        shares.push(("".into(), Share::Rest(claimed)));
    }
    shares
}

/// The collections of this machine's GPUs.
struct LocalGpus {
    told: watch::Receiver<NvmlTold>,
    interval: Duration,
    shares: Vec<(Share, Gpus)>,
}

impl LocalGpus {
    /// What the driver says next.
    async fn next(&mut self) -> NvmlTold {
        timeout(self.interval + PATIENCE, self.told.changed()).await.ok()?.ok()?;
        self.told.borrow_and_update().clone()
    }
}

impl Collect for LocalGpus {
    const WHAT: &'static str = "the GPUs of this machine";

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn collect(&mut self) -> Result<(), String> {
        let told = self.next().await;
        let mut why = None;
        let silent = || format!("the driver has not answered for {PATIENCE:?}");
        let told = told
            .as_deref()
            .map_or_else(|| Err(silent()), |told| told.as_deref().map_err(String::clone));
        for (share, kept) in &mut self.shares {
            match &told {
                Ok(gpus) => {
                    let heard = share.of(gpus);
                    kept.collected(heard.places, heard.missing.as_deref());
                    why = why.or(heard.missing);
                }
                Err(error) => {
                    kept.collected(Vec::new(), Some(error));
                    why.get_or_insert_with(|| error.clone());
                }
            }
        }
        why.map_or(Ok(()), Err)
    }

    fn sheets(&self, _: &[Arc<str>]) -> Vec<Sheet> {
        self.shares.iter().map(|(_, kept)| kept.sheet()).collect()
    }
}
