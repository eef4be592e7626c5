//! `tokenbeat demo`

use std::{
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;

use super::{Exit, logging::LogArgs, serve::listen_address};
use crate::{
    config,
    daemon::{self, Daemon},
    sim::{Degrade, Dist, Sim, SimSpec},
    store,
    telemetry::LogCounter,
    web::{Content, Gate, WebOptions},
};

/// The configuration of the demo, as it ships.
const CONFIG: &str = include_str!("../../config/demo.yml");

/// What `CONFIG` says where the simulated targets are; replaced by where they really are.
const STEADY: &str = "http://127.0.0.1:18001";
const MOODY: &str = "http://127.0.0.1:18002";

/// So few that the simulated GPUs are seen to be at work.
const SLOTS: usize = 8;

/// Run two simulated targets, the daemon and its web page: nothing to configure
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Address of the page and of /metrics
    #[arg(
        long = "web.listen-address",
        env = "TOKENBEAT_WEB_LISTEN_ADDRESS",
        default_value = "127.0.0.1:9877",
        value_name = "ADDRESS",
        value_parser = listen_address
    )]
    listen: SocketAddr,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let counter = LogCounter::default();
    args.log.init(counter.clone());
    // What the demo finds is worth nothing once it is over.
    let folder = std::env::temp_dir().join(format!("tokenbeat-demo-{}", std::process::id()));
    let options = daemon::Options {
        config_file: None,
        auto_reload: Duration::ZERO,
        drain: Duration::from_secs(2),
        storage: store::Settings { path: folder.clone(), retention: Duration::MAX },
        web: WebOptions {
            listen: vec![args.listen],
            probe: Gate::Open,
            lifecycle: Gate::Closed,
            content: Content::Shown,
            ..WebOptions::default()
        },
    };
    let daemon = Daemon::new(options, counter).context(
        "cannot serve the page; another address can be had with --web.listen-address 127.0.0.1:0",
    )?;
    let steady = Sim::spawn(steady()).context("cannot start the simulated target `steady`")?;
    let moody = Sim::spawn(moody()).context("cannot start the simulated target `moody`")?;
    let text = CONFIG.replace(STEADY, steady.base_url()).replace(MOODY, moody.base_url());
    let config =
        config::load_str("demo.yml", &text).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    announce(&daemon, out)?;
    let ended = daemon.run(config);
    // Without a run there is no folder.
    let _ = std::fs::remove_dir_all(folder);
    Ok(Exit::from(ended?).into())
}

fn announce(daemon: &Daemon, out: &mut impl Write) -> io::Result<()> {
    for address in daemon.addresses() {
        writeln!(out, "tokenbeat demo: two simulated targets, one of them moody")?;
        writeln!(out, "  page      http://{address}/")?;
        writeln!(out, "  metrics   http://{address}/metrics")?;
        writeln!(out, "  one beat  http://{address}/probe?target=steady&debug=true")?;
        writeln!(out, "`moody` degrades for one minute in every three. Ctrl-C ends the demo.")?;
    }
    out.flush()
}

/// A healthy engine: 60 ms to the first token, 9 ms a token.
fn steady() -> SimSpec {
    SimSpec {
        models: vec!["sim-8b".to_owned()],
        ttft: Dist::Lognormal { median_ms: 60.0, sigma: 0.15 },
        itl: Dist::Lognormal { median_ms: 9.0, sigma: 0.1 },
        seed: 1,
        slots: SLOTS,
        ..SimSpec::default()
    }
}

/// An engine that is slow and fails at times, for one minute in every three.
fn moody() -> SimSpec {
    SimSpec {
        models: vec!["sim-70b".to_owned()],
        ttft: Dist::Lognormal { median_ms: 180.0, sigma: 0.2 },
        itl: Dist::Lognormal { median_ms: 20.0, sigma: 0.1 },
        seed: 2,
        slots: SLOTS,
        degrade: Some(Degrade {
            period_s: 180.0,
            duration_s: 60.0,
            factor: 4.0,
            error_ratio: 0.2,
            offset_s: 15.0,
        }),
        ..SimSpec::default()
    }
}
