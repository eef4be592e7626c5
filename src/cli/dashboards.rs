//! `tokenbeat dashboards`: the Grafana dashboards.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

use crate::dashboard::{self, Board};

/// Print or write the Grafana dashboards.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Which ones: fleet, target, slo, sweeps, gpu, daemon; without a name all of them
    #[arg(value_name = "NAME")]
    names: Vec<Board>,
    /// Write a file each into this directory, in place of those that are there, instead of printing
    #[arg(long = "output.dir", value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Grafana's classic JSON, to import or to provision
    Json,
    /// A ConfigMap each, labelled for the sidecar of Grafana's Kubernetes chart
    Configmap,
}

/// Runs the command.
///
/// # Errors
/// If more than one JSON document is to be printed, or something cannot be written.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let boards = if args.names.is_empty() { &Board::ALL[..] } else { &args.names[..] };
    if let Some(directory) = &args.output_dir {
        write_all(boards, args.format, directory, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    anyhow::ensure!(
        boards.len() == 1 || args.format == Format::Configmap,
        "several dashboards are not one JSON document: name one of {}, or give --output.dir DIR",
        Board::ALL.map(Board::name).join(", ")
    );
    for board in boards {
        out.write_all(text(*board, args.format).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_all(
    boards: &[Board],
    format: Format,
    directory: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    for board in boards {
        let file = match format {
            Format::Json => board.file(),
            Format::Configmap => format!("{}.yml", board.uid()),
        };
        let path = directory.join(file);
        fs::write(&path, text(*board, format))
            .with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

fn text(board: Board, format: Format) -> String {
    match format {
        Format::Json => dashboard::json(board),
        Format::Configmap => dashboard::configmap(board),
    }
}
