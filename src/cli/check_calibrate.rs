//! `tokenbeat check calibrate`: what this machine's client costs, and how far it can be trusted.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::Exit;
use crate::{event::Calibration, load};

/// Measure this machine's client against the built-in simulator: what it adds to a time to first
/// token, and the highest load at which its own rules of validity hold.
///
/// Takes some fifteen seconds, on loopback only; nothing else should run meanwhile. The exit code is
/// 0, or 2 if the rules do not hold at the lowest load either.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Args {
    /// Form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// One JSON object, as `calibration` in the record of a run.
    Json,
}

/// Runs the command. How far it is goes to standard error.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let calibration = load::calibrate(&mut |stage| {
        // Nobody has to read it.
        let _ = writeln!(io::stderr(), "{stage}");
    })?;
    match args.format {
        Format::Text => out.write_all(text(&calibration).as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &calibration)?;
            writeln!(out)?;
        }
    }
    let trusted = calibration.trusted_requests_per_second > 0.0;
    Ok(if trusted { Exit::Done } else { Exit::NotMeasured }.into())
}

fn text(calibration: &Calibration) -> String {
    let micros = |seconds: f64| format!("{:.0} µs", seconds * 1e6);
    let overhead = format!(
        "{} p50, {} p99",
        micros(calibration.ttft_overhead_p50),
        micros(calibration.ttft_overhead_p99)
    );
    let rate = |rate: f64, what: &str| match rate {
        rate if rate > 0.0 => format!("{rate:.0} {what} a second"),
        _ => format!("no rate of {what}: this machine is too slow or too busy"),
    };
    let lines = [
        ("added to ttft", overhead),
        ("trusted up to", rate(calibration.trusted_requests_per_second, "requests")),
        ("send lag there", format!("{} p99", micros(calibration.send_lag_p99))),
        ("and up to", rate(calibration.trusted_tokens_per_second, "tokens")),
    ];
    lines.map(|(name, value)| format!("{name:<15}{value}\n")).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_for_people_has_units() {
        let calibration = Calibration {
            ttft_overhead_p50: 0.000_061,
            ttft_overhead_p99: 0.000_180,
            send_lag_p99: 0.000_095,
            trusted_requests_per_second: 4_000.0,
            trusted_tokens_per_second: 0.0,
        };
        assert_eq!(
            text(&calibration),
            "added to ttft  61 µs p50, 180 µs p99\n\
             trusted up to  4000 requests a second\n\
             send lag there 95 µs p99\n\
             and up to      no rate of tokens: this machine is too slow or too busy\n"
        );
    }
}
