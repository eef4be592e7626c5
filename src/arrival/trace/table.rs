//! Traces of comma-separated values: Azure's and BurstGPT's, told apart by their headers.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{Row, TOKENS, TraceError, TraceForm, cut, known, time};

/// The columns of a form that are looked at, in the order time, input, output; a table may have
/// more, in any order.
struct Columns {
    form: TraceForm,
    names: [&'static str; 3],
    expected: &'static str,
    time: fn(&str) -> Option<i64>,
}

const FORMS: [Columns; 2] = [
    Columns {
        form: TraceForm::Azure,
        names: ["TIMESTAMP", "ContextTokens", "GeneratedTokens"],
        expected: "a time such as 2023-11-16 18:17:03.97",
        time: time::written,
    },
    Columns {
        form: TraceForm::BurstGpt,
        names: ["Timestamp", "Request tokens", "Response tokens"],
        expected: "seconds as a number",
        time: |text| time::counted(text.parse().ok()?, 1_000_000_000),
    },
];

/// The rows of a table, of which `first` is the first line that is not empty, number `number`.
pub(super) fn rows(
    text: &str,
    first: &str,
    number: u64,
) -> Result<(TraceForm, Vec<Row>), TraceError> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(malformed)?.clone();
    let found = FORMS.iter().find_map(|form| Some((form, form.places(&header)?)));
    let (columns, places) =
        found.ok_or_else(|| TraceError::UnknownForm { line: number, found: cut(first.trim()) })?;
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(columns.row(&record.map_err(malformed)?, places)?);
    }
    Ok((columns.form, rows))
}

impl Columns {
    /// Where the columns stand, if the header has them all.
    fn places(&self, header: &StringRecord) -> Option<[usize; 3]> {
        let place = |name| header.iter().position(|column| column == name);
        let [time, input, output] = self.names.map(place);
        Some([time?, input?, output?])
    }

    fn row(&self, record: &StringRecord, places: [usize; 3]) -> Result<Row, TraceError> {
        let line = record.position().map_or(0, csv::Position::line);
        let [time, input, output] = places.map(|place| record.get(place).unwrap_or_default());
        let wrong = |column, found: &str, expected| match found {
            "" => TraceError::Missing { line, column, expected },
            _ => TraceError::Value { line, column, found: format!("{:?}", cut(found)), expected },
        };
        let tokens = |column, found: &str| {
            found.parse().map(known).map_err(|_| wrong(column, found, TOKENS))
        };
        Ok(Row {
            nanos: (self.time)(time).ok_or_else(|| wrong(self.names[0], time, self.expected))?,
            input_tokens: tokens(self.names[1], input)?,
            output_tokens: tokens(self.names[2], output)?,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn malformed(error: csv::Error) -> TraceError {
    let line = error.position().map_or(1, csv::Position::line);
    let why = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns in place of {expected_len}")
        }
        _ => "not comma-separated values".to_owned(),
    };
    TraceError::Malformed { line, column: None, why }
}
