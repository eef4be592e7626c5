//! The captured answers beside this file, and how to replay them. Knows nothing of what they mean.

use std::{ops::Range, path::PathBuf, sync::LazyLock};

use serde_json::Value;

/// One streamed answer.
pub struct Case {
    /// `server/case`, as the files are named.
    pub name: String,
    /// The body.
    pub body: Vec<u8>,
    /// The body in the pieces in which it came.
    pub pieces: Vec<Piece>,
    /// Arrival and length of each event.
    pub events: Vec<(u64, usize)>,
    /// Whether the body came to its end.
    pub complete: bool,
    /// The row of the index.
    row: Vec<String>,
    columns: Vec<String>,
}

/// A part of the body that came at one time.
pub struct Piece {
    /// Arrival, in microseconds after the request was sent.
    pub at_us: u64,
    /// Which read brought it.
    pub read: u32,
    /// Where it lies in the body.
    pub range: Range<usize>,
}

impl Case {
    /// What the index says in `column`.
    pub fn says(&self, column: &str) -> &str {
        let at = self.columns.iter().position(|name| name == column);
        &self.row[at.unwrap_or_else(|| panic!("no column {column}"))]
    }

    /// Status line and headers, as they came.
    pub fn head(&self) -> String {
        String::from_utf8_lossy(&read(&self.row, "headers")).into_owned()
    }

    /// The number that the index has in `column`; 0 where it has none.
    pub fn count(&self, column: &str) -> usize {
        match self.says(column) {
            "" => 0,
            number => number.parse().unwrap_or_else(|_| panic!("{}: {column}", self.name)),
        }
    }
}

/// Every streamed answer.
pub fn streamed() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let (columns, rows) = index();
        let streamed = rows.into_iter().filter(|row| row[3].starts_with("text/event-stream"));
        streamed.map(|row| case(row, &columns)).collect()
    });
    &CASES
}

/// Name and body of every answer with an error status.
pub fn refusals() -> Vec<(String, Vec<u8>)> {
    let (_, rows) = index();
    let refused = rows.into_iter().filter(|row| !row[2].starts_with("200"));
    refused.map(|row| (format!("{}/{}", row[0], row[1]), read(&row, "body"))).collect()
}

fn case(row: Vec<String>, columns: &[String]) -> Case {
    let timing: Value = serde_json::from_slice(&read(&row, "timing.json")).expect("timing is JSON");
    let numbers = |key: &str| -> Vec<Vec<u64>> {
        let rows = timing[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let row = |row: &Value| row.as_array().expect("a list").iter().map(number).collect();
        rows.iter().map(row).collect()
    };
    let reads = numbers("recv_us_bytes");
    let piece = |chunk: &Vec<u64>| {
        let read = reads.iter().position(|read| read[0] == chunk[0]).expect("a read at that time");
        let range = size(chunk[1])..size(chunk[1] + chunk[2]);
        Piece { at_us: chunk[0], read: u32::try_from(read).expect("few reads"), range }
    };
    Case {
        name: format!("{}/{}", row[0], row[1]),
        body: read(&row, "body"),
        pieces: numbers("http_chunk_us_offset_len").iter().map(piece).collect(),
        events: numbers("sse_event_us_bytes").iter().map(|row| (row[0], size(row[1]))).collect(),
        complete: timing["complete"].as_bool().expect("complete"),
        row,
        columns: columns.to_vec(),
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn size(number: u64) -> usize {
    usize::try_from(number).expect("fits")
}

fn index() -> (Vec<String>, Vec<Vec<String>>) {
    let text = std::fs::read_to_string(root().join("INDEX.tsv")).expect("index");
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect());
    (lines.next().expect("columns"), lines.collect())
}

fn read(row: &[String], what: &str) -> Vec<u8> {
    let path = root().join(&row[0]).join(format!("{}.{what}", row[1]));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire"))
}
