//! The driver of the beats: it turns due times into exchanges, all of them at their time.
//!
//! Beats are open-loop: none is skipped or delayed because an earlier one is slow. What is in
//! flight is bounded by timeout ÷ interval of each probe, since every beat ends by its timeout.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    task::JoinSet,
    time::timeout,
};

use super::{beat::Subject, exchange::report};
use crate::{
    client::Text,
    clock::{Stamp, Wall},
    event::{Beat, BeatKey, Sink, Skipped},
    schedule::{Beats, Pacer, Ticket, Wake, is_open},
};

/// How often the runtime is asked how late it runs, when no beat asks.
const PULSE: Duration = Duration::from_secs(1);

/// What the daemon asks of the driver.
pub enum Command {
    /// Begin to beat for these subjects.
    Start(Vec<Arc<Subject>>),
    /// Beat no more for these. What is in flight ends as it would.
    Stop(Vec<Arc<BeatKey>>),
    /// One beat now, which enters no counter.
    ProbeNow {
        /// Whose.
        key: BeatKey,
        /// Its limit, if shorter than the probe's own.
        timeout: Duration,
        /// Whether the text of the answer is wanted.
        text: Text,
        /// Receives the beat when it has ended, or why there is none.
        reply: oneshot::Sender<ProbeAnswer>,
    },
    /// Beat no more, let what is in flight end within this time, then end.
    Drain(Duration),
}

/// A beat on demand, or why there is none.
pub type ProbeAnswer = Result<Beat, ProbeRefused>;

impl Command {
    /// A beat on demand, and where its answer will come.
    pub fn probe_now(
        key: BeatKey,
        timeout: Duration,
        text: Text,
    ) -> (Self, oneshot::Receiver<ProbeAnswer>) {
        let (reply, answer) = oneshot::channel();
        (Self::ProbeNow { key, timeout, text, reply }, answer)
    }
}

/// Why there is no beat on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeRefused {
    /// There is no such subject.
    #[error("no such probe")]
    Unknown,
    /// The budget is spent.
    #[error("the target's budget for this hour is spent")]
    Budget,
}

/// The driver. Runs on the measuring runtime.
pub struct Driver {
    pacer: Pacer,
    wall: Wall,
    sink: Arc<dyn Sink>,
    wake: UnboundedSender<Wake>,
    wakes: UnboundedReceiver<Wake>,
    pulse: Ticket,
    beating: HashMap<Ticket, Arc<Subject>>,
    exchanges: JoinSet<()>,
}

impl Driver {
    /// A driver without subjects.
    ///
    /// # Errors
    /// If the system gives no thread for the pacer.
    pub fn new(wall: Wall, sink: Arc<dyn Sink>) -> std::io::Result<Self> {
        let pacer = Pacer::start()?;
        let (wake, wakes) = unbounded_channel();
        let pulse =
            pacer.add(Beats::after(Stamp::now(), wall, Duration::ZERO, PULSE), wake.clone());
        let (beating, exchanges) = (HashMap::new(), JoinSet::new());
        Ok(Self { pacer, wall, sink, wake, wakes, pulse, beating, exchanges })
    }

    /// Drives until told to drain, or until nobody can tell it anything.
    pub async fn run(mut self, mut commands: UnboundedReceiver<Command>) {
        let drain = loop {
            tokio::select! {
                biased;
                Some(wake) = self.wakes.recv() => self.woken(wake),
                command = commands.recv() => match command {
                    Some(Command::Start(subjects)) => self.start(subjects),
                    Some(Command::Stop(keys)) => self.stop(&keys),
                    Some(Command::ProbeNow { key, timeout, text, reply }) => {
                        self.probe_now(&key, timeout, text, reply);
                    }
                    Some(Command::Drain(limit)) => break limit,
                    None => break Duration::ZERO,
                },
                Some(ended) = self.exchanges.join_next() => report(ended),
            }
        };
        self.drain(drain).await;
    }

    /// Takes over where the wall clock is. Where it was set, every schedule is made anew, so that
    /// the beats stay in their phase.
    fn follow(&mut self, wall: Wall) {
        let before = std::mem::replace(&mut self.wall, wall);
        if !wall.was_set_since(before) {
            return;
        }
        let off = wall.apart(before);
        tracing::warn!(?off, "the wall clock was set, or the machine slept: the beats follow it");
        for ticket in self.beating.keys() {
            self.pacer.remove(*ticket);
        }
        let subjects = std::mem::take(&mut self.beating).into_values().collect();
        self.start(subjects);
    }

    fn start(&mut self, subjects: Vec<Arc<Subject>>) {
        for subject in subjects {
            let interval = subject.probe().interval;
            let beats = Beats::after(Stamp::now(), self.wall, subject.phase(), interval);
            let ticket = self.pacer.add(beats, self.wake.clone());
            self.beating.insert(ticket, subject);
        }
    }

    fn stop(&mut self, keys: &[Arc<BeatKey>]) {
        let pacer = &self.pacer;
        self.beating.retain(|ticket, subject| {
            let goes = keys.contains(subject.key());
            if goes {
                pacer.remove(*ticket);
            }
            !goes
        });
    }

    fn woken(&mut self, wake: Wake) {
        let now = Stamp::now();
        self.sink.stalled(now.since(wake.woke));
        if wake.ticket == self.pulse {
            self.follow(Wall::anchor());
            return;
        }
        // A wake may still be on its way when its subject stops.
        let Some(subject) = self.beating.get(&wake.ticket) else { return };
        let due_unix_nanos = self.wall.unix_nanos(wake.due);
        if is_open(&subject.probe().maintenance, due_unix_nanos) {
            self.sink.skipped(subject.key(), Skipped::Maintenance);
        } else if now.since(wake.due) >= subject.probe().timeout {
            subject.slept_through(wake.due, self.wall, &*self.sink);
        } else if subject.spend() {
            let subject = Arc::clone(subject);
            self.exchanges.spawn(subject.beat(wake.due, self.wall, Arc::clone(&self.sink)));
        } else {
            self.sink.skipped(subject.key(), Skipped::Budget);
        }
    }

    fn probe_now(
        &mut self,
        key: &BeatKey,
        timeout: Duration,
        text: Text,
        reply: oneshot::Sender<ProbeAnswer>,
    ) {
        let refused = match self.beating.values().find(|subject| **subject.key() == *key) {
            Some(subject) if subject.spend() => {
                let subject = Arc::clone(subject);
                self.exchanges.spawn(subject.beat_on_demand(self.wall, timeout, text, reply));
                return;
            }
            Some(_) => ProbeRefused::Budget,
            None => ProbeRefused::Unknown,
        };
        // A requester that is gone no longer wants the answer.
        let _ = reply.send(Err(refused));
    }

    /// Lets what is in flight end, for at most `limit`; the rest is aborted, and counted so. The
    /// schedules go on until then: what comes due meanwhile is not sent, and counted so.
    async fn drain(mut self, limit: Duration) {
        if timeout(limit, self.all_ended()).await.is_err() {
            tracing::warn!(aborted = self.exchanges.len(), "beats were still in flight");
            self.exchanges.shutdown().await;
        }
        while let Ok(wake) = self.wakes.try_recv() {
            self.shut(wake);
        }
    }

    /// Returns when nothing is in flight.
    async fn all_ended(&mut self) {
        loop {
            tokio::select! {
                biased;
                Some(wake) = self.wakes.recv() => self.shut(wake),
                ended = self.exchanges.join_next() => match ended {
                    Some(ended) => report(ended),
                    None => return,
                },
            }
        }
    }

    /// A beat is due while the daemon stops.
    fn shut(&self, wake: Wake) {
        if let Some(subject) = self.beating.get(&wake.ticket) {
            self.sink.skipped(subject.key(), Skipped::Shutdown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::beat::tests::subject;

    struct Deaf;

    impl Sink for Deaf {
        fn started(&self, _: &BeatKey) {}
        fn ended(&self, _: &Beat) {}
        fn skipped(&self, _: &BeatKey, _: Skipped) {}
        fn stalled(&self, _: Duration) {}
    }

    #[test]
    fn schedules_are_made_anew_only_where_the_clock_was_set() {
        let wall = Wall::anchor();
        let mut driver = Driver::new(wall, Arc::new(Deaf)).expect("a thread");
        driver.start(vec![Arc::new(subject("95%", "1h"))]);
        let tickets = |driver: &Driver| driver.beating.keys().copied().collect::<Vec<_>>();
        let before = tickets(&driver);
        driver.follow(wall.set_forward(Duration::from_millis(20)));
        assert_eq!(tickets(&driver), before);
        driver.follow(wall.set_forward(Duration::from_secs(5)));
        assert_eq!(tickets(&driver).len(), 1);
        assert_ne!(tickets(&driver), before);
    }
}
