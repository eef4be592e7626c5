//! The GPUs of this machine beside a run: read when the run asks, whatever the collection does.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot::{Receiver, error::TryRecvError},
    time::timeout,
};

use super::local::share;
use crate::{
    load::Link,
    telemetry::{GpuTold, GpusSeen, LocalGpu, Moment, Nvml, NvmlLooked, NvmlVisit, Share},
};

/// How often they are read beside a run: the driver's own values are not much younger.
const OFTEN: Duration = Duration::from_secs(1);

/// The GPUs that a target has on this machine.
pub(super) struct LocalSource {
    visit: NvmlVisit,
    share: Share,
    /// A look that was given up and not answered: the driver is not waited for again before it is.
    owed: Mutex<Option<Receiver<NvmlLooked>>>,
}

impl LocalSource {
    /// That of a target, if its GPUs are here.
    pub(super) fn of(link: &Link, driver: &Nvml) -> Option<Self> {
        let share = share(link.target())?;
        match driver.visit() {
            Ok(visit) => Some(Self { visit, share, owed: Mutex::default() }),
            Err(error) => {
                tracing::error!(%error, "no thread for the GPUs of this machine");
                None
            }
        }
    }

    /// How often it is to be read.
    pub(super) const fn interval(&self) -> Duration {
        OFTEN
    }

    /// What the target's GPUs tell, or why not, in words for a person; the driver has `limit`.
    pub(super) async fn told(&self, moment: Moment, limit: Duration) -> Result<GpusSeen, String> {
        if self.owes() {
            return Err("the driver still has not answered".to_owned());
        }
        let mut look = self.visit.look(moment);
        match timeout(limit, &mut look).await {
            Ok(Ok(NvmlLooked { at, told })) => {
                let mut gpus = of_target(&self.share, &told?)?;
                if moment == Moment::Begin {
                    // What stands then is of the time before; counters begin there.
                    gpus.iter_mut().for_each(|gpu| gpu.gauges.clear());
                }
                Ok(GpusSeen { at, gpus })
            }
            Ok(Err(_)) => Err("the thread that asks the driver is gone".to_owned()),
            Err(_) => {
                *self.owed.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
                Err(format!("the driver has not answered for {:.1} s", limit.as_secs_f64()))
            }
        }
    }

    /// Whether a look is still unanswered.
    fn owes(&self) -> bool {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let unanswered =
            (owed.as_mut()).is_some_and(|look| matches!(look.try_recv(), Err(TryRecvError::Empty)));
        if !unanswered {
            *owed = None;
        }
        unanswered
    }
}

/// What the GPUs of `share` tell. Of one that is the target's as a whole, its instances are left
/// out: what they use is in what it tells.
fn of_target(share: &Share, gpus: &[LocalGpu]) -> Result<Vec<GpuTold>, String> {
    let heard = share.of(gpus);
    if let Some(why) = heard.missing {
        return Err(why);
    }
    let mut told: Vec<GpuTold> = heard.places.into_iter().flatten().flatten().collect();
    let whole: Vec<_> =
        told.iter().filter(|one| one.gpu.mig.is_empty()).map(|one| one.gpu.gpu.clone()).collect();
    told.retain(|one| one.gpu.mig.is_empty() || !whole.contains(&one.gpu.gpu));
    Ok(told)
}
