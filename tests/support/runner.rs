//! Runs under test: one target, the real loader, and a sink that keeps what it was told.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokenbeat::{
    arrival::{Arrival, Load, Pattern},
    clock::Wall,
    config::{self, Scenario},
    event::{Progress, RunKey, RunRecord, RunSink, RunStarted, StepRecord, Trigger},
    load::{Halt, Link, Loader, RunOrder},
    timeline::Outcome,
    workload::Workload,
};
use tokio::sync::oneshot;

/// The longest that any test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Length of the prompts of a scenario.
const INPUT_TOKENS: u32 = 16;

/// A closed loop, everybody in at once.
pub fn closed(users: u32) -> Arrival {
    Arrival::closed(users)
}

/// An open loop at equal distances.
pub fn constant(rate: f64) -> Arrival {
    Arrival::open(Pattern::Constant { rate })
}

/// A Poisson process.
pub fn poisson(rate: f64) -> Arrival {
    Arrival::open(Pattern::Poisson { rate })
}

/// A scenario of `levels` with answers of so many tokens, and nothing around it.
pub fn scenario(levels: Vec<Arrival>, output_tokens: u32) -> Scenario {
    let text = format!(
        "workloads: {{w: {{synthetic: {{input_tokens: {INPUT_TOKENS}, output_tokens: \
         {output_tokens}}}}}}}\n"
    );
    let config = config::load_str("workload.yml", &text).expect("a workload");
    let workload = &*config.workloads["w"];
    Scenario {
        timeout: Some(Duration::from_secs(30)),
        ..Scenario::of("w", Workload::clone(workload), Load::Levels(levels))
    }
}

/// What a sink was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub started: u64,
    pub exchanges: u64,
    pub steps: u64,
    pub ended: u64,
    pub doing: Vec<String>,
}

/// Keeps nothing.
pub struct Deaf;

impl RunSink for Deaf {}

#[derive(Default)]
struct Ear(Mutex<Told>);

impl Ear {
    fn told(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl RunSink for Ear {
    fn started(&self, _: &RunStarted) {
        self.told(|told| told.started += 1);
    }
    fn exchange(&self, _: &RunKey, _: Outcome) {
        self.told(|told| told.exchanges += 1);
    }
    fn progress(&self, progress: &Progress) {
        self.told(|told| told.doing.push(progress.doing.clone()));
    }
    fn step(&self, _: &RunKey, _: &StepRecord) {
        self.told(|told| told.steps += 1);
    }
    fn ended(&self, _: &Arc<RunRecord>) {
        self.told(|told| told.ended += 1);
    }
}

/// Runs of one target.
pub struct Runner {
    url: String,
    /// More settings of the target, in YAML's flow form, with a comma ahead.
    pub target: String,
    /// What the run is held against, in YAML's flow form.
    pub slo: Option<&'static str>,
    pub max_duration: Option<Duration>,
    pub idle_timeout: Duration,
    /// A prompt that the target counted before: its words and its tokens. Without one, a run asks
    /// for some before its first step.
    pub counted: Option<(u32, u64)>,
    ear: Arc<Ear>,
}

impl Runner {
    pub fn at(url: impl Into<String>) -> Self {
        let (target, slo, max_duration) = (String::new(), None, None);
        let idle_timeout = Duration::from_secs(30);
        let (url, ear, counted) =
            (url.into(), Arc::default(), Some((INPUT_TOKENS, INPUT_TOKENS.into())));
        Self { url, target, slo, max_duration, idle_timeout, counted, ear }
    }

    pub fn loader(&self) -> Loader {
        Loader::start(Wall::anchor()).expect("a thread")
    }

    pub fn sink(&self) -> Arc<dyn RunSink> {
        Arc::clone(&self.ear) as _
    }

    pub fn told(&self) -> Told {
        self.ear.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn order(&self, scenario: Scenario) -> RunOrder {
        let (url, more) = (&self.url, &self.target);
        let text = format!("targets: [{{name: t, url: \"{url}\", models: [sim-8b]{more}}}]\n");
        let slos = self.slo.map(|slo| format!("slos: {{s: {slo}}}\n")).unwrap_or_default();
        let text = text + &slos;
        let config = config::load_str("target.yml", &text).expect("a target");
        let mut global = config.global.clone();
        global.idle_timeout = self.idle_timeout;
        let key = RunKey { target: "t".into(), model: "sim-8b".into(), sweep: "nightly".into() };
        let link = Link::new(Arc::clone(&config.targets[0])).expect("a link");
        if let Some((words, tokens)) = self.counted {
            link.learn(&key.model, words, tokens);
        }
        RunOrder {
            id: "run".into(),
            trigger: Trigger::Manual,
            due_unix_nanos: 0,
            slos: config.slos.values().cloned().collect(),
            seed: 11,
            global: Arc::new(global),
            max_duration: self.max_duration,
            ..RunOrder::of(key, link, scenario)
        }
    }

    /// Begins a run on a thread of its own.
    pub fn begin(&self, scenario: Scenario) -> (Halt, oneshot::Receiver<Arc<RunRecord>>) {
        let halt = Halt::default();
        let record = self.loader().run(self.order(scenario), self.sink(), halt.clone());
        (halt, record)
    }

    /// Makes a run.
    pub fn run(&self, scenario: Scenario) -> RunRecord {
        let loader = self.loader();
        let record = loader.run(self.order(scenario), self.sink(), Halt::default());
        let record = record.blocking_recv().expect("a record");
        loader.join();
        RunRecord::clone(&record)
    }

    /// Waits until `seen` holds.
    ///
    /// # Panics
    /// If it does not hold in time.
    #[expect(clippy::disallowed_methods, reason = "the patience of a test is no measurement")]
    pub fn wait_for(&self, what: &str, seen: impl Fn() -> bool) {
        let start = Instant::now();
        while !seen() {
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}
