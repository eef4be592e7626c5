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
    // The reader skips lines that are empty, and takes one of blanks for the header.
    let blanks = usize::try_from(number).unwrap_or(1).saturating_sub(1);
    let blanks = text.split_inclusive('\n').take(blanks).map(str::len).sum();
    let text = text.get(blanks..).unwrap_or_default();
    let above = number.saturating_sub(1);
    let malformed = |error| malformed(error, above);
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(malformed)?.clone();
    let found = FORMS.iter().find_map(|form| Some((form, form.places(&header)?)));
    let (columns, places) =
        found.ok_or_else(|| TraceError::UnknownForm { line: number, found: cut(first.trim()) })?;
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(columns.row(&record.map_err(malformed)?, places, above)?);
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

    /// The row of a record; `above` are the lines before the header.
    fn row(
        &self,
        record: &StringRecord,
        places: [usize; 3],
        above: u64,
    ) -> Result<Row, TraceError> {
        let line = above + record.position().map_or(0, csv::Position::line);
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
fn malformed(error: csv::Error, above: u64) -> TraceError {
    let line = above + error.position().map_or(1, csv::Position::line);
    let why = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns in place of {expected_len}")
        }
        _ => "not comma-separated values".to_owned(),
    };
    TraceError::Malformed { line, column: None, why }
}
