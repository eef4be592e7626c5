//! `tokenbeat sim`: the simulated engine alone.
//!
//! Owns the flags and how they become a [`SimSpec`]. Must not know how the engine works.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::sim::{Degrade, Dist, FaultOrder, FaultRule, Flavour, Sim, SimSpec, TlsPem};

/// Flags of `tokenbeat sim`. A flag that is absent leaves the value of `--spec`, or the default.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Address to listen on
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Description of the engine, as JSON; the other flags override it
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Model to serve; may repeat
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Time to the first token: 50ms, uniform:A,B, normal:MEAN,STDDEV or lognormal:MEDIAN,SIGMA
    #[arg(long, value_name = "TIME")]
    ttft: Option<Dist>,
    /// Gap between tokens, written like --ttft
    #[arg(long, value_name = "TIME")]
    itl: Option<Dist>,
    /// Prefill for each prompt token that is not cached, in milliseconds
    #[arg(long, value_name = "MS")]
    prefill_ms_per_token: Option<f64>,
    /// Requests worked on at once; the others queue
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// Each further request at work makes the gaps longer by this share
    #[arg(long, value_name = "SHARE")]
    batch_slowdown: Option<f64>,
    /// Seed of every draw
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Mean length of a natural answer; without it, answers end at their limit
    #[arg(long, value_name = "TOKENS")]
    mean_output_tokens: Option<f64>,
    /// What it says, word by word; without it, words are drawn
    #[arg(long, value_name = "TEXT")]
    reply: Option<String>,
    /// Tokens of a chat answer, at its start, that are reasoning
    #[arg(long, value_name = "N")]
    reasoning_tokens: Option<u32>,
    /// Tokens per event
    #[arg(long, value_name = "N")]
    tokens_per_event: Option<u32>,
    /// Events that go out in one write; the first goes alone
    #[arg(long, value_name = "N")]
    events_per_write: Option<u32>,
    /// Engine to pass for: vllm, sglang, llama_cpp, ollama, tgi or plain
    #[arg(long, value_name = "ENGINE", value_parser = flavour)]
    flavour: Option<Flavour>,
    /// File with the bearer token that /v1 requires
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Fault that strikes a share of the requests, as NAME=SHARE; may repeat
    #[arg(long, value_name = "NAME=SHARE", value_parser = fault_rule)]
    fault: Vec<FaultRule>,
    /// Bad spells, as a JSON object: period_s, duration_s, factor, error_ratio, offset_s; later, PUT
    /// /sim/degrade orders others and DELETE ends them
    #[arg(long, value_name = "JSON", value_parser = degrade)]
    degrade: Option<Degrade>,
    /// GPUs to tell of at /dcgm/metrics, as a DCGM exporter does; 2 by default
    #[arg(long, value_name = "N")]
    gpus: Option<u32>,
    /// Share of their busy time in which the GPUs are throttled by their power limit
    #[arg(long, value_name = "SHARE")]
    gpu_throttle: Option<f64>,
    /// XID error that the first GPU raises a minute after the start
    #[arg(long, value_name = "CODE")]
    gpu_xid: Option<u32>,
    /// Keep send stamps for /sim/stamps
    #[arg(long)]
    stamps: bool,
    /// Certificate chain (PEM); with --tls-key, serve TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Worker threads; 1 keeps the engine on one core
    #[arg(long, value_name = "N", default_value_t = NonZeroU8::MIN)]
    threads: NonZeroU8,
}

impl Args {
    /// The runtime that `--threads` asks for.
    fn runtime(&self) -> std::io::Result<Runtime> {
        match self.threads.get() {
            1 => Builder::new_current_thread().enable_all().build(),
            threads => Builder::new_multi_thread()
                .worker_threads(usize::from(threads))
                .enable_all()
                .build(),
        }
    }

    /// The engine that the flags describe. Fails if a file cannot be read or holds no spec.
    fn into_spec(self) -> anyhow::Result<SimSpec> {
        let mut spec = match &self.spec {
            None => SimSpec::default(),
            Some(path) => serde_json::from_str(&read(path)?)
                .with_context(|| format!("{} is no description of an engine", path.display()))?,
        };
        if !self.model.is_empty() {
            spec.models = self.model;
        }
        if !self.fault.is_empty() {
            spec.faults = self.fault;
        }
        set(&mut spec.ttft, self.ttft);
        set(&mut spec.itl, self.itl);
        set(&mut spec.prefill_ms_per_token, self.prefill_ms_per_token);
        set(&mut spec.slots, self.slots);
        set(&mut spec.batch_slowdown, self.batch_slowdown);
        set(&mut spec.seed, self.seed);
        set(&mut spec.reasoning_tokens, self.reasoning_tokens);
        set(&mut spec.tokens_per_event, self.tokens_per_event);
        set(&mut spec.events_per_write, self.events_per_write);
        set(&mut spec.flavour, self.flavour);
        set(&mut spec.gpus, self.gpus);
        set(&mut spec.gpu_throttle_ratio, self.gpu_throttle);
        spec.gpu_xid = self.gpu_xid.or(spec.gpu_xid);
        spec.mean_output_tokens = self.mean_output_tokens.or(spec.mean_output_tokens);
        spec.reply = self.reply.or(spec.reply);
        spec.degrade = self.degrade.or(spec.degrade);
        spec.stamps |= self.stamps;
        if let Some(path) = &self.api_key_file {
            spec.api_key = Some(read(path)?.trim().to_owned());
        }
        if let (Some(cert), Some(key)) = (&self.tls_cert, &self.tls_key) {
            spec.tls = Some(TlsPem { cert: read(cert)?, key: read(key)? });
        }
        Ok(spec)
    }
}

/// Serves until SIGINT or SIGTERM.
pub(super) fn run(args: Args, out: &mut (impl Write + Send)) -> anyhow::Result<ExitCode> {
    args.runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = CancellationToken::new();
        let mut serving = pin!(serve(args, out, shutdown.clone()));
        tokio::select! {
            served = &mut serving => return served.map(|()| ExitCode::SUCCESS),
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        shutdown.cancel();
        serving.await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Serves until `shutdown`. The first line on `out` is the URL.
async fn serve(
    args: Args,
    out: &mut (impl Write + Send),
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listen = args.listen;
    let sim = Sim::bind(args.into_spec()?, listen)
        .await
        .with_context(|| format!("cannot serve on {listen}"))?;
    writeln!(out, "{}", sim.base_url())?;
    out.flush()?;
    sim.run(shutdown).await;
    Ok(())
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn flavour(name: &str) -> Result<Flavour, String> {
    serde_json::from_value(name.into())
        .map_err(|_| "expected vllm, sglang, llama_cpp, ollama, tgi or plain".to_owned())
}

fn degrade(text: &str) -> Result<Degrade, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The share follows the last `=`: a fault may have a parameter of its own.
fn fault_rule(text: &str) -> Result<FaultRule, String> {
    let (fault, ratio) = text.rsplit_once('=').ok_or("expected NAME=SHARE")?;
    let fault = FaultOrder::from_str(fault).map_err(|error| error.to_string())?;
    let ratio = ratio.parse().map_err(|_| format!("`{ratio}` is no share from 0 to 1"))?;
    Ok(FaultRule { fault, ratio })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn spec(flags: &[&str]) -> anyhow::Result<SimSpec> {
        let command = Command::try_parse_from(["sim"].iter().chain(flags))?;
        let spec = command.args.into_spec()?;
        spec.check()?;
        Ok(spec)
    }

    #[test]
    fn flags_override_the_default() {
        let spec = spec(&[
            "--model=a",
            "--model=b",
            "--ttft=80ms",
            "--itl=uniform:5ms,15ms",
            "--slots=3",
            "--flavour=ollama",
            "--fault=stall=2=0.25",
            r#"--degrade={"period_s": 300, "duration_s": 60, "factor": 5}"#,
        ])
        .unwrap();
        assert_eq!(spec.models, ["a", "b"]);
        assert_eq!(spec.ttft, Dist::constant_ms(80.0));
        assert_eq!(spec.itl, Dist::Uniform { min_ms: 5.0, max_ms: 15.0 });
        assert_eq!((spec.slots, spec.flavour), (3, Flavour::Ollama));
        assert_eq!(spec.faults[0].fault.to_string(), "stall=2");
        assert!(spec.degrade.is_some());
    }

    #[tokio::test]
    async fn the_url_is_printed_and_the_engine_stops_when_told() {
        let command = Command::try_parse_from(["sim", "--web.listen-address=127.0.0.1:0"]).unwrap();
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let mut out = Vec::new();
        serve(command.args, &mut out, shutdown).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("http://127.0.0.1:") && out.ends_with('\n'), "{out}");
    }

    #[test]
    fn nonsense_is_refused() {
        for flag in [
            "--ttft=50",
            "--fault=nothing=1",
            "--fault=rst=2",
            "--flavour=gpt",
            "--slots=0",
            "--threads=0",
            "--tls-cert=x",
        ] {
            assert!(spec(&[flag]).is_err(), "{flag}");
        }
    }
}
