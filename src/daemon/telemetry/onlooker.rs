//! Reads a target's engine and GPUs for a run, when it asks.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::oneshot::{self, Receiver},
};

use super::{engine::EngineMetricsSource, gpu::DcgmSource, visitor::LocalSource};
use crate::{
    clock::Stamp,
    load::{Link, Sight, Witness},
    telemetry::{GpusSeen, Moment, Nvml, Told},
};

/// How long one reading may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What the driver has at least, however long the engine took.
const LEAST: Duration = Duration::from_millis(500);

/// During a step it is read at least so often, if the target's own interval is longer.
const OFTEN: Duration = Duration::from_secs(5);

/// Reads on the runtime on which it was made, which must be none that measures.
pub struct Onlooker {
    runtime: Handle,
    interval: Duration,
    sources: Arc<Sources>,
}

struct Sources {
    engine: Option<EngineMetricsSource>,
    gpus: Option<Gpus>,
}

/// Who tells of the target's GPUs.
enum Gpus {
    /// DCGM exporters.
    Dcgm(DcgmSource),
    /// The driver of this machine.
    Local(LocalSource),
}

impl Onlooker {
    /// That of a target, if it has something to read; `driver` is asked where its GPUs are this
    /// machine's, and is kept loaded for as long as the onlooker lives. To be called on a runtime.
    pub fn of(link: &Arc<Link>, driver: &Nvml) -> Option<Arc<dyn Witness>> {
        let runtime = Handle::try_current().ok()?;
        let sources =
            Sources { engine: EngineMetricsSource::of(link), gpus: Gpus::of(link, driver) };
        let intervals = [
            sources.engine.as_ref().map(EngineMetricsSource::interval),
            sources.gpus.as_ref().map(Gpus::interval),
        ];
        let interval = intervals.into_iter().flatten().min()?.min(OFTEN);
        Some(Arc::new(Self { runtime, interval, sources: Arc::new(sources) }))
    }
}

impl Witness for Onlooker {
    fn interval(&self) -> Duration {
        self.interval
    }

    fn look(&self, moment: Moment) -> Receiver<Sight> {
        let (tell, told) = oneshot::channel();
        let sources = Arc::clone(&self.sources);
        // It ends by its limit; whoever asked may no longer want it.
        drop(self.runtime.spawn(async move {
            let _ = tell.send(sources.look(moment).await);
        }));
        told
    }
}

impl Sources {
    async fn look(&self, moment: Moment) -> Sight {
        match (&self.gpus, moment) {
            // The driver is asked last, or the time that the engine takes to answer would be the
            // step's, with what the GPUs use meanwhile.
            (Some(Gpus::Local(gpus)), Moment::Begin) => {
                let asked = Stamp::now();
                let engine = self.engine().await;
                let left = LIMIT.saturating_sub(Stamp::now().since(asked)).max(LEAST);
                Sight { engine, gpus: Some(gpus.told(moment, left).await) }
            }
            _ => {
                let (engine, gpus) = tokio::join!(self.engine(), self.gpus(moment));
                Sight { engine, gpus }
            }
        }
    }

    async fn engine(&self) -> Option<Result<Vec<Told>, String>> {
        match &self.engine {
            Some(source) => Some(source.told(LIMIT).await),
            None => None,
        }
    }

    async fn gpus(&self, moment: Moment) -> Option<Result<GpusSeen, String>> {
        match &self.gpus {
            Some(source) => Some(source.told(moment).await),
            None => None,
        }
    }
}

impl Gpus {
    fn of(link: &Arc<Link>, driver: &Nvml) -> Option<Self> {
        let dcgm = DcgmSource::of(link).map(Self::Dcgm);
        dcgm.or_else(|| LocalSource::of(link, driver).map(Self::Local))
    }

    fn interval(&self) -> Duration {
        match self {
            Self::Dcgm(source) => source.interval(),
            Self::Local(source) => source.interval(),
        }
    }

    async fn told(&self, moment: Moment) -> Result<GpusSeen, String> {
        match self {
            Self::Dcgm(source) => {
                let told: Result<Vec<_>, _> = source.told(LIMIT).await.into_iter().collect();
                Ok(GpusSeen { at: Stamp::now(), gpus: told?.concat() })
            }
            Self::Local(source) => source.told(moment, LIMIT).await,
        }
    }
}
