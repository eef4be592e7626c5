//! The command: from flags to results and an exit code.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, anyhow};

use super::{
    super::Exit,
    args::Args,
    output::Outputs,
    runs::{self, Runs},
    scenario::{self, Bench},
    signals::Signals,
    target::{self, Asks, Surveyed},
    verdict,
};
use crate::{
    config::{self, Config, Global, Target},
    event::{Calibration, RunRecord},
    load,
};

/// Runs the benchmark. Results go to `out`, everything else to standard error.
pub(in crate::cli) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    // Everything that can be wrong on our side is found out before anything is sent.
    let config = args.how.config_file.as_deref().map(read).transpose()?;
    let bench = scenario::build(args, config.as_ref())?;
    let known = |_: &Path| config.clone().ok_or_else(|| anyhow!("there is no --config.file"));
    let (target, global) = target::target(args, known)?;
    let outputs = Outputs::prepare(&args.output, width_of_stdout())?;

    bench.note.as_deref().map(tell);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let went = runtime.block_on(carry_out(args, &bench, target, global, &outputs));
    // Neither a name resolution nor a calibration that still goes on is waited for.
    runtime.shutdown_background();
    finish(&went?, &outputs, out).map(ExitCode::from)
}

/// Calibrates, asks the target what it is, and makes the runs.
async fn carry_out(
    args: &Args,
    bench: &Bench,
    target: Target,
    global: Global,
    outputs: &Outputs,
) -> anyhow::Result<Runs> {
    let mut signals = Signals::listen()?;
    let calibration = match args.steps.calibrate {
        true => tokio::select! {
            calibration = calibrated() => Some(calibration?),
            signal = signals.next() => return Ok(Runs::ended_by(signal)),
        },
        false => None,
    };
    let surveyed = tokio::select! {
        surveyed = target::survey(args, target, global, Asks::of(&bench.scenario), tell) => surveyed?,
        signal = signals.next() => return Ok(Runs::ended_by(signal)),
    };
    match surveyed {
        Surveyed::Subjects(subjects) => {
            runs::all(args, bench, &subjects, calibration, outputs, &mut signals).await
        }
        Surveyed::NoModel(why) => {
            tell(&why);
            Ok(Runs::default())
        }
    }
}

/// Prints and writes what there is. The exit code is the signal's if one came, 1 if a run broke off
/// or a result could not be written, else that of the runs.
fn finish(runs: &Runs, outputs: &Outputs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let records: Vec<&RunRecord> = runs.records.iter().map(AsRef::as_ref).collect();
    let written = if records.is_empty() { Ok(()) } else { outputs.write(&records, out) };
    if let Some(why) = runs.broken {
        tell(why);
    }
    match (runs.signal, written) {
        (Some(signal), written) => {
            if let Err(error) = written {
                tell(&format!("{error:#}"));
            }
            Ok(Exit::Signal(signal))
        }
        (None, Err(error)) => Err(error),
        (None, Ok(())) if runs.broken.is_some() => Ok(Exit::Error),
        (None, Ok(())) => Ok(verdict::exit(&records)),
    }
}

fn read(file: &Path) -> anyhow::Result<Config> {
    config::load(file).map_err(|problems| anyhow!("{problems}"))
}

/// Measures this machine's client, on a thread of its own.
async fn calibrated() -> anyhow::Result<Calibration> {
    let calibrating = tokio::task::spawn_blocking(|| load::calibrate(&mut |stage| tell(stage)));
    calibrating.await?.context("the client cannot be calibrated")
}

/// The columns of the terminal that results are printed to; absent if it is none. One that does not
/// say has room for everything.
fn width_of_stdout() -> Option<usize> {
    let terminal = io::stdout().is_terminal().then(console::Term::stdout)?;
    let told = terminal.size_checked().map(|(_, columns)| usize::from(columns));
    Some(told.filter(|columns| *columns > 0).unwrap_or(usize::MAX))
}

/// A line on standard error, which nobody has to read.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "tokenbeat: {text}");
}
