//! A client process that carries out runs: what it is told, and what it reports.

use std::{
    fs,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use nix::time::ClockId;
use serde::{Deserialize, Serialize};
use tokenbeat::{
    arrival::{Arrival, Closed, Load, Pattern, Quantity, Search},
    clock::{Stamp, Wall},
    config::{Requests, Scenario, Warmup},
    event::{RunKey, RunRecord, RunSink},
    load::{Halt, Link, Loader, RunOrder},
    timeline::Outcome,
    verdict::{Judge, Metric, Slo, Threshold},
    workload::Workload,
};

use super::super::{
    ours::{MODEL, target},
    process::{CLIENT_CORE, on_core, this_program},
};

/// Longest run of a bench.
const LONGEST: Duration = Duration::from_secs(900);

/// The load of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Drive {
    /// So many users, who enter at so many a second, or all at once.
    Closed { users: u32, spawn_rate: Option<f64> },
    /// So many requests a second.
    Poisson { per_second: f64 },
    /// The most users for whom `tpot` stays below so many milliseconds in nine answers of ten.
    Search { tpot_ms: f64, start: f64, max: f64 },
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) url: String,
    pub(crate) drive: Drive,
    /// Tokens of an answer.
    pub(crate) tokens: u32,
    /// Requests in all; else it lasts for `window_ms`.
    pub(crate) requests: Option<u64>,
    pub(crate) window_ms: u64,
    pub(crate) warmup_ms: u64,
    pub(crate) seed: u64,
}

/// What a client process does: its runs, one after the other or all at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Runs {
    pub(crate) runs: Vec<Run>,
    pub(crate) at_once: bool,
    /// For so long the client is busy with something else whenever an exchange ends.
    pub(crate) slow_us: u64,
    /// After so many exchanges, resident memory is read.
    pub(crate) weigh_after: Vec<u64>,
}

/// What a client process reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ran {
    /// CPU time of the client's process, all its threads, while it carried out its runs.
    pub(crate) cpu_ns: u64,
    pub(crate) wall_ns: u64,
    /// Exchanges that ended, those of the warm-up included.
    pub(crate) ended: u64,
    /// Of those, the ones that brought a whole answer.
    pub(crate) ok: u64,
    pub(crate) records: Vec<RunRecord>,
    /// When each run began and ended, in nanoseconds of the monotonic clock, of runs in turn.
    pub(crate) spans: Vec<(u64, u64)>,
    /// Resident memory in KiB, in the order of `weigh_after`.
    pub(crate) weights_kib: Vec<u64>,
}

impl Runs {
    /// Runs one after the other, on a client that does nothing else.
    pub(crate) fn in_turn(runs: Vec<Run>) -> Self {
        Self { runs, at_once: false, slow_us: 0, weigh_after: Vec::new() }
    }

    /// Carries the runs out in a process of its own, on the client's core.
    pub(crate) fn run(&self) -> anyhow::Result<Ran> {
        let output = on_core(CLIENT_CORE, &this_program()?)
            .args(["runner", &serde_json::to_string(self)?])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start a client")?;
        ensure!(output.status.success(), "a client failed: {}", output.status);
        serde_json::from_slice(&output.stdout).context("what a client reports")
    }
}

/// Carries out the runs given as JSON and prints what came of them.
pub(crate) fn run(job: &str) -> anyhow::Result<()> {
    let job: Runs = serde_json::from_str(job).context("the job")?;
    let loader = Loader::start(Wall::anchor())?;
    let watch = Arc::new(Watch::new(&job));
    let (began, before) = (Stamp::now(), cpu()?);
    let mut records = Vec::new();
    let (mut waiting, mut spans) = (Vec::new(), Vec::new());
    for run in &job.runs {
        let from = Stamp::now();
        let sink: Arc<dyn RunSink> = Arc::<Watch>::clone(&watch);
        let record = loader.run(run.order()?, sink, Halt::default());
        if job.at_once {
            waiting.push(record);
        } else {
            records.push(record.blocking_recv()?);
            spans.push((from.as_nanos(), Stamp::now().as_nanos()));
        }
    }
    for record in waiting {
        records.push(record.blocking_recv()?);
    }
    let ran = Ran {
        cpu_ns: u64::try_from((cpu()? - before).as_nanos())?,
        wall_ns: Stamp::now().as_nanos() - began.as_nanos(),
        ended: watch.ended.load(Ordering::Relaxed),
        ok: watch.ok.load(Ordering::Relaxed),
        records: records.iter().map(|record| RunRecord::clone(record)).collect(),
        spans,
        weights_kib: watch.weights(),
    };
    loader.join();
    serde_json::to_writer(std::io::stdout().lock(), &ran)?;
    Ok(())
}

impl Run {
    fn order(&self) -> anyhow::Result<RunOrder> {
        let prompt = "Tell a story of a river and a stone, one word after the other.";
        let workload = Workload::fixed(prompt, self.tokens);
        let scenario = Scenario {
            requests_per_step: self.requests.map(Requests::Count),
            duration: self.requests.is_none().then(|| Duration::from_millis(self.window_ms)),
            warmup: Warmup { requests: 0, duration: Duration::from_millis(self.warmup_ms) },
            timeout: Some(Duration::from_secs(60)),
            seed: Some(self.seed),
            ..Scenario::of("bench", workload, self.load())
        };
        let link = Link::new(Arc::new(target(&self.url, None)?))?;
        let key = RunKey { target: "bench".into(), model: MODEL.into(), sweep: "bench".into() };
        Ok(RunOrder {
            slos: self.slo().into_iter().collect(),
            max_duration: Some(LONGEST),
            ..RunOrder::of(key, link, scenario)
        })
    }

    fn load(&self) -> Load {
        let arrival = match self.drive {
            Drive::Closed { users, spawn_rate } => {
                Arrival::Closed(Closed { users, spawn_rate, ramp: None })
            }
            Drive::Poisson { per_second: rate } => Arrival::open(Pattern::Poisson { rate }),
            Drive::Search { start, max, .. } => {
                return Load::Search(Search {
                    of: Quantity::Concurrency,
                    start,
                    max,
                    precision: 0.05,
                    max_steps: 12,
                    burstiness: 1.0,
                });
            }
        };
        Load::Levels(vec![arrival])
    }

    fn slo(&self) -> Option<Arc<Slo>> {
        let Drive::Search { tpot_ms, .. } = self.drive else { return None };
        let max = Duration::from_secs_f64(tpot_ms / 1e3);
        Some(Arc::new(Slo {
            name: "tpot".into(),
            thresholds: vec![Threshold { metric: Metric::Tpot, max, objective: 0.9 }],
            objective: 0.9,
            window: Duration::from_secs(3600),
            judge: Judge::Each,
            pack: None,
        }))
    }
}

/// Listens to the runs: counts, weighs the process, and is in the way if it is told to.
struct Watch {
    ended: AtomicU64,
    ok: AtomicU64,
    weigh_after: Vec<u64>,
    weights: Mutex<Vec<u64>>,
    slow: Duration,
}

impl Watch {
    fn new(job: &Runs) -> Self {
        Self {
            ended: AtomicU64::new(0),
            ok: AtomicU64::new(0),
            weigh_after: job.weigh_after.clone(),
            weights: Mutex::default(),
            slow: Duration::from_micros(job.slow_us),
        }
    }

    fn weights(&self) -> Vec<u64> {
        self.weights.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RunSink for Watch {
    fn exchange(&self, _: &RunKey, outcome: Outcome) {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        self.ok.fetch_add(u64::from(outcome == Outcome::Ok), Ordering::Relaxed);
        if self.weigh_after.contains(&ended) {
            let mut weights = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
            weights.push(rss_kib().unwrap_or(0));
        }
        let start = Stamp::now();
        while Stamp::now().since(start) < self.slow {
            std::hint::spin_loop();
        }
    }
}

/// Resident memory of this process.
fn rss_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn cpu() -> anyhow::Result<Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now().context("own CPU time")?.into())
}
