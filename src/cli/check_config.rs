//! `tokenbeat check config`: every problem of the configuration files.

use std::{io::Write, path::PathBuf, process::ExitCode};

use crate::config::{self, Config};

/// Checks configuration files, each on its own with what it includes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Runs the command: success, or 1 if there is any problem.
///
/// # Errors
/// If `out` cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in &args.files {
        match config::load(file) {
            Ok(config) => writeln!(out, "✓ {}: {}", file.display(), contents(&config))?,
            Err(problems) => {
                let count = counted(problems.count(), "problem");
                writeln!(out, "✗ {}: {count}\n\n{problems}\n", file.display())?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn contents(config: &Config) -> String {
    let parts = [
        counted(config.targets.len(), "target"),
        counted(config.probes.len(), "probe"),
        counted(config.workloads.len(), "workload"),
        counted(config.slos.len(), "SLO"),
    ];
    let files = match config.files.len() {
        1 => String::new(),
        files => format!(" in {files} files"),
    };
    parts.join(", ") + &files
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
