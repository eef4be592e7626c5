//! One beat: drawn, sent, measured, judged, and told to the sinks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tokio::sync::oneshot;

use super::{
    driver::ProbeAnswer,
    exchange::{Order, run},
    link::Link,
};
use crate::{
    client::{Limits, Text},
    clock::{Stamp, Wall},
    config::{Global, Probe},
    event::{Beat, BeatKey, Sink},
    measure::Measurement,
    schedule::phase,
    timeline::{Exchange, Outcome, Recorder, Timeline},
    verdict::{Continuous, State},
    workload,
};

/// What beats: one probe of one model of one target.
pub struct Subject {
    key: Arc<BeatKey>,
    link: Arc<Link>,
    probe: Arc<Probe>,
    limits: Limits,
    phase: Duration,
    verdicts: Mutex<Vec<Continuous>>,
}

impl Subject {
    /// The subject of `probe` for one `model` behind `link`.
    pub fn new(link: Arc<Link>, model: Arc<str>, probe: Arc<Probe>, global: &Global) -> Self {
        let target = Arc::clone(&link.target().name);
        let key = Arc::new(BeatKey { target, model, probe: Arc::clone(&probe.name) });
        let phase = phase(&key, &global.external_labels, probe.interval);
        let limits = Limits {
            connect: global.connect_timeout,
            total: probe.timeout,
            idle: global.idle_timeout,
            response_bytes: global.max_response_bytes,
        };
        let verdicts =
            probe.slos.iter().map(|slo| Continuous::new(Arc::clone(slo), probe.interval));
        let verdicts = Mutex::new(verdicts.collect());
        Self { key, link, probe, limits, phase, verdicts }
    }

    /// Its name.
    pub fn key(&self) -> &Arc<BeatKey> {
        &self.key
    }

    /// Its probe.
    pub fn probe(&self) -> &Arc<Probe> {
        &self.probe
    }

    /// Its target.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Where in the interval its beats lie.
    pub(super) fn phase(&self) -> Duration {
        self.phase
    }

    /// Spends one beat of the target's budget, if there is one left.
    pub(super) fn spend(&self) -> bool {
        self.link.spend(self.probe.workload.max_output_tokens().into())
    }

    /// Makes the beat that is due at `due`, and tells `sink` when it has ended.
    pub(super) async fn beat(self: Arc<Self>, due: Stamp, wall: Wall, sink: Arc<dyn Sink>) {
        sink.started(&self.key);
        let subject = Arc::clone(&self);
        let recorder = self.recorder(due, move |exchange| {
            sink.ended(&subject.ended(exchange, wall, Standing::Scheduled));
        });
        self.exchange(due, wall, self.limits, Text::Dropped, recorder).await;
    }

    /// Accounts for a beat that this process slept through: nothing was sent, nothing is known.
    pub(super) fn slept_through(&self, due: Stamp, wall: Wall, sink: &dyn Sink) {
        let late = Stamp::now().since(due);
        let exchange = Exchange {
            timeline: Timeline::new(due, 0),
            outcome: Outcome::Local,
            detail: Some(format!("this process did not run when the beat was due, {late:.0?} ago")),
            text: None,
        };
        sink.started(&self.key);
        sink.ended(&self.ended(exchange, wall, Standing::Scheduled));
    }

    /// Makes a beat now, within `timeout`, that enters no counter. Answers `reply`.
    pub(super) async fn beat_on_demand(
        self: Arc<Self>,
        wall: Wall,
        timeout: Duration,
        text: Text,
        reply: oneshot::Sender<ProbeAnswer>,
    ) {
        let due = Stamp::now();
        let subject = Arc::clone(&self);
        let recorder = self.recorder(due, move |exchange| {
            // A requester that is gone no longer wants the answer.
            let _ = reply.send(Ok(subject.ended(exchange, wall, Standing::OnDemand)));
        });
        let limits = Limits { total: timeout.min(self.limits.total), ..self.limits };
        self.exchange(due, wall, limits, text, recorder).await;
    }

    fn recorder(&self, due: Stamp, on_close: impl FnOnce(Exchange) + Send + 'static) -> Recorder {
        let tokens = usize::try_from(self.probe.workload.max_output_tokens()).unwrap_or(0);
        Recorder::open(Timeline::new(due, tokens), on_close)
    }

    async fn exchange(
        &self,
        due: Stamp,
        wall: Wall,
        limits: Limits,
        text: Text,
        recorder: Recorder,
    ) {
        let BeatKey { target, model, probe } = &*self.key;
        let seed = workload::seed(&[target, model, probe], wall.unix_nanos(due));
        let plan = self.probe.workload.draw(&mut Pcg64Mcg::seed_from_u64(seed));
        let order = Order {
            link: &self.link,
            model,
            probe,
            plan: &plan,
            connection: self.probe.connection,
            limits,
            text,
        };
        run(order, recorder).await;
    }

    /// The numbers and judgements of a closed exchange.
    fn ended(&self, exchange: Exchange, wall: Wall, standing: Standing) -> Beat {
        let measurement = Measurement::of(&exchange);
        let spoiled = measurement.spoiled(exchange.outcome);
        let due_unix_nanos = wall.unix_nanos(exchange.timeline.due);
        let judgements: Vec<_> = if exchange.outcome.is_measured() && spoiled.is_none() {
            self.probe.slos.iter().map(|slo| slo.judge(exchange.outcome, &measurement)).collect()
        } else {
            Vec::new()
        };
        let verdicts: Vec<Option<State>> = match standing {
            Standing::Scheduled => {
                let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                let judged = verdicts.iter_mut().zip(&judgements);
                judged.map(|(verdict, judgement)| verdict.push(due_unix_nanos, judgement)).collect()
            }
            Standing::OnDemand => Vec::new(),
        };
        let key = Arc::clone(&self.key);
        Beat { key, due_unix_nanos, exchange, measurement, judgements, verdicts, spoiled }
    }
}

/// Whether a beat counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Scheduled,
    OnDemand,
}
