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
    /// A family is larger than its encoding can say.
    #[error("a family does not fit into protobuf: {0}")]
    Protobuf(#[from] prost::EncodeError),
}

/// What the text of one probe's series takes at most, roughly.
const PROBE_TEXT: usize = 32 * 1024;

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
            // Pages that are not written to cost nothing.
            let mut body = Vec::with_capacity(snapshot.probes.len() * PROBE_TEXT);
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
    let (mut text, mut bytes) = (String::new(), Vec::new());
    for row in rows {
        let Some(family) = snapshot.family(row)? else { continue };
        text.clear();
        match format {
            Format::Text => text::family(&mut text, &family, Dialect::Plain)?,
            Format::OpenMetrics => text::family(&mut text, &family, Dialect::OpenMetrics)?,
            Format::Protobuf => {
                bytes.clear();
                family.encode_length_delimited(&mut bytes)?;
                out.write_all(&bytes)?;
            }
        }
        out.write_all(text.as_bytes())?;
    }
    if format == Format::OpenMetrics {
        out.write_all(text::END.as_bytes())?;
    }
    Ok(())
}
