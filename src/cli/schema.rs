//! `tokenbeat schema`: the JSON Schema of the configuration.

use std::{io::Write, process::ExitCode};

/// Prints the JSON Schema of the configuration, for editors and other tools.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// If `out` cannot be written to.
pub fn run(_args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    writeln!(out, "{:#}", crate::config::schema())?;
    Ok(ExitCode::SUCCESS)
}
