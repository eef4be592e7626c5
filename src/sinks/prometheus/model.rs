//! From the registry to the bytes of one answer.

use std::{
    fmt,
    io::{self, Write},
};

use flate2::{Compression, write::GzEncoder};
use prometheus_client::{
    encoding::prometheus_protobuf::{
        encode,
        prometheus_data_model::{Metric, MetricFamily},
    },
    registry::Registry,
};
use prost::Message as _;

use super::{
    negotiate::{self, Coding, Format},
    text::{self, Dialect},
};
use crate::measure::catalogue::CATALOGUE;

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

/// Answers a scrape of `registry`. The model is the one intermediate form; only the format asked
/// for is written from it.
pub(super) fn render(
    registry: &Registry,
    accept: Option<&str>,
    accept_encoding: Option<&str>,
) -> Result<Exposition, ExpositionError> {
    let families = families(registry)?;
    let (format, content_type) = negotiate::format(accept);
    let coding = negotiate::coding(accept_encoding);
    let body = match coding {
        Coding::Identity => {
            let mut body = Vec::new();
            write(&families, format, &mut body)?;
            body
        }
        Coding::Gzip => {
            // The fastest level: it makes the repetitive text some twenty times smaller already.
            let mut body = GzEncoder::new(Vec::new(), Compression::fast());
            write(&families, format, &mut body)?;
            body.finish()?
        }
    };
    Ok(Exposition { format, content_type, coding, body })
}

/// The families that have series, sorted by name, their series by labels, with their units.
fn families(registry: &Registry) -> Result<Vec<MetricFamily>, fmt::Error> {
    let mut families = encode(registry)?;
    families.retain(|family| !family.metric.is_empty());
    families.sort_by(|a, b| a.name.cmp(&b.name));
    for family in &mut families {
        if let Some(row) = CATALOGUE.iter().find(|row| row.name == family.name) {
            family.unit = row.unit.as_str().to_owned();
        }
        for metric in &mut family.metric {
            metric.label.sort_by(|a, b| a.name.cmp(&b.name));
        }
        family.metric.sort_by(by_labels);
    }
    Ok(families)
}

fn by_labels(a: &Metric, b: &Metric) -> std::cmp::Ordering {
    let a = a.label.iter().map(|label| (&label.name, &label.value));
    let b = b.label.iter().map(|label| (&label.name, &label.value));
    a.cmp(b)
}

fn write(families: &[MetricFamily], format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(families, Dialect::Plain, out),
        Format::OpenMetrics => text::write(families, Dialect::OpenMetrics, out),
        Format::Protobuf => {
            let mut message = Vec::new();
            for family in families {
                message.clear();
                family.encode_length_delimited(&mut message).map_err(io::Error::other)?;
                out.write_all(&message)?;
            }
            Ok(())
        }
    }
}
