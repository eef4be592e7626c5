//! What a client process is told to do, and what it reports.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::process::{CLIENT_CORE, on_core, this_program};

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Client {
    /// Ours, with all that a probe does.
    Ours,
    /// tokio, hyper and `serde_json`, nothing else.
    Bare,
}

impl Client {
    /// Both.
    pub(crate) const BOTH: [Self; 2] = [Self::Ours, Self::Bare];

    /// Its name in the tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "tokenbeat",
            Self::Bare => "bare reader",
        }
    }
}

/// When requests are due.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Load {
    /// So many streams, each with so many answers one after the other; they start spread over a
    /// second.
    Closed { streams: u32, answers: u32 },
    /// So many a second, evenly spaced with jitter, for so long. The pacer of each client is its
    /// own: our thread, or the timers of tokio.
    Open { per_second: f64, seconds: f64 },
    /// So many at one instant, again and again.
    Burst { streams: u32, rounds: u32, every_ms: u64 },
}

/// What a client process does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) client: Client,
    pub(crate) url: String,
    /// Authority to trust, where the URL is `https`.
    pub(crate) ca_file: Option<PathBuf>,
    /// Tokens of an answer.
    pub(crate) tokens: u32,
    pub(crate) load: Load,
}

/// One exchange as its client saw it. Times in nanoseconds of the monotonic clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What the prompt begins with.
    pub(crate) key: String,
    pub(crate) due: u64,
    /// Just before the request was written, as well as the client knows.
    pub(crate) sent: u64,
    /// Just after the request was written, where the client knows.
    pub(crate) sent_after: Option<u64>,
    /// Arrival of the first token, as well as the client knows.
    pub(crate) first: u64,
    pub(crate) tokens: u64,
    /// Whether the client holds `first` to be exact. Ours knows better where its first read held
    /// several tokens, or carried no time of the kernel; the bare reader knows nothing.
    pub(crate) exact: bool,
    /// Whether the exchange used a connection that was already there.
    pub(crate) reused: bool,
}

/// What a client process reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// CPU time of the client's process, from the first request to the end of the last answer.
    pub(crate) cpu_ns: u64,
    pub(crate) wall_ns: u64,
    /// Exchanges that brought no whole answer.
    pub(crate) failed: u32,
    pub(crate) records: Vec<Record>,
}

impl Done {
    /// Tokens read.
    pub(crate) fn tokens(&self) -> u64 {
        self.records.iter().map(|record| record.tokens).sum()
    }

    /// CPU seconds for a million tokens.
    pub(crate) fn cpu_per_million(&self) -> f64 {
        self.cpu_ns as f64 / 1e9 / (self.tokens() as f64 / 1e6)
    }
}

impl Job {
    /// Does the job in a process of its own, on the client's core.
    pub(crate) fn run(&self) -> anyhow::Result<Done> {
        let output = on_core(CLIENT_CORE, &this_program()?)
            .args(["worker", &serde_json::to_string(self)?])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start a client")?;
        ensure!(output.status.success(), "a client failed: {}", output.status);
        serde_json::from_slice(&output.stdout).context("what a client reports")
    }
}

/// The prompt of exchange number `number`: unique in the 64 characters that the simulator's send
/// stamps are filed under.
pub(crate) fn prompt(key: &str) -> String {
    format!("{key:<64} Tell a story of a river and a stone, one word after the other.")
}
