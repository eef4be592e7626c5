//! `tokenbeat check target`: the quick test of one target.
//!
//! Owns the flags and what they say of a target. Knows nothing of what is asked of it.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::anyhow;

use super::{Exit, target::TargetArgs};
use crate::{
    check::{self, Ask, Colour, Report},
    client::Limits,
    config::{self, Config, Models, Target},
    load::{self, Link},
    units::{Period, UnitError},
};

/// Longest `--timeout`.
const LONGEST: Duration = Duration::from_secs(3600);

/// Ask a target for its health, its models and one short completion, and say what is wrong.
///
/// Every check is a line: ✓ passed, ! worth knowing, ✗ failed, – skipped or not known. The exit
/// code is 0 if no check failed, 2 if one did, 1 if the check could not be made.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckTarget {
    /// Base URL of the target, or its name in the configuration
    #[arg(value_name = "URL|NAME")]
    target: String,
    #[command(flatten)]
    how: TargetArgs,
    /// Model to ask for; by default the target's first, else the first that the server lists
    #[arg(long)]
    model: Option<String>,
    /// Longest completion; other requests get at most 10s of it
    #[arg(long, default_value = "30s", value_parser = timeout)]
    timeout: Duration,
    /// Prompt of the completion
    #[arg(long, default_value = "The capital of France is")]
    prompt: String,
    /// Most tokens of the completion
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_tokens: u32,
    /// Write one JSON document. Its keys are stable: schema_version, target, url, api, model,
    /// passed, checks (name, status, detail, ms), engine (name, version, evidence), engine_metrics
    /// (engine, families, missing), numbers, sample
    #[arg(long)]
    json: bool,
}

impl CheckTarget {
    /// Makes the check and writes its report to `out`. `load` reads a configuration.
    ///
    /// # Errors
    /// If the check cannot be made, or `out` does not take the report: exit code 1.
    pub async fn run(
        self,
        load: impl FnOnce(&Path) -> anyhow::Result<Config>,
        colour: Colour,
        out: &mut dyn Write,
    ) -> anyhow::Result<Exit> {
        let (target, limits) = self.subject(load)?;
        let model = self.model.clone().or_else(|| first_model(&target));
        let ask = Ask { model, prompt: self.prompt, max_tokens: self.max_tokens, limits };
        let link = Link::new(Arc::new(target))?;
        let report = check::quick_test(&link, &ask).await?;
        if self.json {
            write_json(&report, out)?;
        } else {
            report.render(out, colour)?;
        }
        Ok(if report.passed() { Exit::Done } else { Exit::NotMeasured })
    }

    /// The target that the arguments speak of, and the limits that go with it.
    fn subject(
        &self,
        load: impl FnOnce(&Path) -> anyhow::Result<Config>,
    ) -> anyhow::Result<(Target, Limits)> {
        let (target, global) = self.how.subject(&self.target, load)?;
        Ok((target, load::limits(&global, self.timeout)))
    }
}

/// Runs the command on the process's own output.
pub(super) fn run(args: CheckTarget, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = |file: &Path| config::load(file).map_err(|problems| anyhow!("{problems}"));
    let exit = runtime.block_on(args.run(load, colour_of_stdout(), out));
    // A name resolution that still hangs is not waited for.
    runtime.shutdown_background();
    exit.map(ExitCode::from)
}

/// The colour of the process's own output.
fn colour_of_stdout() -> Colour {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !refused { Colour::Yes } else { Colour::No }
}

fn write_json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &report.json())?;
    writeln!(out)
}

fn first_model(target: &Target) -> Option<String> {
    match &target.models {
        Models::List(models) => models.first().map(ToString::to_string),
        Models::All { .. } => None,
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let Period(timeout) = text.parse().map_err(|error: UnitError| error.to_string())?;
    if !timeout.is_zero() && timeout <= LONGEST {
        Ok(timeout)
    } else {
        Err("longer than zero, and at most 1h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_a_unit_and_bounds() {
        assert_eq!(timeout("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "30", "0s", "-5s", "2h"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }
}
