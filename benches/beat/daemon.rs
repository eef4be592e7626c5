//! The daemon as a process of its own, and what its `/metrics` says.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use super::{
    engine::{Engine, TOKENBEAT},
    process::{CLIENT_CORE, Running, on_core},
};

/// A daemon must answer within this time of its start.
const START: Duration = Duration::from_secs(10);

/// A running daemon.
pub(crate) struct Daemon {
    pub(crate) process: Running,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    url: String,
}

/// An answer of `/metrics`.
pub(crate) struct Scrape {
    pub(crate) took: Duration,
    pub(crate) body: Vec<u8>,
}

impl Daemon {
    /// Starts one with so many targets, all of them `engine`, each beaten every `interval`.
    pub(crate) fn start(engine: &Engine, targets: u32, interval: &str) -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let config = folder.join(format!("bench-{targets}.yml"));
        fs::write(&config, configuration(engine, targets, interval)?)?;
        // Free now; taken by the daemon in a moment.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let child = on_core(CLIENT_CORE, TOKENBEAT)
            .arg("serve")
            .arg("--config.file")
            .arg(&config)
            .args(["--web.listen-address", &address, "--log.level", "warn"])
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the daemon")?;
        let process = Running::new(child);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A connection kept through a minute without scrapes would be closed under the next one.
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(20))
            .build()?;
        let daemon = Self { process, runtime, client, url: format!("http://{address}/metrics") };
        let deadline = now() + START;
        while daemon.scrape("text/plain", "identity").is_err() {
            if now() > deadline {
                bail!("the daemon does not answer");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(daemon)
    }

    /// Scrapes once.
    pub(crate) fn scrape(&self, accept: &str, encoding: &str) -> anyhow::Result<Scrape> {
        let began = now();
        let body = self.runtime.block_on(async {
            let request = self.client.get(&self.url).header("accept", accept);
            let answer = request.header("accept-encoding", encoding).send().await?;
            answer.error_for_status()?.bytes().await
        })?;
        Ok(Scrape { took: now() - began, body: body.into() })
    }

    /// The present readings.
    pub(crate) fn readings(&self) -> anyhow::Result<Readings> {
        let scrape = self.scrape("text/plain", "identity")?;
        Ok(Readings(String::from_utf8(scrape.body)?))
    }
}

/// Readings in text format 0.0.4.
pub(crate) struct Readings(String);

impl Readings {
    /// The sum of all series of `name`.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.samples(name).map(|(_, value)| value).sum()
    }

    /// The share of the observations since `before` of the histogram `name` that are at most
    /// `seconds`, which must be one of its boundaries.
    pub(crate) fn share_within(
        &self,
        before: &Self,
        name: &str,
        seconds: f64,
    ) -> anyhow::Result<f64> {
        let count = format!("{name}_count");
        let all = self.sum(&count) - before.sum(&count);
        ensure!(all > 0.0, "{name} has observed nothing");
        let within = |readings: &Self| {
            let bucket = format!("{name}_bucket");
            let found = readings.samples(&bucket).find_map(|(labels, value)| {
                let bound = labels.split("le=\"").nth(1)?.split('"').next()?.parse::<f64>().ok()?;
                (bound == seconds).then_some(value)
            });
            found.with_context(|| format!("{name} has no boundary {seconds}"))
        };
        Ok((within(self)? - within(before)?) / all)
    }

    fn samples<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, f64)> {
        let name = name.to_owned();
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name.as_str())?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{'))
                .then(|| Some((labels, value.parse().ok()?)))?
        })
    }
}

/// One target after the other, one probe of them all: 16 tokens a beat.
fn configuration(engine: &Engine, targets: u32, interval: &str) -> anyhow::Result<String> {
    let mut yaml = "global: {timeout: 10s}\ntargets:\n".to_owned();
    let url = engine.url.as_str();
    for target in 0..targets {
        writeln!(
            yaml,
            "  - {{name: target-{target}, url: \"{url}\", api: openai_chat, models: [sim-8b]}}"
        )?;
    }
    yaml.push_str(
        "workloads:\n  hello: {synthetic: {input_tokens: 64, output_tokens: 16}}\n\
         slos:\n  interactive: {thresholds: {ttft: 500ms, tpot: 30ms}, objective: 95%}\n",
    );
    writeln!(
        yaml,
        "probes:\n  - {{name: canary, targets: all, workload: hello, interval: {interval}, \
         timeout: 10s, slo: interactive}}"
    )?;
    Ok(yaml)
}

#[expect(clippy::disallowed_methods, reason = "a bench times from outside")]
fn now() -> Instant {
    Instant::now()
}
