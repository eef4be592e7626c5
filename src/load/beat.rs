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
    exchange::{Order, limits, run},
    link::Link,
    own_beats::Beaten,
    trace_context,
};
use crate::{
    client::{Limits, Text},
    clock::{Stamp, Wall},
    config::{Global, Probe},
    event::{Beat, BeatKey, Sink, TraceContext},
    measure::Measurement,
    schedule::phase,
    timeline::{Exchange, Outcome, Recorder, Timeline},
    verdict::{Continuous, Slo, State},
    workload::{self, RequestPlan},
};

/// What beats: one probe of one model of one target.
pub struct Subject {
    key: Arc<BeatKey>,
    link: Arc<Link>,
    probe: Arc<Probe>,
    limits: Limits,
    phase: Duration,
    slos: Arc<[Arc<Slo>]>,
    /// Of each SLO, shared with the subject that takes this one's place.
    verdicts: Vec<Arc<Mutex<Continuous>>>,
}

impl Subject {
    /// The subject of `probe` for one `model` behind `link`.
    pub fn new(link: Arc<Link>, model: Arc<str>, probe: Arc<Probe>, global: &Global) -> Self {
        let target = Arc::clone(&link.target().name);
        let key = Arc::new(BeatKey { target, model, probe: Arc::clone(&probe.name) });
        let phase = phase(&key, &global.external_labels, probe.interval);
        let limits = limits(global, probe.timeout);
        let slos: Arc<[_]> = probe.slos.as_slice().into();
        let verdict =
            |slo: &Arc<Slo>| Arc::new(Mutex::new(Continuous::new(Arc::clone(slo), probe.interval)));
        let verdicts = slos.iter().map(verdict).collect();
        Self { key, link, probe, limits, phase, slos, verdicts }
    }

    /// The same, in the place of `old`: the verdict under an SLO that did not change goes on, also
    /// with the beats of `old` that are still in flight. Beats at another interval are of another
    /// weight, so then each verdict starts anew.
    #[must_use]
    pub fn in_place_of(mut self, old: &Self) -> Self {
        if self.probe.interval != old.probe.interval {
            return self;
        }
        for (slo, verdict) in self.slos.iter().zip(&mut self.verdicts) {
            let mut known = old.slos.iter().zip(&old.verdicts);
            if let Some((_, goes_on)) = known.find(|(known, _)| *known == slo) {
                *verdict = Arc::clone(goes_on);
            }
        }
        self
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
        let (subject, plan) = (Arc::clone(&self), self.plan(due, wall));
        sink.started(&self.key);
        let (words, trace) = (plan.words, trace_context::draw());
        let recorder = self.recorder(due, move |exchange| {
            subject.learn(words, &exchange);
            let beat = subject.ended(exchange, trace, wall, Standing::Scheduled);
            subject.account(&beat);
            sink.ended(&beat);
        });
        self.exchange(&plan, trace, self.limits, Text::Dropped, recorder).await;
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
        sink.ended(&self.ended(exchange, trace_context::draw(), wall, Standing::Scheduled));
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
        let (subject, trace) = (Arc::clone(&self), trace_context::draw());
        let recorder = self.recorder(due, move |exchange| {
            let beat = subject.ended(exchange, trace, wall, Standing::OnDemand);
            subject.account(&beat);
            // A requester that is gone no longer wants the answer.
            let _ = reply.send(Ok(beat));
        });
        let limits = Limits { total: timeout.min(self.limits.total), ..self.limits };
        self.exchange(&self.plan(due, wall), trace, limits, text, recorder).await;
    }

    fn recorder(&self, due: Stamp, on_close: impl FnOnce(Exchange) + Send + 'static) -> Recorder {
        let asked = self.probe.workload.max_output_tokens();
        self.link.beats(asked.into());
        let tokens = usize::try_from(asked).unwrap_or(0);
        Recorder::open(Timeline::new(due, tokens), on_close)
    }

    /// What the beat that is due at `due` asks. It does not change with what is learnt of lengths:
    /// a beat is to be the same from day to day.
    fn plan(&self, due: Stamp, wall: Wall) -> RequestPlan {
        let BeatKey { target, model, probe } = &*self.key;
        let seed = workload::seed(&[target, model, probe], wall.unix_nanos(due));
        self.probe.workload.draw(&mut Pcg64Mcg::seed_from_u64(seed))
    }

    /// Learns how many tokens the server counts in our words, so that the first sweep knows. Not
    /// where there is a tokenizer: what is learnt then is of prompts that it sized.
    fn learn(&self, words: u32, exchange: &Exchange) {
        let usage = exchange.timeline.usage;
        if let Some(tokens) = usage.and_then(|usage| usage.prompt_tokens)
            && self.link.tokenizer().is_none()
        {
            self.link.learn(&self.key.model, words, tokens);
        }
    }

    /// Puts down what a beat that was sent had of the engine.
    fn account(&self, beat: &Beat) {
        let asked = u64::from(self.probe.workload.max_output_tokens());
        let measured = &beat.measurement;
        let (prompt, output) =
            (measured.input_tokens.unwrap_or(0), measured.output_tokens.unwrap_or(0));
        let had = match beat.exchange.outcome {
            Outcome::Ok => Beaten { answers: 1, prompt, output, under_way: 0 },
            // What broke off on its way may have been generated all the same.
            _ => Beaten { prompt, output: output.max(asked), ..Beaten::default() },
        };
        self.link.beaten(asked, had);
    }

    async fn exchange(
        &self,
        plan: &RequestPlan,
        trace: TraceContext,
        limits: Limits,
        text: Text,
        recorder: Recorder,
    ) {
        let BeatKey { model, probe, .. } = &*self.key;
        let order = Order {
            link: &self.link,
            model,
            probe,
            trace: Some(trace),
            plan,
            connection: self.probe.connection,
            limits,
            text,
        };
        run(order, recorder).await;
    }

    /// The numbers and judgements of a closed exchange.
    fn ended(
        &self,
        exchange: Exchange,
        trace: TraceContext,
        wall: Wall,
        standing: Standing,
    ) -> Beat {
        let measurement = Measurement::of(&exchange);
        let spoiled = measurement.spoiled(exchange.outcome);
        let due_unix_nanos = wall.unix_nanos(exchange.timeline.due);
        let own_sweep = self.link.was_swept(exchange.timeline.due, Stamp::now());
        let counts = exchange.outcome.is_measured() && spoiled.is_none() && !own_sweep;
        let judgements: Vec<_> = if counts {
            self.slos.iter().map(|slo| slo.judge(exchange.outcome, &measurement)).collect()
        } else {
            Vec::new()
        };
        let verdicts: Vec<Option<State>> = match standing {
            Standing::Scheduled => {
                let judged = self.verdicts.iter().zip(&judgements);
                let push = |(verdict, judgement): (&Arc<Mutex<Continuous>>, _)| {
                    let mut verdict = verdict.lock().unwrap_or_else(PoisonError::into_inner);
                    verdict.push(due_unix_nanos, judgement)
                };
                judged.map(push).collect()
            }
            Standing::OnDemand => Vec::new(),
        };
        let (key, slos) = (Arc::clone(&self.key), Arc::clone(&self.slos));
        Beat {
            key,
            trace,
            due_unix_nanos,
            exchange,
            measurement,
            slos,
            judgements,
            verdicts,
            spoiled,
            own_sweep,
        }
    }
}

/// Whether a beat counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Scheduled,
    OnDemand,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config;

    /// A subject with one SLO.
    pub(in crate::load) fn subject(objective: &str, interval: &str) -> Subject {
        let config = config::load_str(
            "a.yml",
            &format!(
                "targets: [{{name: t, url: 'http://t.test', models: [m]}}]\n\
                 slos: {{s: {{thresholds: {{ttft: 1s}}, objective: {objective}}}}}\n\
                 workloads: {{w: {{synthetic: {{output_tokens: 4}}}}}}\n\
                 probes: [{{name: p, targets: all, workload: w, interval: {interval}, slo: [s]}}]\n"
            ),
        )
        .expect("a configuration");
        let link = Link::new(Arc::clone(&config.targets[0])).expect("a link");
        Subject::new(link, "m".into(), Arc::new(config.probes[0].clone()), &config.global)
    }

    /// Beats that failed, and whether the last one renewed the verdict.
    fn fail(subject: &Subject, times: u32) -> Option<State> {
        let wall = Wall::anchor();
        let beat = |second| {
            let due = Stamp::from_nanos(1).after(Duration::from_secs(second));
            let timeline = Timeline::new(due, 0);
            let exchange =
                Exchange { timeline, outcome: Outcome::Http5xx, detail: None, text: None };
            subject.ended(exchange, trace_context::draw(), wall, Standing::Scheduled).verdicts[0]
        };
        (0..times).fold(None, |_, second| beat(second.into()))
    }

    #[test]
    fn a_verdict_goes_on_under_the_same_slo() {
        // A block is of 30 beats.
        let old = subject("95%", "10s");
        assert_eq!(fail(&old, 29), None);
        let same = subject("95%", "10s").in_place_of(&old);
        assert!(fail(&same, 1).is_some());
        for (objective, interval) in [("99%", "10s"), ("95%", "20s")] {
            let old = subject("95%", "10s");
            fail(&old, 29);
            assert_eq!(fail(&subject(objective, interval).in_place_of(&old), 1), None);
        }
    }

    #[test]
    fn a_beat_teaches_the_sizing_of_the_sweeps() {
        use crate::{timeline::Usage, workload::Sizing};
        let subject = subject("95%", "10s");
        let mut timeline = Timeline::new(Stamp::now(), 0);
        // A chat template of forty tokens.
        timeline.usage = Some(Usage { prompt_tokens: Some(240), ..Usage::default() });
        let exchange = Exchange { timeline, outcome: Outcome::Ok, detail: None, text: None };
        for _ in 0..8 {
            subject.learn(200, &exchange);
        }
        let Sizing::Ratio { fixed, tokens_per_word } = subject.link().sizing("m") else {
            panic!("there is no tokenizer")
        };
        let counted = fixed + 200.0 * tokens_per_word;
        assert!((counted - 240.0).abs() < 5.0, "{counted} tokens for 200 words");
    }

    #[test]
    fn a_beat_beside_a_sweep_of_our_own_is_marked_and_judged_by_nothing() {
        let subject = subject("95%", "10s");
        let beat = |due| {
            let timeline = Timeline::new(due, 0);
            let exchange =
                Exchange { timeline, outcome: Outcome::Http5xx, detail: None, text: None };
            subject.ended(exchange, trace_context::draw(), Wall::anchor(), Standing::Scheduled)
        };
        let before = beat(Stamp::now());
        assert!(!before.own_sweep && before.judgements.len() == 1);
        let due = Stamp::now();
        let sweeping = subject.link().sweeping();
        let beside = beat(due);
        assert!(beside.own_sweep && beside.judgements.is_empty() && beside.verdicts.is_empty());
        drop(sweeping);
        assert!(beat(due).own_sweep, "it ran while the beat was under way");
        assert!(!beat(Stamp::now()).own_sweep);
    }
}
