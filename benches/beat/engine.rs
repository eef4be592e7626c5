//! The simulated engine as a process of its own, on its own core, and what it says of itself.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use tokenbeat::sim::StampRecord;

use super::process::{ENGINE_CORE, Running, on_core};

/// The program that is benched.
pub(crate) const TOKENBEAT: &str = env!("CARGO_BIN_EXE_tokenbeat");

/// How it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
    Tls,
}

/// A running engine.
pub(crate) struct Engine {
    pub(crate) process: Running,
    pub(crate) url: url::Url,
    /// The authority of its certificate.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Engine {
    /// Starts one with these flags besides those of its address and stamps.
    pub(crate) fn start(flags: &[&str], wire: Wire) -> anyhow::Result<Self> {
        let mut command = on_core(ENGINE_CORE, TOKENBEAT);
        command.args(["sim", "--web.listen-address", "127.0.0.1:0", "--stamps"]);
        // Slots must not queue: the time in the queue is the engine's own.
        command.args(["--slots", "100000"]).args(flags);
        let mut ca_file = None;
        if wire == Wire::Tls {
            let (cert, key) = certificate()?;
            command.arg("--tls-cert").arg(&cert).arg("--tls-key").arg(&key);
            ca_file = Some(cert);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the sim")?;
        let out = child.stdout.take().context("the sim's output")?;
        let process = Running::new(child);
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let url = line.trim().parse().with_context(|| format!("the sim says {line:?}"))?;
        Ok(Self { process, url, ca_file })
    }

    /// The send stamps kept so far, by the beginning of the prompt.
    pub(crate) fn stamps(&self) -> anyhow::Result<HashMap<String, StampRecord>> {
        let key = |record: &StampRecord| record.prompt.trim_end().to_owned();
        Ok(self.records()?.into_iter().map(|record| (key(&record), record)).collect())
    }

    /// When the engine's kernel had received the requests that were answered, in ascending order,
    /// in seconds from the first.
    pub(crate) fn arrivals(&self) -> anyhow::Result<Vec<f64>> {
        let received: Option<Vec<u64>> =
            self.records()?.iter().map(|record| record.received_ns).collect();
        let mut received = received.context("the kernel does not stamp what it receives")?;
        received.sort_unstable();
        let first = received.first().copied().unwrap_or(0);
        Ok(received.iter().map(|at| (at - first) as f64 / 1e9).collect())
    }

    fn records(&self) -> anyhow::Result<Vec<StampRecord>> {
        Ok(serde_json::from_slice(&self.get("/sim/stamps")?)?)
    }

    /// Forgets the stamps, so that keys can be used again.
    pub(crate) fn forget(&self) -> anyhow::Result<()> {
        self.ask(reqwest::Method::DELETE, "/sim/stamps").map(drop)
    }

    fn get(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.ask(reqwest::Method::GET, path)
    }

    fn ask(&self, method: reqwest::Method, path: &str) -> anyhow::Result<Vec<u8>> {
        // Installed once; a second time is refused and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::Client::builder().timeout(Duration::from_secs(20));
        if let Some(path) = &self.ca_file {
            let root = reqwest::Certificate::from_pem(&fs::read(path)?)?;
            client = client.tls_certs_only([root]);
        }
        let client = client.build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let answer = client.request(method, self.url.join(path)?).send().await?;
            Ok(answer.error_for_status()?.bytes().await?.into())
        })
    }
}

/// A certificate for the loopback address and its key, as files beside the results.
fn certificate() -> anyhow::Result<(PathBuf, PathBuf)> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (cert, key) = (folder.join("bench-cert.pem"), folder.join("bench-key.pem"));
    fs::write(&cert, made.cert.pem())?;
    fs::write(&key, made.signing_key.serialize_pem())?;
    Ok((cert, key))
}
