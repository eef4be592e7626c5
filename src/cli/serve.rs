//! `tokenbeat serve`

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::ArgAction;

use super::{Exit, logging::LogArgs};
use crate::{
    config,
    daemon::{self, Daemon},
    store,
    telemetry::LogCounter,
    units::{Period, UnitError},
    web::{Content, Gate, RoutePrefix, WebOptions},
};

/// Run the daemon
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file
    #[arg(
        long = "config.file",
        env = "TOKENBEAT_CONFIG_FILE",
        default_value = "tokenbeat.yml",
        value_name = "FILE"
    )]
    config_file: PathBuf,
    /// How often the configuration files are looked at for changes; 0 = only on SIGHUP or reload
    #[arg(
        long = "config.auto-reload-interval",
        env = "TOKENBEAT_CONFIG_AUTO_RELOAD_INTERVAL",
        default_value = "30s",
        value_name = "DURATION",
        value_parser = duration_or_zero
    )]
    auto_reload: Duration,
    #[command(flatten)]
    web: WebArgs,
    /// How long beats and sweeps in flight may take to end after SIGTERM or SIGINT
    #[arg(
        long = "shutdown.drain-timeout",
        env = "TOKENBEAT_SHUTDOWN_DRAIN_TIMEOUT",
        default_value = "20s",
        value_name = "DURATION",
        value_parser = duration_or_zero
    )]
    drain: Duration,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// The flags of what is kept.
#[derive(Clone, Debug, clap::Args)]
struct StorageArgs {
    /// Folder for the records of sweeps; made when there is a sweep
    #[arg(
        long = "storage.path",
        env = "TOKENBEAT_STORAGE_PATH",
        default_value = "./data",
        value_name = "FOLDER"
    )]
    path: PathBuf,
    /// How long the records of sweeps are kept
    #[arg(
        long = "storage.retention.time",
        env = "TOKENBEAT_STORAGE_RETENTION_TIME",
        default_value = "90d",
        value_name = "DURATION",
        value_parser = duration
    )]
    retention: Duration,
}

/// The flags of the web side, as every Prometheus exporter has them.
#[derive(Clone, Debug, clap::Args)]
struct WebArgs {
    /// Address to listen on; may be given more than once
    #[arg(
        long = "web.listen-address",
        env = "TOKENBEAT_WEB_LISTEN_ADDRESS",
        value_delimiter = ',',
        default_value = ":9877",
        value_name = "ADDRESS",
        value_parser = listen_address
    )]
    listen: Vec<SocketAddr>,
    /// URL under which the page is reached from outside, for links behind a proxy
    #[arg(long = "web.external-url", env = "TOKENBEAT_WEB_EXTERNAL_URL", value_name = "URL")]
    external_url: Option<url::Url>,
    /// Path that every route begins with; by default that of --web.external-url
    #[arg(long = "web.route-prefix", env = "TOKENBEAT_WEB_ROUTE_PREFIX", value_name = "PATH")]
    route_prefix: Option<String>,
    /// Allow POST /-/reload, and to run and cancel sweeps
    #[arg(long = "web.enable-lifecycle", env = "TOKENBEAT_WEB_ENABLE_LIFECYCLE", action = ArgAction::SetTrue, value_parser = switch)]
    enable_lifecycle: bool,
    /// Allow GET /probe, which spends tokens
    #[arg(long = "web.enable-probe", env = "TOKENBEAT_WEB_ENABLE_PROBE", action = ArgAction::SetTrue, value_parser = switch)]
    enable_probe: bool,
    /// Show the text of answers in the trace of /probe
    #[arg(long = "web.show-content", env = "TOKENBEAT_WEB_SHOW_CONTENT", action = ArgAction::SetTrue, value_parser = switch)]
    show_content: bool,
}

impl WebArgs {
    fn options(self) -> anyhow::Result<WebOptions> {
        let gate = |open: bool| if open { Gate::Open } else { Gate::Closed };
        let prefix = RoutePrefix::new(self.route_prefix.as_deref(), self.external_url.as_ref());
        Ok(WebOptions {
            listen: self.listen,
            probe: gate(self.enable_probe),
            lifecycle: gate(self.enable_lifecycle),
            content: if self.show_content { Content::Shown } else { Content::Hidden },
            route_prefix: prefix?,
        })
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Before anything listens or logs: a wrong configuration is the user's to read, not the log's.
    let config = config::load(&args.config_file)
        .map_err(|problems| anyhow::anyhow!("the configuration has problems\n\n{problems}"))?;
    let counter = LogCounter::default();
    args.log.init(counter.clone());
    let options = daemon::Options {
        config_file: Some(args.config_file),
        auto_reload: args.auto_reload,
        drain: args.drain,
        storage: store::Settings { path: args.storage.path, retention: args.storage.retention },
        web: args.web.options()?,
    };
    let daemon = Daemon::new(options, counter).context("cannot start")?;
    Ok(Exit::from(daemon.run(config)?).into())
}

impl From<daemon::Ended> for Exit {
    fn from(ended: daemon::Ended) -> Self {
        match ended {
            daemon::Ended::Drained => Self::Done,
            daemon::Ended::Interrupted { signal } => Self::Signal(signal),
        }
    }
}

/// An address to listen on; without a host, every address of the machine.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    let full = full.replace("localhost:", "127.0.0.1:");
    full.parse().map_err(|_| "expected ADDRESS:PORT or :PORT, such as 127.0.0.1:9877".to_owned())
}

/// What an environment variable says of a flag that has no value. Words that are neither yes nor no
/// are refused: a gate must not open by a slip.
fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "y" | "yes" | "on" => Ok(true),
        "" | "0" | "f" | "false" | "n" | "no" | "off" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// A duration, or 0 to switch the thing off.
fn duration_or_zero(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    duration(text)
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse().map(|Period(duration)| duration).map_err(|error: UnitError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_leave_out_the_host() {
        for (text, address) in [
            (":9877", "[::]:9877"),
            ("localhost:1", "127.0.0.1:1"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[::1]:9", "[::1]:9"),
        ] {
            assert_eq!(listen_address(text), Ok(address.parse().expect("valid")));
        }
        assert!(listen_address("9877").is_err());
    }
}
