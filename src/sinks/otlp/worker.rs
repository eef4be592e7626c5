//! The two tasks: one exports the metrics at an interval, the other the traces as they come.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::{
    counts::Counts,
    export::{Delivered, Exporter, Phase},
    gen_ai::View,
    message::Resource,
    metrics,
    pack::{self, Packing},
    queue::Queue,
    starts::Starts,
    traces,
};
use crate::{
    clock::{Stamp, Wall},
    config::OtlpSemconv,
    event::Trace,
    sinks::prometheus::Prometheus,
};

/// How long what is left may take to be sent, at the end.
pub(super) const FLUSH: Duration = Duration::from_secs(3);

/// How long an export of traces is tried: past it, newer ones need the room.
const TRACES: Duration = Duration::from_secs(60);

/// What the metrics are made from.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) prometheus: Arc<Prometheus>,
    pub(super) starts: Arc<Mutex<Starts>>,
    pub(super) resource: Arc<Resource>,
    pub(super) semconv: OtlpSemconv,
}

/// Exports the metrics every `period`, until the phase says otherwise.
pub(super) async fn export_metrics(
    mut exporter: Exporter,
    source: Source,
    period: Duration,
    mut phase: watch::Receiver<Phase>,
) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = tokio::select! {
            biased;
            now = ended(&mut phase) => now,
            _ = ticks.tick() => Phase::Run,
        };
        let limit = match now {
            Phase::Run => period.max(exporter.channel().timeout()),
            Phase::Flush => FLUSH,
            Phase::Leave => return,
        };
        // The next export tells more than a late one.
        let until = Stamp::now().after(limit);
        let (from, packing) = (source.clone(), exporter.channel().packing());
        // Off the worker that serves: many targets make it a good part of a second of computing.
        match spawn_blocking(move || from.render(packing)).await {
            Ok(Ok(requests)) => {
                for request in requests {
                    exporter.export(request, until, &mut phase).await;
                }
            }
            Ok(Err(error)) => exporter.unmade(&error.to_string()),
            // The runtime ends, or the rendering panicked, which has been told.
            Err(error) => exporter.unmade(&error.to_string()),
        }
        if now != Phase::Run {
            return;
        }
    }
}

/// Exports the traces that `queue` gets, until the phase says otherwise.
pub(super) async fn export_traces(
    mut exporter: Exporter,
    queue: Arc<Queue>,
    resource: Arc<Resource>,
    counts: Arc<Counts>,
    mut phase: watch::Receiver<Phase>,
) {
    loop {
        let now = tokio::select! {
            biased;
            now = ended(&mut phase) => now,
            () = queue.ready() => Phase::Run,
        };
        let until = match now {
            Phase::Run => Stamp::now().after(TRACES),
            Phase::Flush => Stamp::now().after(FLUSH),
            Phase::Leave => return,
        };
        loop {
            let batch = queue.take();
            let count = batch.len();
            if count == 0 {
                break;
            }
            let (resource, packing) = (Arc::clone(&resource), exporter.channel().packing());
            let packed = spawn_blocking(move || packed(packing, &resource, &batch)).await;
            let delivered = match packed {
                Ok(request) => exporter.export(request, until, &mut phase).await,
                Err(error) => {
                    exporter.unmade(&error.to_string());
                    Delivered::No
                }
            };
            if delivered == Delivered::No {
                counts.dropped(count);
            }
            if now == Phase::Run || Stamp::now() >= until {
                break;
            }
        }
        if now != Phase::Run {
            return;
        }
    }
}

/// Waits until the tasks are to end, and says how.
async fn ended(phase: &mut watch::Receiver<Phase>) -> Phase {
    match phase.wait_for(|phase| *phase != Phase::Run).await {
        Ok(phase) => *phase,
        // Whoever steers is gone.
        Err(_) => Phase::Leave,
    }
}

fn packed(packing: Packing, resource: &Resource, batch: &[Arc<Trace>]) -> Bytes {
    let spans = batch.iter().flat_map(|trace| traces::spans(trace)).collect();
    pack::traces(packing, resource.clone(), spans)
}

impl Source {
    /// The requests that hold the registry as it is now.
    fn render(&self, packing: Packing) -> Result<Vec<Bytes>, std::fmt::Error> {
        let wall = Wall::anchor();
        let unix_nanos = u64::try_from(wall.unix_nanos(wall.stamp())).unwrap_or(0);
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut packed = pack::Metrics::new(packing, &self.resource);
        let mut view = match self.semconv {
            OtlpSemconv::None => None,
            OtlpSemconv::GenAi => Some(View::default()),
        };
        self.prometheus.families(|family| {
            if let Some(metric) = metrics::metric(family, &mut starts, unix_nanos) {
                if let Some(view) = &mut view {
                    view.see(&metric);
                }
                packed.add(metric);
            }
        })?;
        view.into_iter().flat_map(View::metrics).for_each(|metric| packed.add(metric));
        starts.exported(unix_nanos);
        Ok(packed.requests())
    }
}
