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
    config::{Config, GpuSource, Target, Unclaimed},
    telemetry::{Board, Nvml, NvmlTold, NvmlWatch, Share, Sheet},
    units::Period,
};

/// The kind of the source.
const NVML: &str = "nvml";

/// How much later than its interval an answer of the driver may come. Loading it wakes the GPUs,
/// which takes seconds where nothing keeps them awake.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose GPUs are whose, by the name of the target; empty for those that no target has.
type Shares = Vec<(Arc<str>, Share)>;

/// The collection from this machine's driver, if anybody asks for it.
pub(super) struct Local {
    driver: Nvml,
    running: Option<Running>,
}

struct Running {
    shares: Shares,
    interval: Duration,
    task: AbortHandle,
    /// The driver is asked as long as it is there.
    _watch: NvmlWatch,
    /// The task ends with it.
    _models: watch::Sender<Models>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Local {
    /// Nothing yet; `driver` is that of the process.
    pub(super) const fn new(driver: Nvml) -> Self {
        Self { driver, running: None }
    }

    /// Takes over what a configuration asks for; what it asked for before goes on undisturbed.
    pub(super) fn apply(&mut self, config: &Config, board: &Arc<Board>, tasks: &mut JoinSet<()>) {
        let (shares, interval) = (shares(config), config.nvml.interval);
        if shares.is_empty() {
            self.running = None;
            return;
        }
        if self.running.as_ref().is_some_and(|it| it.shares == shares && it.interval == interval) {
            return;
        }
        // Before the last one goes, so that the driver stays loaded.
        let watching = match self.driver.watch(interval) {
            Ok(watching) => watching,
            Err(error) => {
                tracing::error!(%error, "no thread for the GPUs of this machine");
                self.running = None;
                return;
            }
        };
        self.running = None;
        let told = watching.told();
        let kept = |(target, share): &(Arc<str>, Share)| {
            (share.clone(), Gpus::new(Arc::clone(target), NVML))
        };
        let slots = shares.iter().map(|(target, _)| board.slot((Arc::clone(target), NVML)));
        let (kept, slots) = (shares.iter().map(kept).collect(), slots.collect());
        let gpus = LocalGpus { told, interval, shares: kept };
        // It is of no one target, and has no models.
        let (target, (none, models)) = (Arc::from(""), watch::channel(Vec::new()));
        let task = tasks.spawn(watch(gpus, target, models, slots));
        self.running = Some(Running { shares, interval, task, _watch: watching, _models: none });
    }
}

/// The shares of a configuration; none if it does not ask for this machine's GPUs.
fn shares(config: &Config) -> Shares {
    let mut shares: Shares = Vec::new();
    for target in &config.targets {
        shares.extend(share(target).map(|share| (Arc::clone(&target.name), share)));
    }
    if config.nvml.unclaimed == Unclaimed::Told {
        let claimed = shares.iter().map(|(_, share)| share.clone()).collect();
        shares.push(("".into(), Share::Rest(claimed)));
    }
    shares
}

/// Which of this machine's GPUs a target has, if they are here.
pub(super) fn share(target: &Target) -> Option<Share> {
    match target.gpu.as_ref()? {
        GpuSource::Nvml(gpus) if gpus.is_empty() => Some(Share::All),
        GpuSource::Nvml(gpus) => Some(Share::Named(gpus.clone())),
        GpuSource::Dcgm(_) => None,
    }
}

/// The collections of this machine's GPUs.
struct LocalGpus {
    told: watch::Receiver<NvmlTold>,
    interval: Duration,
    shares: Vec<(Share, Gpus)>,
}

impl LocalGpus {
    /// How long the driver may be silent.
    fn patience(&self) -> Duration {
        self.interval + PATIENCE
    }

    /// What the driver says next.
    async fn next(&mut self) -> NvmlTold {
        timeout(self.patience(), self.told.changed()).await.ok()?.ok()?;
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
        let silent = || format!("the driver has not answered for {}", Period(self.patience()));
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
