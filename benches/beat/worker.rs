//! A client process: it does its job on one thread, as the daemon's measuring runtime does.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context as _;
use nix::time::ClockId;
use tokenbeat::{clock::Stamp, load, schedule::Pacer};
use tokio::{sync::mpsc::unbounded_channel, task::JoinSet, time::Instant};

use super::{
    bare::Bare,
    job::{Client, Done, Job, Load, Record},
    ours::Ours,
};

/// How long before the first request everything is set up.
const LEAD: Duration = Duration::from_millis(100);

/// A client of either kind.
pub(crate) trait Exchanges: Sync + Send + 'static {
    /// Makes an exchange; absent if it brought no whole answer.
    fn exchange(&self, due: Stamp, key: String) -> impl Future<Output = Option<Record>> + Send;
}

type Tasks = JoinSet<Option<Record>>;

/// Runs the job given as JSON and prints what came of it.
pub(crate) fn run(job: &str) -> anyhow::Result<()> {
    let job: Job = serde_json::from_str(job).context("the job")?;
    let runtime = match job.client {
        Client::Ours => load::runtime()?,
        Client::Bare => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
    };
    let done = runtime.block_on(async {
        match job.client {
            Client::Ours => drive(&Arc::new(Ours::new(&job)?), &job).await,
            Client::Bare => drive(&Arc::new(Bare::new(&job)?), &job).await,
        }
    })?;
    serde_json::to_writer(std::io::stdout().lock(), &done)?;
    // Connections that are still open need no farewell.
    runtime.shutdown_background();
    Ok(())
}

async fn drive<C: Exchanges>(client: &Arc<C>, job: &Job) -> anyhow::Result<Done> {
    let start = Stamp::now().after(LEAD);
    let (began, cpu) = (Stamp::now(), cpu()?);
    let tasks = match (job.load, job.client) {
        (Load::Closed { streams, answers }, _) => {
            return Ok(closed(client, start, streams, answers).await?.done(began, cpu));
        }
        (load, Client::Ours) => paced(client, load.dues(start)).await?,
        (load, Client::Bare) => timed(client, load.dues(start)).await,
    };
    let records: Vec<_> = tasks.join_all().await;
    Ok(Ended { records, cpu: self::cpu()? }.done(began, cpu))
}

/// How a job ended.
struct Ended {
    records: Vec<Option<Record>>,
    cpu: Duration,
}

impl Ended {
    fn done(self, began: Stamp, cpu: Duration) -> Done {
        let all = self.records.len();
        let records: Vec<Record> = self.records.into_iter().flatten().collect();
        Done {
            cpu_ns: u64::try_from((self.cpu - cpu).as_nanos()).unwrap_or(u64::MAX),
            wall_ns: Stamp::now().as_nanos() - began.as_nanos(),
            failed: u32::try_from(all - records.len()).unwrap_or(u32::MAX),
            records,
        }
    }
}

impl Load {
    /// The due times from `start` on.
    fn dues(self, start: Stamp) -> Vec<Stamp> {
        match self {
            Self::Closed { .. } => Vec::new(),
            Self::Open { per_second, seconds } => {
                let count = (per_second * seconds).ceil() as u32;
                // The golden ratio's multiples are jitter enough, the same in every run.
                let jitter = |number: u32| (f64::from(number) * 0.618_033_988_75).fract();
                let at = |number: u32| (f64::from(number) + jitter(number) * 0.9) / per_second;
                (0..count).map(|number| start.after(Duration::from_secs_f64(at(number)))).collect()
            }
            Self::Burst { streams, rounds, every_ms } => (0..rounds)
                .map(|round| start.after(Duration::from_millis(every_ms) * round))
                .flat_map(|due| (0..streams).map(move |_| due))
                .collect(),
        }
    }
}

/// Each stream makes one exchange after the other.
async fn closed<C: Exchanges>(
    client: &Arc<C>,
    start: Stamp,
    streams: u32,
    answers: u32,
) -> anyhow::Result<Ended> {
    let mut tasks = JoinSet::new();
    for stream in 0..streams {
        let client = Arc::clone(client);
        let offset = Duration::from_secs(1) * stream / streams;
        tasks.spawn(async move {
            tokio::time::sleep(start.after(offset).since(Stamp::now())).await;
            let mut records = Vec::new();
            for answer in 0..answers {
                records.push(client.exchange(Stamp::now(), format!("{stream}/{answer}")).await);
            }
            records
        });
    }
    let records = tasks.join_all().await.into_iter().flatten().collect();
    Ok(Ended { records, cpu: cpu()? })
}

/// The daemon's way: the pacer thread wakes, each wake becomes a task.
async fn paced<C: Exchanges>(client: &Arc<C>, dues: Vec<Stamp>) -> anyhow::Result<Tasks> {
    let pacer = Pacer::start()?;
    let (wake, mut wakes) = unbounded_channel();
    pacer.add(dues.into_iter(), wake);
    let (mut tasks, mut number) = (JoinSet::new(), 0_u32);
    while let Some(wake) = wakes.recv().await {
        let (client, key) = (Arc::clone(client), number.to_string());
        tasks.spawn(async move { client.exchange(wake.due, key).await });
        number += 1;
    }
    Ok(tasks)
}

/// An ordinary client's way: the timers of the runtime.
async fn timed<C: Exchanges>(client: &Arc<C>, dues: Vec<Stamp>) -> Tasks {
    let mut tasks = JoinSet::new();
    for (number, due) in dues.into_iter().enumerate() {
        let wait = due.since(Stamp::now());
        if !wait.is_zero() {
            tokio::time::sleep_until(Instant::now() + wait).await;
        }
        let client = Arc::clone(client);
        tasks.spawn(async move { client.exchange(due, number.to_string()).await });
    }
    tasks
}

fn cpu() -> anyhow::Result<Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now().context("own CPU time")?.into())
}
