//! Everyone who listens to the beats: metrics, the page's memory, traces, the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::fleet::Targets;
use crate::{
    event::{Beat, BeatKey, Sink, Skipped},
    load::Subject,
    sinks::{
        prometheus::{ProbeSeries, Prometheus},
        recent::{ProbeView, Recent},
        sweeps::Sweeps,
        traces::Traces,
    },
    timeline::Outcome,
};

/// The sinks of the daemon.
pub(super) struct Listeners {
    pub(super) prometheus: Arc<Prometheus>,
    pub(super) recent: Arc<Recent>,
    pub(super) sweeps: Arc<Sweeps>,
    /// Keeps the share that the exemplars of `prometheus` lead to.
    pub(super) traces: Arc<Traces>,
    /// Targets and models of which the metrics tell what they are.
    targets: Mutex<BTreeSet<(Arc<str>, Arc<str>)>>,
    /// The last outcome of each subject: a failure is worth a log line when it begins and ends,
    /// not at every beat.
    last: Mutex<BTreeMap<Arc<BeatKey>, Outcome>>,
}

impl Listeners {
    pub(super) fn new(
        prometheus: Arc<Prometheus>,
        recent: Arc<Recent>,
        sweeps: Arc<Sweeps>,
    ) -> Self {
        let (targets, last) = (Mutex::default(), Mutex::default());
        let traces = Arc::new(Traces::new(Arc::clone(prometheus.trace_share())));
        Self { prometheus, recent, sweeps, traces, targets, last }
    }

    /// Makes room for a subject, before its first beat.
    pub(super) fn add(&self, subject: &Subject) {
        let (target, probe, key) = (subject.link().target(), subject.probe(), subject.key());
        self.prometheus.add_probe(&ProbeSeries {
            key: Arc::clone(key),
            interval: probe.interval,
            timeout: probe.timeout,
            slos: probe.slos.clone(),
        });
        self.recent.add_probe(Arc::clone(key), ProbeView::of(target, probe));
    }

    /// Takes over which targets and models there are, probed or swept: each has one series that
    /// carries the labels of its target.
    pub(super) fn targets(&self, now: Targets) {
        let mut known = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        for (target, model) in known.iter().filter(|one| !now.contains_key(*one)) {
            self.prometheus.remove_target(target, model);
        }
        for ((name, model), target) in &now {
            self.prometheus.set_target(name, model, target.api, &target.labels);
        }
        self.traces.set_targets(now.keys().map(|(target, _)| target));
        *known = now.into_keys().collect();
    }

    /// Forgets a subject; its series disappear.
    pub(super) fn remove(&self, key: &BeatKey) {
        self.prometheus.remove_probe(key);
        self.recent.remove_probe(key);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn log(&self, beat: &Beat) {
        if beat.own_sweep {
            return;
        }
        let outcome = beat.exchange.outcome;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.insert(Arc::clone(&beat.key), outcome);
        drop(last);
        if before == Some(outcome) || (before.is_none() && outcome == Outcome::Ok) {
            return;
        }
        let BeatKey { target, model, probe } = &*beat.key;
        // What an engine logs or traces of the request has the same id.
        let trace_id = beat.trace.trace;
        // A field whose value is absent is left out.
        let detail = beat.exchange.detail.as_deref().filter(|detail| !detail.is_empty());
        if outcome == Outcome::Ok {
            tracing::info!(target = %target, model = %model, probe = %probe, "beats succeed again");
        } else if outcome.is_failure() {
            tracing::warn!(target = %target, model = %model, probe = %probe, %outcome, detail, %trace_id, "beats fail");
        } else {
            // It is ours, and says nothing of the target.
            tracing::warn!(target = %target, model = %model, probe = %probe, %outcome, detail, %trace_id, "a beat could not be measured");
        }
    }
}

impl Sink for Listeners {
    fn started(&self, key: &BeatKey) {
        self.prometheus.started(key);
    }

    fn ended(&self, beat: &Beat) {
        self.prometheus.beat(beat);
        self.recent.beat(beat);
        self.traces.beat(beat);
        self.log(beat);
    }

    fn skipped(&self, key: &BeatKey, why: Skipped) {
        self.prometheus.skipped(key, why);
    }

    fn stalled(&self, wait: Duration) {
        self.prometheus.runtime_stall(wait);
    }
}
