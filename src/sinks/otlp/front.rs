//! The front door: what is exported, and where to, as the configuration in force says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::watch, task::JoinSet, time::timeout};

use super::{
    Signal,
    channel::Channel,
    counts::Counts,
    export::{Exporter, Phase},
    queue::Queue,
    resource,
    starts::Starts,
    worker::{self, FLUSH, Source},
};
use crate::{
    client::EndpointError, clock::Wall, config, event::TraceSink, sinks::prometheus::Prometheus,
};

/// How much longer than its flush an export may take before it is given up.
const BEYOND_FLUSH: Duration = Duration::from_millis(500);

/// The export over OTLP. Nothing is exported until a configuration asks for it.
pub struct Otlp {
    prometheus: Arc<Prometheus>,
    counts: Arc<Counts>,
    queue: Arc<Queue>,
    starts: Arc<Mutex<Starts>>,
    instance: String,
    running: Option<Running>,
    /// Its tasks, and those of settings before that have not ended yet.
    tasks: JoinSet<()>,
}

/// An export that goes on.
struct Running {
    settings: config::Otlp,
    external_labels: BTreeMap<String, String>,
    phase: watch::Sender<Phase>,
}

impl Otlp {
    /// An export of what `prometheus` has, by a process that started at `wall`. From now on
    /// `prometheus` has the counters of the export as well.
    pub fn new(prometheus: Arc<Prometheus>, wall: Wall) -> Self {
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        prometheus.add_source(move || counted.readings());
        let started = u64::try_from(wall.unix_nanos(wall.stamp())).unwrap_or(0);
        Self {
            prometheus,
            queue: Arc::new(Queue::new(Arc::clone(&counts))),
            counts,
            starts: Arc::new(Mutex::new(Starts::new(started))),
            instance: resource::instance(),
            running: None,
            tasks: JoinSet::new(),
        }
    }

    /// Takes traces, for as long as this lives; lets them go while none are exported.
    pub fn traces(&self) -> Arc<dyn TraceSink> {
        Arc::clone(&self.queue) as _
    }

    /// Takes over the settings of a configuration; without any, ends the export. Settings that are
    /// the same change nothing. To be called on the runtime that is to export.
    ///
    /// # Errors
    /// If the endpoint is none that can be gone to; the configuration has ruled that out. The
    /// export goes on as before then.
    pub fn apply(
        &mut self,
        settings: Option<&config::Otlp>,
        external_labels: &BTreeMap<String, String>,
    ) -> Result<(), EndpointError> {
        let same = |running: &Running| {
            Some(&running.settings) == settings && running.external_labels == *external_labels
        };
        if self.running.as_ref().is_some_and(same) {
            return Ok(());
        }
        let channel = settings.cloned().map(Channel::new).transpose()?;
        if let Some(before) = self.running.take() {
            before.phase.send_replace(Phase::Leave);
            tracing::info!(collector = %before.settings.endpoint, "OTLP export ended");
        }
        // Tasks of settings before that have ended.
        while self.tasks.try_join_next().is_some() {}
        if settings.is_none_or(|settings| settings.traces.is_none()) {
            self.queue.close();
        }
        if let (Some(settings), Some(channel)) = (settings, channel) {
            self.start(settings, external_labels, &Arc::new(channel));
        }
        Ok(())
    }

    /// Exports what is left, within a few seconds, and ends.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.phase.send_replace(Phase::Flush);
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(FLUSH + BEYOND_FLUSH, all).await.is_err() {
            tracing::warn!("the last OTLP export could not be ended in time");
        }
        self.tasks.abort_all();
        self.queue.close();
    }

    fn start(
        &mut self,
        settings: &config::Otlp,
        external_labels: &BTreeMap<String, String>,
        channel: &Arc<Channel>,
    ) {
        let (phase, seen) = watch::channel(Phase::Run);
        let resource = resource::resource(&self.instance, external_labels, &settings.resource);
        let resource = Arc::new(resource);
        let exporter =
            |signal| Exporter::new(signal, Arc::clone(channel), Arc::clone(&self.counts));
        let source = Source {
            prometheus: Arc::clone(&self.prometheus),
            starts: Arc::clone(&self.starts),
            resource: Arc::clone(&resource),
            semconv: settings.semconv,
        };
        self.tasks.spawn(worker::export_metrics(
            exporter(Signal::Metrics),
            source,
            settings.interval,
            seen.clone(),
        ));
        if settings.traces.is_some() {
            self.queue.open();
            self.tasks.spawn(worker::export_traces(
                exporter(Signal::Traces),
                Arc::clone(&self.queue),
                resource,
                Arc::clone(&self.counts),
                seen,
            ));
        }
        tracing::info!(collector = %settings.endpoint, interval = ?settings.interval, "OTLP export begun");
        let (settings, external_labels) = (settings.clone(), external_labels.clone());
        self.running = Some(Running { settings, external_labels, phase });
    }
}
