//! Tables of figures: markdown for people, JSON for machines.

use std::{fmt, fs, path::Path};

use anyhow::Context as _;
use serde_json::{Value, json};

/// Where the JSON goes.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench");

/// One section of the report.
pub(crate) struct Section {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// One entry of a table.
pub(crate) enum Cell {
    /// Words.
    Text(String),
    /// A figure, with the digits worth showing and what is promised of it.
    Figure { value: f64, digits: usize, promise: Promise },
    /// Nothing was measured.
    Absent,
}

/// What is promised of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Promise {
    Nothing,
    AtMost(f64),
    AtLeast(f64),
}

impl Promise {
    fn is_held_by(self, value: f64) -> bool {
        match self {
            Self::Nothing => true,
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl Section {
    /// An empty table under `title`.
    pub(crate) fn new(title: &'static str, head: &[&'static str]) -> Self {
        Self { title, head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, of as many cells as the head has.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Writes the figures to `target/bench/NAME.json`.
    pub(crate) fn write_json(&self, name: &str) -> anyhow::Result<()> {
        let rows: Vec<Value> = (self.rows.iter())
            .map(|row| self.head.iter().zip(row).map(|(name, cell)| (*name, cell.json())).collect())
            .collect();
        let machine = super::process::machine();
        let json = json!({ "title": self.title, "machine": machine, "rows": rows });
        fs::create_dir_all(FOLDER).with_context(|| format!("cannot make {FOLDER}"))?;
        let path = Path::new(FOLDER).join(format!("{name}.json"));
        fs::write(&path, format!("{json:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Cell {
    /// Words.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A figure without a promise.
    pub(crate) const fn figure(value: f64, digits: usize) -> Self {
        Self::Figure { value, digits, promise: Promise::Nothing }
    }

    /// A figure that is promised not to exceed `limit`.
    pub(crate) const fn at_most(value: f64, digits: usize, limit: f64) -> Self {
        Self::Figure { value, digits, promise: Promise::AtMost(limit) }
    }

    /// A figure that is promised to reach `limit`.
    pub(crate) const fn at_least(value: f64, digits: usize, limit: f64) -> Self {
        Self::Figure { value, digits, promise: Promise::AtLeast(limit) }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Figure { value, promise, .. } => {
                let holds = promise.is_held_by(*value);
                match promise {
                    Promise::Nothing => json!(value),
                    Promise::AtMost(limit) => {
                        json!({ "value": value, "at_most": limit, "holds": holds })
                    }
                    Promise::AtLeast(limit) => {
                        json!({ "value": value, "at_least": limit, "holds": holds })
                    }
                }
            }
            Self::Absent => Value::Null,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Figure { value, digits, promise } => {
                write!(f, "{value:.digits$}")?;
                match (promise, promise.is_held_by(*value)) {
                    (Promise::Nothing, _) => Ok(()),
                    (_, true) => f.write_str(" ✓"),
                    (Promise::AtMost(limit), false) => write!(f, " ✗ (≤ {limit})"),
                    (Promise::AtLeast(limit), false) => write!(f, " ✗ (≥ {limit})"),
                }
            }
            Self::Absent => f.write_str("–"),
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## {}\n\n| {} |", self.title, self.head.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(self.head.len()))?;
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(Cell::to_string).collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}
