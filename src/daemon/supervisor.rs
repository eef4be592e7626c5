//! The supervisor: applies configurations, answers commands, and stops in good order.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    discovery,
    fleet::{Change, Fleet},
    listeners::Listeners,
    measuring::Measuring,
    reloads::{self, Asked, Reading, Reloads, Trigger, Turn},
    run::Options,
    signals::{Request, Signals},
    sweeps::Desk,
    telemetry::Collectors,
};
use crate::{
    client::{EndpointError, Text},
    clock::Wall,
    config::{Config, Seen},
    load,
    sinks::otlp::Otlp,
    web::{self, Content, DaemonStatus, Readiness},
};

/// How long the driver may take beyond its drain; past it, something is broken.
const BEYOND_DRAIN: Duration = Duration::from_secs(2);

/// How the daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A signal asked for it, and beats in flight were let end.
    Drained,
    /// A second signal asked for it at once.
    Interrupted {
        /// That signal.
        signal: u8,
    },
}

/// The supervisor.
pub(super) struct Supervisor {
    options: Options,
    sinks: Arc<Listeners>,
    measuring: Measuring,
    desk: Desk,
    collectors: Collectors,
    otlp: Otlp,
    status: watch::Sender<DaemonStatus>,
    fleet: Fleet,
    known: discovery::Known,
    reloads: Reloads,
    /// What the configuration in force was read from.
    seen: Seen,
    /// Tasks of its own: beats on demand, discoveries, the reading of files.
    errands: JoinSet<Errand>,
}

/// What an errand brings home.
enum Errand {
    Nothing,
    Discovered(discovery::Round),
    Read(Result<Reading, String>),
}

impl Supervisor {
    pub(super) fn new(
        options: Options,
        sinks: Arc<Listeners>,
        measuring: Measuring,
        desk: Desk,
        collectors: Collectors,
        otlp: Otlp,
        status: watch::Sender<DaemonStatus>,
    ) -> Self {
        let (fleet, known) = (Fleet::default(), discovery::Known::default());
        let (reloads, seen, errands) = (Reloads::default(), Seen::default(), JoinSet::new());
        Self {
            options,
            sinks,
            measuring,
            desk,
            collectors,
            otlp,
            status,
            fleet,
            known,
            reloads,
            seen,
            errands,
        }
    }

    /// Takes over a configuration: stops what is gone, starts what is new, leaves the rest alone.
    pub(super) fn apply(&mut self, config: &Config) -> Result<(), EndpointError> {
        self.otlp.apply(config.otlp.as_ref(), &config.global.external_labels)?;
        let traces = config.otlp.as_ref().and_then(|otlp| otlp.traces);
        let exporter = traces.map(|_| self.otlp.traces());
        self.sinks.traces.export(exporter, traces.map_or(0.0, |traces| traces.sample));
        self.change(config)?;
        self.seen = config.seen.clone();
        // Read anew each time: the wall clock may have been set since the start.
        let wall = Wall::anchor();
        self.sinks.prometheus.config_applied(wall.unix_seconds(wall.stamp()), config.hash);
        let (hash, nanos) = (config.hash, wall.unix_nanos(wall.stamp()));
        self.status.send_modify(|status| {
            status.readiness = Readiness::Ready;
            status.config_hash = hash;
            status.config_applied_unix_nanos = Some(nanos);
            status.reload_error = None;
        });
        Ok(())
    }

    fn change(&mut self, config: &Config) -> Result<(), EndpointError> {
        let Change { start, stop, gone } = self.fleet.apply(config, &self.known)?;
        if self.known.forget_all_but(&self.fleet.undetermined()) {
            self.count_known();
        }
        let (started, stopped) = (start.len(), stop.len());
        self.measuring.tell(load::Command::Stop(stop));
        for key in &gone {
            self.sinks.remove(key);
        }
        for subject in &start {
            self.sinks.add(subject);
        }
        self.measuring.tell(load::Command::Start(start));
        self.prepare();
        if started + stopped > 0 {
            tracing::info!(started, stopped, subjects = self.fleet.len(), "configuration applied");
        }
        let swept = self.fleet.sweeps(config, &self.known);
        self.sinks.targets(self.fleet.targets(&swept));
        self.collectors.apply(config, self.fleet.watched(&self.known));
        self.desk.apply(swept, &config.global);
        Ok(())
    }

    /// Has the tokenizers read that probes want. Beats do not wait for them: until then their usage is
    /// held against what was streamed alone. One that cannot be had is tried again with the next
    /// change.
    fn prepare(&mut self) {
        for link in self.fleet.unprepared() {
            self.errands.spawn(async move {
                if let Err(error) = link.prepare(load::PREPARE).await {
                    let target = &link.target().name;
                    tracing::warn!(target = %target, %error, "the tokens of answers are not counted");
                }
                Errand::Nothing
            });
        }
    }

    /// Supervises until a signal asks for the end, then drains.
    pub(super) async fn run(
        mut self,
        mut config: Config,
        mut signals: Signals,
        mut orders: mpsc::Receiver<web::Command>,
    ) -> Ended {
        let mut look = interval(self.options.auto_reload.max(Duration::from_secs(1)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ask = interval(discovery::PERIOD);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let signal = loop {
            tokio::select! {
                request = signals.next() => match request {
                    Request::Stop(signal) => break signal,
                    Request::Reload => {
                        // Whoever sent the signal reads the result in the log.
                        self.reload(Asked::new(Trigger::Request, None));
                    }
                },
                Some(order) = orders.recv() => match order {
                    web::Command::Reload { reply } => {
                        self.reload(Asked::new(Trigger::Request, Some(reply)));
                    }
                    web::Command::Probe { key, timeout, reply } => {
                        self.probe(load::Command::probe_now((*key).clone(), timeout, self.text()), reply);
                    }
                    web::Command::RunSweep { sweep, target, model, reply } => {
                        self.desk.ask(&sweep, target.as_deref(), model.as_deref(), reply);
                    }
                    web::Command::CancelRun { id, reply } => {
                        // A requester that is gone no longer wants the answer.
                        let _ = reply.send(self.desk.cancel(&id));
                    }
                },
                _ = look.tick(), if !self.options.auto_reload.is_zero() => {
                    self.reload(Asked::new(Trigger::Look, None));
                }
                _ = ask.tick() => self.discover(),
                turn = self.desk.turn() => self.desk.take(turn),
                Some(home) = self.errands.join_next() => {
                    match home {
                        Ok(Errand::Discovered(round)) => self.take_over(round, &config),
                        Ok(Errand::Read(read)) => self.reloaded(read, &mut config),
                        Ok(Errand::Nothing) | Err(_) => {}
                    }
                }
            }
        };
        self.stop(signal, signals).await
    }

    /// Has the configuration read again; it comes home as an errand, since files can hang.
    fn reload(&mut self, asked: Asked) {
        if self.options.config_file.is_none() {
            asked.answer(&Err("this daemon has no configuration file".to_owned()));
        } else if self.reloads.ask(asked) == Turn::Read {
            self.read();
        }
    }

    fn read(&mut self) {
        let Some(file) = self.options.config_file.as_deref().map(Box::from) else { return };
        // Whoever asks has everything read, and so does a mistake that may have been taken back.
        let looks = self.reloads.running() == Some(Trigger::Look)
            && self.status.borrow().reload_error.is_none();
        let known = looks.then(|| self.seen.clone());
        self.errands.spawn(async { Errand::Read(reloads::read(file, known).await) });
    }

    /// The configuration has been read again. What does not hold leaves everything as it is.
    fn reloaded(&mut self, read: Result<Reading, String>, config: &mut Config) {
        let (asked, turn) = self.reloads.ended();
        if let Some(asked) = asked {
            let result = self.replace(read, config, asked.trigger);
            asked.answer(&result);
        }
        if turn == Turn::Read {
            self.read();
        }
    }

    fn replace(
        &mut self,
        read: Result<Reading, String>,
        config: &mut Config,
        trigger: Trigger,
    ) -> Result<(), String> {
        let told = self.status.borrow().reload_error.clone();
        let result = match read {
            Ok(Reading::Same) => return Ok(()),
            // Nothing new, unless a mistake was taken back: then the file is good again, and said so.
            Ok(Reading::New(new))
                if trigger == Trigger::Look && new.hash == config.hash && told.is_none() =>
            {
                self.seen = new.seen;
                return Ok(());
            }
            Ok(Reading::New(new)) => {
                self.apply(&new).map(|()| *config = *new).map_err(|error| error.to_string())
            }
            Err(reason) => Err(reason),
        };
        match &result {
            Ok(()) => {
                tracing::info!(hash = config.hash, "configuration reloaded");
                self.discover();
            }
            // A look finds the same fault again and again; it is told once.
            Err(reason) if trigger == Trigger::Look && told.as_ref() == Some(reason) => {}
            Err(reason) => {
                self.sinks.prometheus.config_refused();
                self.status.send_modify(|status| status.reload_error = Some(reason.clone()));
                tracing::error!(reason, "reload refused; the configuration before stays in force");
            }
        }
        result
    }

    fn text(&self) -> Text {
        match self.options.web.content {
            Content::Shown => Text::Kept,
            Content::Hidden => Text::Dropped,
        }
    }

    /// Passes a beat on demand on to the driver, and its answer back.
    fn probe(
        &mut self,
        (command, answer): (load::Command, oneshot::Receiver<load::ProbeAnswer>),
        reply: web::ProbeReply,
    ) {
        self.measuring.tell(command);
        self.errands.spawn(async move {
            reply.send(match answer.await {
                Ok(Ok(beat)) => Ok(Box::new(beat)),
                Ok(Err(load::ProbeRefused::Budget)) => Err(web::ProbeRefused::Budget),
                Ok(Err(load::ProbeRefused::Unknown)) => Err(web::ProbeRefused::Gone),
                Err(_) => Err(web::ProbeRefused::Stopping),
            });
            Errand::Nothing
        });
    }

    /// Asks the targets with `models: all` for their models; the answers come home as an errand.
    fn discover(&mut self) {
        let links = self.fleet.undetermined();
        if !links.is_empty() {
            self.errands.spawn(async { Errand::Discovered(discovery::round(links).await) });
        }
    }

    /// Takes over what discovery found; a target that could not be asked keeps what it had.
    fn take_over(&mut self, mut round: discovery::Round, config: &Config) {
        round.leave_out_all_but(&self.fleet.undetermined());
        for failure in &round.failures {
            self.sinks.prometheus.discovery_failed();
            let target = &failure.link.target().name;
            tracing::warn!(target = %target, reason = failure.reason, "the models could not be asked for");
        }
        self.known.take_in(round.listed);
        self.count_known();
        if let Err(error) = self.change(config) {
            tracing::error!(%error, "discovered models cannot be probed");
        }
    }

    fn count_known(&self) {
        self.sinks.prometheus.discovered(self.known.models(), self.known.dropped());
    }

    /// Drains. A second signal ends it at once.
    async fn stop(mut self, signal: u8, mut signals: Signals) -> Ended {
        let limit = self.options.drain;
        tracing::info!(signal, ?limit, "stopping; a second signal ends at once");
        self.status.send_modify(|status| status.readiness = Readiness::Stopping);
        self.measuring.tell(load::Command::Drain(limit));
        let second = async {
            loop {
                if let Request::Stop(signal) = signals.next().await {
                    return signal;
                }
            }
        };
        let (measuring, desk, otlp) = (&mut self.measuring, &mut self.desk, &mut self.otlp);
        let beats = tokio::time::timeout(limit + BEYOND_DRAIN, measuring.ended());
        let drained = async {
            let (beats, ()) = tokio::join!(beats, desk.stop(limit));
            // What the last beats counted is to be exported too.
            otlp.stop().await;
            beats
        };
        tokio::select! {
            beats = drained => {
                match beats {
                    Ok(()) => self.measuring.join(),
                    Err(_) => tracing::error!("the measuring thread does not end; this is a bug"),
                }
                Ended::Drained
            }
            signal = second => Ended::Interrupted { signal },
        }
    }
}
