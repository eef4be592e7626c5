//! Log lines: logfmt or JSON, to standard error, filtered by level.

use std::{io, str::FromStr};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// The flags of every command that logs.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LogArgs {
    /// Least severe level that is logged: error, warn, info, debug or trace
    #[arg(long = "log.level", env = "TOKENBEAT_LOG_LEVEL", default_value = "info", value_name = "LEVEL", value_parser = LevelFilter::from_str)]
    level: LevelFilter,
    /// Form of a log line
    #[arg(
        long = "log.format",
        env = "TOKENBEAT_LOG_FORMAT",
        default_value = "logfmt",
        value_name = "FORMAT"
    )]
    format: LogFormat,
}

impl LogArgs {
    /// Logs from here on; every line also goes through `counter`. Only our own crate is heard
    /// below `warn`: a library's chatter is no news of the daemon's, and could show a header.
    pub(super) fn init(&self, counter: impl Layer<tracing_subscriber::Registry> + Send + Sync) {
        let filter = tracing_subscriber::filter::Targets::new()
            .with_default(self.level.min(LevelFilter::WARN))
            .with_target("tokenbeat", self.level);
        let lines: Box<dyn Layer<_> + Send + Sync> = match self.format {
            LogFormat::Logfmt => {
                let layer = tracing_logfmt::builder().with_target(false).layer();
                layer.with_writer(io::stderr).boxed()
            }
            LogFormat::Json => tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                // Its key would be that of the `target` that many lines speak of.
                .with_target(false)
                .with_writer(io::stderr)
                .boxed(),
        };
        // A second call, in one process of many tests, keeps the first one's.
        let _ = tracing_subscriber::registry()
            .with(counter.with_filter(filter.clone()))
            .with(lines.with_filter(filter))
            .try_init();
    }
}
