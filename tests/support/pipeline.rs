//! The real pipeline under test: configuration, driver, client, and a real Prometheus sink beside
//! a tap that keeps the beats.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokenbeat::{
    client,
    clock::Wall,
    config::{self, Config},
    event::{Beat, BeatKey, Sink, Skipped},
    load::{Command, Driver, Link, Subject},
    sinks::prometheus::{BuildInfo, ProbeSeries, Prometheus},
    timeline::Outcome,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::exposition::{self, Samples};

/// The longest that any test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where beats end: Prometheus, and a list.
pub struct Tap {
    prometheus: Prometheus,
    beats: Mutex<Vec<Beat>>,
    ended: Condvar,
}

impl Tap {
    pub fn new() -> Arc<Self> {
        let prometheus = Prometheus::new(BuildInfo::current());
        Arc::new(Self { prometheus, beats: Mutex::default(), ended: Condvar::new() })
    }

    /// The beats that have ended so far, in order of their end.
    pub fn beats(&self) -> Vec<Beat> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many beats have ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.beats().iter().filter(|beat| beat.exchange.outcome == outcome).count()
    }

    /// Waits until `seen` holds of the beats that have ended.
    ///
    /// # Panics
    /// If it does not hold in time.
    pub fn wait(&self, what: &str, seen: impl Fn(&[Beat]) -> bool) {
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let (beats, waited) = self
            .ended
            .wait_timeout_while(beats, PATIENCE, |beats| !seen(beats))
            .unwrap_or_else(PoisonError::into_inner);
        assert!(
            !waited.timed_out(),
            "{what}: not within {PATIENCE:?}; beats ended as {:?}",
            beats
                .iter()
                .map(|beat| (beat.exchange.outcome, &beat.exchange.detail))
                .collect::<Vec<_>>()
        );
    }

    /// Waits for beats that ended so.
    pub fn wait_for(&self, outcome: Outcome, count: usize) {
        let ended_so = |beat: &&Beat| beat.exchange.outcome == outcome;
        self.wait(outcome.as_str(), |beats| beats.iter().filter(ended_so).count() >= count);
    }

    /// A scrape.
    pub fn scrape(&self) -> Samples {
        let body = self.prometheus.render(None, None).expect("rendered").body;
        exposition::text(&String::from_utf8(body).expect("text"))
    }
}

impl Sink for Tap {
    fn started(&self, key: &BeatKey) {
        self.prometheus.started(key);
    }

    fn ended(&self, beat: &Beat) {
        self.prometheus.beat(beat);
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).push(beat.clone());
        self.ended.notify_all();
    }

    fn skipped(&self, key: &BeatKey, why: Skipped) {
        self.prometheus.skipped(key, why);
    }

    fn stalled(&self, wait: Duration) {
        self.prometheus.runtime_stall(wait);
    }
}

/// A driver on a thread of its own, as in the daemon. Dropping it aborts what is in flight.
pub struct Pipeline {
    tap: Arc<Tap>,
    commands: Option<UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
    keys: Vec<Arc<BeatKey>>,
}

impl Pipeline {
    /// A driver that beats as `config` says.
    pub fn start(tap: &Arc<Tap>, config: &str) -> Self {
        client::keep_stamping_on();
        let driver = Driver::new(Wall::anchor(), Arc::clone(tap) as _).expect("a pacer");
        let (commands, orders) = unbounded_channel();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = thread::spawn(move || {
            runtime.block_on(driver.run(orders));
            // A name that is still being resolved is not waited for.
            runtime.shutdown_background();
        });
        let (commands, thread) = (Some(commands), Some(thread));
        let mut pipeline = Self { tap: Arc::clone(tap), commands, thread, keys: Vec::new() };
        pipeline.apply(config);
        pipeline
    }

    /// Beats as `config` says from now on.
    pub fn apply(&mut self, config: &str) {
        let config = load(config);
        let keys = std::mem::take(&mut self.keys);
        self.tell(Command::Stop(keys));
        let subjects = subjects(&config);
        for subject in &subjects {
            let probe = subject.probe();
            self.tap.prometheus.add_probe(&ProbeSeries {
                key: Arc::clone(subject.key()),
                interval: probe.interval,
                timeout: probe.timeout,
                slos: probe.slos.clone(),
            });
            self.keys.push(Arc::clone(subject.key()));
        }
        self.tell(Command::Start(subjects));
    }

    /// Beats no more, and returns when what is in flight has ended, or was aborted after `limit`.
    pub fn drain(mut self, limit: Duration) {
        self.tell(Command::Drain(limit));
        self.join();
    }

    fn tell(&self, command: Command) {
        let commands = self.commands.as_ref().expect("not dropped");
        assert!(commands.send(command).is_ok(), "the driver has ended");
    }

    fn join(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the driver panicked");
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.join();
    }
}

/// The checked form of a configuration's text.
pub fn load(text: &str) -> Config {
    config::load_str("test.yml", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn subjects(config: &Config) -> Vec<Arc<Subject>> {
    let mut subjects = Vec::new();
    for probe in &config.probes {
        let probe_of_all = Arc::new(probe.clone());
        for target in &probe.targets {
            let link = Link::new(Arc::clone(target)).expect("a link");
            let config::Models::List(models) = &target.models else { panic!("models are listed") };
            for model in models {
                let (link, probe) = (Arc::clone(&link), Arc::clone(&probe_of_all));
                let subject = Subject::new(link, Arc::clone(model), probe, &config.global);
                subjects.push(Arc::new(subject));
            }
        }
    }
    subjects
}
