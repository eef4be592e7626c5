//! `tokenbeat metrics`: the metric catalogue.

use std::{io::Write, process::ExitCode};

use crate::measure::catalogue;

/// Print the catalogue of the metrics that `tokenbeat serve` exposes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Args {
    /// Form of the output.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// The page `docs/metrics.md`.
    Markdown,
    /// An array with one object a metric.
    Json,
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match args.format {
        Format::Markdown => out.write_all(catalogue::markdown().as_bytes())?,
        Format::Json => writeln!(out, "{:#}", catalogue::json())?,
    }
    Ok(ExitCode::SUCCESS)
}
