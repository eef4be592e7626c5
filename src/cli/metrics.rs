//! `tokenbeat metrics`: the metric catalogue.

use std::io;

use crate::measure::catalogue;

/// Print the catalogue of the metrics that `tokenbeat serve` exposes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Metrics {
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

impl Metrics {
    /// Writes the catalogue to `out`.
    ///
    /// # Errors
    /// If `out` does not take it.
    pub fn run(self, out: &mut impl io::Write) -> io::Result<()> {
        match self.format {
            Format::Markdown => out.write_all(catalogue::markdown().as_bytes()),
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &catalogue::json())?;
                out.write_all(b"\n")
            }
        }
    }
}
