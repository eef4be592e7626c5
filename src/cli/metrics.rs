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

#[cfg(test)]
mod tests {
    use super::*;

    fn output(format: Format) -> String {
        let mut out = Vec::new();
        run(&Args { format }, &mut out).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn both_forms_have_every_row() {
        let page = output(Format::Markdown);
        let rows: serde_json::Value = serde_json::from_str(&output(Format::Json)).expect("JSON");
        let rows = rows.as_array().expect("an array");
        assert_eq!(rows.len(), catalogue::CATALOGUE.len());
        for row in rows {
            let name = row["name"].as_str().expect("a name");
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}
