//! From a snapshot to the bytes of one answer.

use std::{
    fmt,
    io::{self, Write},
    sync::Arc,
};

use flate2::{Compression, write::GzEncoder};
use prost::Message as _;

use super::{
    negotiate::{self, Coding, Format},
    scrape::Snapshot,
    text::{self, Dialect},
};
use crate::measure::catalogue::{CATALOGUE, Row};

/// An answer to a scrape.
#[derive(Clone, Debug)]
pub struct Exposition {
    /// Its format.
    pub format: Format,
    /// The header of that name.
    pub content_type: String,
    /// Whether `body` is compressed, for `Content-Encoding`.
    pub coding: Coding,
    /// The body.
    pub body: Vec<u8>,
}

/// A scrape that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum ExpositionError {
    /// A value that the model cannot hold: a bucket of more than 2⁶³ observations.
    #[error("a metric does not fit into the exposition: {0}")]
    Model(#[from] fmt::Error),
    /// The body could not be written.
    #[error("cannot write the exposition: {0}")]
    Write(#[from] io::Error),
}

/// Answers a scrape. The library's model is the one intermediate form, a family at a time; only
/// the format asked for is written from it.
pub(super) fn render(
    snapshot: &Arc<Snapshot>,
    accept: Option<&str>,
    accept_encoding: Option<&str>,
) -> Result<Exposition, ExpositionError> {
    let (format, content_type) = negotiate::format(accept);
    let coding = negotiate::coding(accept_encoding);
    let body = match coding {
        Coding::Identity => {
            let mut body = Vec::new();
            write(snapshot, format, &mut body)?;
            body
        }
        Coding::Gzip => {
            // The fastest level: it makes the repetitive text some twenty times smaller already.
            let mut body = GzEncoder::new(Vec::new(), Compression::fast());
            write(snapshot, format, &mut body)?;
            body.finish()?
        }
    };
    Ok(Exposition { format, content_type, coding, body })
}

fn write(
    snapshot: &Arc<Snapshot>,
    format: Format,
    out: &mut impl Write,
) -> Result<(), ExpositionError> {
    let mut rows: Vec<&'static Row> = CATALOGUE.iter().collect();
    rows.sort_by_key(|row| row.name);
    for row in rows {
        let Some(family) = snapshot.family(row)? else { continue };
        match format {
            Format::Text => out.write_all(text::family(&family, Dialect::Plain)?.as_bytes())?,
            Format::OpenMetrics => {
                out.write_all(text::family(&family, Dialect::OpenMetrics)?.as_bytes())?;
            }
            Format::Protobuf => out.write_all(&family.encode_length_delimited_to_vec())?,
        }
    }
    if format == Format::OpenMetrics {
        out.write_all(text::END.as_bytes())?;
    }
    Ok(())
}
