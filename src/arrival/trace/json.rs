//! Traces of one JSON object a line: plain ones, and Mooncake's.

use serde::Deserialize;
use serde_json::Value;

use super::{Row, TOKENS, TraceError, TraceForm, cut, known, time};

const SECONDS: &str = "seconds as a number, or a time such as \"2025-01-31T12:00:00.5Z\"";
const MILLISECONDS: &str = "milliseconds as a number";

/// The fields that are looked at; a line may have more.
#[derive(Deserialize)]
struct Line {
    timestamp: Option<Value>,
    input_length: Option<Value>,
    output_length: Option<Value>,
    input_tokens: Option<Value>,
    output_tokens: Option<Value>,
}

/// The rows of a trace of JSON lines. Mooncake's is known by the names of its lengths.
pub(super) fn rows(text: &str) -> Result<(TraceForm, Vec<Row>), TraceError> {
    let mut form = None;
    let mut rows = Vec::new();
    for (text, number) in text.lines().zip(1..).filter(|(text, _)| !text.trim().is_empty()) {
        let line: Line = serde_json::from_str(text).map_err(|error| TraceError::Malformed {
            line: number,
            column: Some(error.column()),
            why: "not a JSON object with the fields of a trace".to_owned(),
        })?;
        let mooncake = line.input_length.is_some() || line.output_length.is_some();
        let first = if mooncake { TraceForm::Mooncake } else { TraceForm::Plain };
        rows.push(line.row(*form.get_or_insert(first), number)?);
    }
    Ok((form.ok_or(TraceError::Empty)?, rows))
}

impl Line {
    fn row(self, form: TraceForm, line: u64) -> Result<Row, TraceError> {
        let mooncake = form == TraceForm::Mooncake;
        let expected = if mooncake { MILLISECONDS } else { SECONDS };
        let value =
            self.timestamp.ok_or(TraceError::Missing { line, column: "timestamp", expected })?;
        let nanos = match &value {
            Value::Number(number) => number.as_f64().and_then(|number| {
                time::counted(number, if mooncake { 1_000_000 } else { 1_000_000_000 })
            }),
            Value::String(text) if !mooncake => time::written(text),
            _ => None,
        };
        let nanos = nanos.ok_or_else(|| wrong(line, "timestamp", &value, expected))?;
        let (input, output) = if mooncake {
            (("input_length", self.input_length), ("output_length", self.output_length))
        } else {
            (("input_tokens", self.input_tokens), ("output_tokens", self.output_tokens))
        };
        Ok(Row { nanos, input_tokens: tokens(line, input)?, output_tokens: tokens(line, output)? })
    }
}

fn tokens(
    line: u64,
    (column, value): (&'static str, Option<Value>),
) -> Result<Option<u32>, TraceError> {
    let Some(value) = value else { return Ok(None) };
    let tokens = value.as_u64().and_then(|tokens| u32::try_from(tokens).ok());
    tokens.map(known).ok_or_else(|| wrong(line, column, &value, TOKENS))
}

fn wrong(line: u64, column: &'static str, value: &Value, expected: &'static str) -> TraceError {
    TraceError::Value { line, column, found: cut(&value.to_string()), expected }
}
