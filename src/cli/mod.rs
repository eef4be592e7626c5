//! The command line: one file a command.
//!
//! Owns flags, their environment variables and help, and the public exit codes. No logic here:
//! a command builds values and hands them to the module that does the work.

mod bench;
mod check_calibrate;
mod check_config;
pub mod check_target;
mod dashboards;
mod demo;
mod logging;
mod metrics;
mod rules;
mod schema;
mod serve;
mod sim;
mod target;
mod unread;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use unread::Unread;

/// The heartbeat of every model server: continuous benchmarking of LLM inference endpoints.
#[derive(Debug, Parser)]
#[command(name = "tokenbeat", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run two simulated targets, the daemon and its web page: nothing to configure
    Demo(demo::Args),
    /// Run the daemon
    Serve(serve::Args),
    /// Check a configuration, try out a target, or measure this machine
    #[command(subcommand)]
    Check(Check),
    /// Benchmark a target: one load, a sweep, or the search for the highest that it bears
    Bench(Box<bench::Args>),
    Rules(rules::Args),
    /// Run the simulated LLM server alone
    Sim(sim::Args),
    /// Print the catalogue of metrics
    Metrics(metrics::Args),
    /// Print or write the Grafana dashboards
    Dashboards(dashboards::Args),
    /// Print the JSON Schema of the configuration
    Schema(schema::Args),
}

#[derive(Debug, Subcommand)]
enum Check {
    /// Validate configuration files: every problem with its place and its remedy
    Config(check_config::Args),
    /// Try a target out: health, models, one streamed completion
    Target(check_target::CheckTarget),
    /// Measure what this machine's client adds, and how far it can be trusted
    Calibrate(check_calibrate::Args),
}

/// The exit codes, which are part of the public interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// The target could not be measured, or a check of it failed.
    NotMeasured,
    /// A usage, configuration or I/O error.
    Error,
    /// Measured, and an SLO was missed.
    Missed,
    /// Measured, but there is not enough data, or it is not valid.
    Uncertain,
    /// Ended by this signal, at once.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::NotMeasured => 2,
            Exit::Missed => 3,
            Exit::Uncertain => 4,
            Exit::Signal(signal) => 128 + signal,
        })
    }
}

/// Parses the arguments and runs the command. Help and usage errors are printed here; clap's own
/// exit code for the latter is 2, which is taken.
///
/// # Errors
/// Whatever keeps the command from being done, to be printed in one piece.
pub fn run() -> anyhow::Result<ExitCode> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            error.print()?;
            return Ok(if error.use_stderr() { Exit::Error } else { Exit::Done }.into());
        }
    };
    let out = &mut Unread(io::stdout());
    let exit = match cli.command {
        Command::Demo(args) => demo::run(&args, out),
        Command::Serve(args) => serve::run(args),
        Command::Check(Check::Config(args)) => check_config::run(&args, out),
        Command::Check(Check::Calibrate(args)) => check_calibrate::run(&args, out),
        Command::Check(Check::Target(args)) => check_target::run(args, out),
        Command::Bench(args) => bench::run(&args, out),
        Command::Rules(args) => rules::run(&args, out),
        Command::Sim(args) => sim::run(args, out),
        Command::Metrics(args) => metrics::run(&args, out),
        Command::Dashboards(args) => dashboards::run(&args, out),
        Command::Schema(args) => schema::run(&args, out),
    }?;
    out.flush()?;
    Ok(exit)
}
