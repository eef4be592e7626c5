//! Which sources are collected from, and what a new configuration changes about them.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use super::{
    engine::Engine,
    gpu::DcgmGpus,
    local::Local,
    watch::{Collect, Models, watch},
};
use crate::{
    config::Config,
    load::Link,
    telemetry::{Board, Nvml, SlotKey},
};

/// The kinds of sources.
const ENGINE: &str = "engine";
const DCGM: &str = "dcgm";

/// The tasks that collect; they end with it.
pub(in crate::daemon) struct Collectors {
    board: Arc<Board>,
    running: BTreeMap<SlotKey, Running>,
    local: Local,
    tasks: JoinSet<()>,
}

struct Running {
    /// What it was begun for: a link is another one when anything of its target is.
    link: Arc<Link>,
    models: watch::Sender<Models>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collectors {
    /// Nothing yet; what comes stands on `board`, and `driver` is that of this machine's GPUs.
    pub(in crate::daemon) fn new(board: Arc<Board>, driver: Nvml) -> Self {
        let (running, tasks) = (BTreeMap::new(), JoinSet::new());
        Self { board, running, local: Local::new(driver), tasks }
    }

    /// Takes over the targets that there are, with the models that are known of each, and what is
    /// asked of this machine: ends what is gone, begins what is new or changed, leaves the rest
    /// alone.
    pub(in crate::daemon) fn apply(&mut self, config: &Config, targets: Vec<(Arc<Link>, Models)>) {
        self.local.apply(config, &self.board, &mut self.tasks);
        let mut before = std::mem::take(&mut self.running);
        for (link, models) in targets {
            for kind in [ENGINE, DCGM] {
                let key = (Arc::clone(&link.target().name), kind);
                match before.remove(&key) {
                    Some(running) if Arc::ptr_eq(&running.link, &link) => {
                        running.models.send_if_modified(|known| {
                            let other = *known != models;
                            known.clone_from(&models);
                            other
                        });
                        self.running.insert(key, running);
                    }
                    _ if kind == ENGINE => self.begin(key, &link, &models, Engine::of(&link)),
                    _ => self.begin(key, &link, &models, DcgmGpus::of(&link)),
                }
            }
        }
        // The slots of those that are left disappear with their tasks.
        drop(before);
        while self.tasks.try_join_next().is_some() {}
    }

    fn begin(
        &mut self,
        key: SlotKey,
        link: &Arc<Link>,
        models: &Models,
        source: Option<impl Collect + 'static>,
    ) {
        let Some(source) = source else { return };
        let (sender, receiver) = watch::channel(models.clone());
        let (target, slots) = (Arc::clone(&key.0), vec![self.board.slot(key.clone())]);
        let task = self.tasks.spawn(watch(source, target, receiver, slots));
        self.running.insert(key, Running { link: Arc::clone(link), models: sender, task });
    }
}
