//! Reads a target's engine and GPUs for a run, when it asks.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::oneshot::{self, Receiver},
};

use super::{engine::EngineSource, gpu::DcgmSource};
use crate::load::{Link, Sight, Witness};

/// How long one reading may take.
const LIMIT: Duration = Duration::from_secs(5);

/// During a step it is read at least so often, if the target's own interval is longer.
const OFTEN: Duration = Duration::from_secs(5);

/// Reads on the runtime on which it was made, which must be none that measures.
pub struct Onlooker {
    runtime: Handle,
    interval: Duration,
    sources: Arc<Sources>,
}

struct Sources {
    engine: Option<EngineSource>,
    gpus: Option<DcgmSource>,
}

impl Onlooker {
    /// That of a target, if it has something to read. To be called on a runtime.
    pub fn of(link: &Arc<Link>) -> Option<Arc<dyn Witness>> {
        let sources = Sources { engine: EngineSource::of(link), gpus: DcgmSource::of(link) };
        let intervals = [
            sources.engine.as_ref().map(EngineSource::interval),
            sources.gpus.as_ref().map(DcgmSource::interval),
        ];
        let interval = intervals.into_iter().flatten().min()?.min(OFTEN);
        let runtime = Handle::try_current().ok()?;
        Some(Arc::new(Self { runtime, interval, sources: Arc::new(sources) }))
    }
}

impl Witness for Onlooker {
    fn interval(&self) -> Duration {
        self.interval
    }

    fn look(&self) -> Receiver<Sight> {
        let (tell, told) = oneshot::channel();
        let sources = Arc::clone(&self.sources);
        // It ends by its limit; whoever asked may no longer want it.
        drop(self.runtime.spawn(async move {
            let _ = tell.send(sources.look().await);
        }));
        told
    }
}

impl Sources {
    async fn look(&self) -> Sight {
        let engine = async {
            match &self.engine {
                Some(source) => Some(source.told(LIMIT).await),
                None => None,
            }
        };
        let gpus = async {
            match &self.gpus {
                Some(source) => Some(source.told(LIMIT).await.into_iter().collect()),
                None => None,
            }
        };
        let (engine, gpus) = tokio::join!(engine, gpus);
        let gpus = gpus.map(|all: Result<Vec<Vec<_>>, String>| all.map(|all| all.concat()));
        Sight { engine, gpus }
    }
}
