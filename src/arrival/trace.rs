//! Traces: what somebody recorded, as demands.
//!
//! Owns the forms of trace files and what is said of one that is in none of them. A trace is known
//! by its first line: one that begins with `{` is JSON, any other is the header of a table.

mod json;
mod table;
mod time;

use std::{sync::Arc, time::Duration};

use super::Demand;

/// A trace that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Its demands in ascending order; the first is at offset 0.
    pub demands: Arc<[Demand]>,
    /// The form it was in.
    pub form: TraceForm,
    /// Rows that stood below a later one, and were sorted.
    pub out_of_order: usize,
}

/// The form of a trace file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceForm {
    /// Lines of JSON: `timestamp` in seconds or as RFC 3339, and if known `input_tokens` and
    /// `output_tokens`.
    Plain,
    /// Lines of JSON as Mooncake publishes them: `timestamp` in milliseconds, `input_length`,
    /// `output_length`.
    Mooncake,
    /// The table of Azure's LLM inference traces: `TIMESTAMP`, `ContextTokens`, `GeneratedTokens`.
    Azure,
    /// The table of BurstGPT: `Timestamp` in seconds, `Request tokens`, `Response tokens` and more.
    BurstGpt,
}

impl TraceForm {
    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "JSON lines",
            Self::Mooncake => "Mooncake",
            Self::Azure => "Azure",
            Self::BurstGpt => "BurstGPT",
        }
    }
}

/// Why a file is no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// Nothing stands in it.
    #[error("the trace holds no request: write one line for each, with its timestamp")]
    Empty,
    /// It is in no form that is known.
    #[error(
        "line {line}: {found:?} begins no trace: expected JSON lines with `timestamp`, or a table \
         with the header `TIMESTAMP,ContextTokens,GeneratedTokens` (Azure) or \
         `Timestamp,Model,Request tokens,Response tokens,…` (BurstGPT)"
    )]
    UnknownForm {
        /// The line, from 1.
        line: u64,
        /// What stands there, cut short.
        found: String,
    },
    /// A line is not in the form that the first line announced.
    #[error("line {line}{}: {why}: every line has the form of the first", at(*.column))]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// The character of the line at which it goes wrong, from 1, if it can be told.
        column: Option<usize>,
        /// What is wrong with it.
        why: String,
    },
    /// A line lacks a value.
    #[error("line {line}: `{column}` is missing: expected {expected}")]
    Missing {
        /// The line, from 1.
        line: u64,
        /// The name of the column or field.
        column: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// A value is not what belongs there.
    #[error("line {line}, `{column}`: {found} is no such value: expected {expected}")]
    Value {
        /// The line, from 1.
        line: u64,
        /// The name of the column or field.
        column: &'static str,
        /// What stands there, cut short.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
}

fn at(column: Option<usize>) -> String {
    column.map_or_else(String::new, |column| format!(", character {column}"))
}

/// A row of a trace: a time of whatever origin, in nanoseconds, and the two lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    nanos: i64,
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
}

impl Trace {
    /// Reads a trace.
    ///
    /// A length of 0 counts as not known: a request that brought no answer when it was recorded
    /// says nothing of how long one is.
    ///
    /// # Errors
    /// If `text` is in none of the forms, names the line, the column and what belongs there.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = text.lines().zip(1..).find(|(line, _)| !line.trim().is_empty());
        let (first, number) = first.ok_or(TraceError::Empty)?;
        let (form, rows) = if first.trim_start().starts_with('{') {
            json::rows(text)?
        } else {
            table::rows(text, first, number)?
        };
        Self::of(form, rows)
    }

    fn of(form: TraceForm, mut rows: Vec<Row>) -> Result<Self, TraceError> {
        let mut latest = i64::MIN;
        let mut out_of_order = 0;
        for row in &rows {
            out_of_order += usize::from(row.nanos < latest);
            latest = latest.max(row.nanos);
        }
        // Stable: requests of one moment stay in the order in which they were recorded.
        rows.sort_by_key(|row| row.nanos);
        let start = rows.first().ok_or(TraceError::Empty)?.nanos;
        let demand = |row: &Row| Demand {
            offset: Duration::from_nanos(row.nanos.abs_diff(start)),
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
        };
        Ok(Self { demands: rows.iter().map(demand).collect(), form, out_of_order })
    }
}

/// The demands of a trace, for one to whom its order and form do not matter.
///
/// # Errors
/// As [`Trace::parse`].
pub fn parse_trace(text: &str) -> Result<Arc<[Demand]>, TraceError> {
    Trace::parse(text).map(|trace| trace.demands)
}

/// What is quoted of a text in a message.
fn cut(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is expected of a length.
const TOKENS: &str = "a number of tokens";

/// A length as a trace has it; 0 is not known.
fn known(tokens: u32) -> Option<u32> {
    (tokens > 0).then_some(tokens)
}

#[cfg(test)]
mod tests;
