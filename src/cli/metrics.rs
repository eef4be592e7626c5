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

#[cfg(test)]
mod tests {
    use super::*;

    fn output(format: Format) -> String {
        let mut out = Vec::new();
        Metrics { format }.run(&mut out).expect("a vector takes all");
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
