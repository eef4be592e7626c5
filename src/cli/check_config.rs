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
        counted(config.scenarios.len(), "scenario"),
        counted(config.sweeps.len(), "sweep"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str]) -> (String, bool) {
        let mut out = Vec::new();
        let args = Args { files: files.iter().map(PathBuf::from).collect() };
        let code = run(&args, &mut out).expect("written");
        (String::from_utf8(out).expect("UTF-8"), code == ExitCode::SUCCESS)
    }

    #[test]
    fn a_good_file_is_summed_up() {
        let (shown, good) = check(&["tests/config/ok/minimal.yml", "config/tokenbeat.yml"]);
        assert!(good);
        assert_eq!(
            shown,
            "✓ tests/config/ok/minimal.yml: 1 target, 1 probe, 1 workload, 0 SLOs, 0 \
             scenarios, 0 sweeps\n\
             ✓ config/tokenbeat.yml: 2 targets, 2 probes, 37 workloads, 15 SLOs, 19 scenarios, 2 sweeps in 5 \
             files\n"
        );
    }

    #[test]
    fn one_bad_file_fails_and_hides_no_other() {
        let (shown, good) = check(&["tests/config/bad/tls-half.yml", "config/slos.yml"]);
        assert!(!good);
        assert!(shown.starts_with("✗ tests/config/bad/tls-half.yml: 2 problems\n\n"), "{shown}");
        assert!(shown.contains("tls-half.yml:5:29: a certificate without its key"), "{shown}");
        assert!(shown.ends_with(
            "✓ config/slos.yml: 0 targets, 0 probes, 0 workloads, 14 SLOs, 0 scenarios, 0 sweeps\n"
        ));
    }
}
