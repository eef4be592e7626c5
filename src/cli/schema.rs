//! `tokenbeat schema`: the JSON Schemas of what is written and read.

use std::{io::Write, process::ExitCode};

use crate::{config, report};

/// Prints the JSON Schema of the configuration, for editors and other tools.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// Print the schema of a run's record instead, as `bench` and the daemon write it
    #[arg(long)]
    run_record: bool,
}

/// Runs the command.
///
/// # Errors
/// If `out` cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let schema = if args.run_record { report::schema() } else { config::schema() };
    writeln!(out, "{schema:#}")?;
    Ok(ExitCode::SUCCESS)
}
