//! The two text formats, written from the protobuf model.

use std::fmt::{self, Write as _};

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Exemplar, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::number;

/// Which text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The text format 0.0.4.
    Plain,
    /// OpenMetrics 1.0: counters named without `_total` in their head, units, exemplars, [`END`].
    OpenMetrics,
}

/// What ends an OpenMetrics exposition.
pub(super) const END: &str = "# EOF\n";

/// Appends the text of one family to `out`.
///
/// # Errors
/// If it is of a type that we have none of.
pub(super) fn family(out: &mut String, family: &MetricFamily, dialect: Dialect) -> fmt::Result {
    let head = match (dialect, family.r#type()) {
        (Dialect::OpenMetrics, MetricType::Counter) => {
            family.name.strip_suffix("_total").unwrap_or(&family.name)
        }
        _ => &family.name,
    };
    let kind = match family.r#type() {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
        _ => return Err(fmt::Error),
    };
    write!(out, "# HELP {head} ")?;
    escape(out, &family.help, dialect == Dialect::OpenMetrics)?;
    writeln!(out, "\n# TYPE {head} {kind}")?;
    if dialect == Dialect::OpenMetrics && !family.unit.is_empty() {
        writeln!(out, "# UNIT {head} {}", family.unit)?;
    }
    let mut scratch = Scratch::default();
    for metric in &family.metric {
        self::metric(out, &family.name, metric, dialect, &mut scratch)?;
    }
    Ok(())
}

/// What the series of a family have in common, or can use one after the other.
#[derive(Default)]
struct Scratch {
    labels: String,
    /// Boundaries and how they are written. Those of one series are those of the next, at the same
    /// place, but for thresholds that were inserted.
    bounds: Vec<(f64, String)>,
}

impl Scratch {
    /// How the boundary at a place is written.
    fn bound(&mut self, place: usize, bound: f64) -> Result<&str, fmt::Error> {
        if self.bounds.get(place).is_none_or(|(known, _)| known.to_bits() != bound.to_bits()) {
            let mut text = String::new();
            number::le(&mut text, bound)?;
            self.bounds.truncate(place);
            self.bounds.push((bound, text));
        }
        self.bounds.get(place).map(|(_, text)| text.as_str()).ok_or(fmt::Error)
    }
}

fn metric(
    out: &mut String,
    name: &str,
    metric: &Metric,
    dialect: Dialect,
    scratch: &mut Scratch,
) -> fmt::Result {
    scratch.labels.clear();
    pairs(&mut scratch.labels, &metric.label)?;
    let labels = &scratch.labels;
    if let Some(counter) = &metric.counter {
        sample(out, name, "", labels, None)?;
        number::value(out, counter.value)?;
        end(out, counter.exemplar.as_ref(), dialect)
    } else if let Some(gauge) = &metric.gauge {
        sample(out, name, "", labels, None)?;
        number::value(out, gauge.value)?;
        end(out, None, dialect)
    } else if let Some(histogram) = &metric.histogram {
        self::histogram(out, name, histogram, dialect, scratch)
    } else {
        Err(fmt::Error)
    }
}

fn histogram(
    out: &mut String,
    name: &str,
    histogram: &Histogram,
    dialect: Dialect,
    scratch: &mut Scratch,
) -> fmt::Result {
    let labels = std::mem::take(&mut scratch.labels);
    for (place, bucket) in histogram.bucket.iter().enumerate() {
        let bound = scratch.bound(place, bucket.upper_bound)?;
        sample(out, name, "_bucket", &labels, Some(bound))?;
        number::count(out, bucket.cumulative_count)?;
        end(out, bucket.exemplar.as_ref(), dialect)?;
    }
    sample(out, name, "_sum", &labels, None)?;
    number::value(out, histogram.sample_sum)?;
    end(out, None, dialect)?;
    sample(out, name, "_count", &labels, None)?;
    number::count(out, histogram.sample_count)?;
    end(out, None, dialect)?;
    scratch.labels = labels;
    Ok(())
}

/// A sample up to its value. `labels` is written already, without braces.
fn sample(
    out: &mut String,
    name: &str,
    suffix: &str,
    labels: &str,
    le: Option<&str>,
) -> fmt::Result {
    out.write_str(name)?;
    out.write_str(suffix)?;
    if le.is_some() || !labels.is_empty() {
        out.write_char('{')?;
        out.write_str(labels)?;
        if let Some(bound) = le {
            out.write_str(if labels.is_empty() { "le=\"" } else { ",le=\"" })?;
            out.write_str(bound)?;
            out.write_char('"')?;
        }
        out.write_char('}')?;
    }
    out.write_char(' ')
}

/// What follows a sample's value.
fn end(out: &mut String, exemplar: Option<&Exemplar>, dialect: Dialect) -> fmt::Result {
    if let (Some(exemplar), Dialect::OpenMetrics) = (exemplar, dialect) {
        out.write_str(" # {")?;
        pairs(out, &exemplar.label)?;
        out.write_str("} ")?;
        number::value(out, exemplar.value)?;
        if let Some(time) = &exemplar.timestamp {
            write!(out, " {}.{:09}", time.seconds, time.nanos)?;
        }
    }
    out.write_char('\n')
}

fn pairs(out: &mut String, labels: &[LabelPair]) -> fmt::Result {
    for (i, label) in labels.iter().enumerate() {
        out.write_str(if i == 0 { "" } else { "," })?;
        out.write_str(&label.name)?;
        out.write_str("=\"")?;
        escape(out, &label.value, true)?;
        out.write_char('"')?;
    }
    Ok(())
}

/// Writes `text` with backslashes and line ends escaped, and quotes where they would end it.
fn escape(out: &mut String, text: &str, quotes: bool) -> fmt::Result {
    // By bytes: all three are ASCII, which is no part of a longer character.
    let special = |byte: &u8| matches!(byte, b'\\' | b'\n') || (quotes && *byte == b'"');
    let mut rest = text;
    while let Some(at) = rest.as_bytes().iter().position(special) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        })?;
        rest = &rest[at + 1..];
    }
    out.write_str(rest)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
        Bucket, Counter,
    };

    use super::*;

    fn text(family: &MetricFamily, dialect: Dialect) -> String {
        let mut text = String::new();
        super::family(&mut text, family, dialect).expect("written");
        text
    }

    fn pair(name: &str, value: &str) -> LabelPair {
        LabelPair { name: name.into(), value: value.into() }
    }

    fn counter() -> MetricFamily {
        MetricFamily {
            name: "a_seconds_total".into(),
            help: "A \"b\"\\c\nd".into(),
            unit: "seconds".into(),
            r#type: MetricType::Counter.into(),
            metric: vec![Metric {
                label: vec![pair("x", "\"\\\n"), pair("y", "ü")],
                counter: Some(Counter { value: 2.5, ..Default::default() }),
                ..Default::default()
            }],
        }
    }

    #[test]
    fn plain_text_names_and_escapes() {
        assert_eq!(
            text(&counter(), Dialect::Plain),
            "# HELP a_seconds_total A \"b\"\\\\c\\nd\n# TYPE a_seconds_total counter\n\
             a_seconds_total{x=\"\\\"\\\\\\n\",y=\"ü\"} 2.5\n"
        );
    }

    #[test]
    fn open_metrics_names_and_escapes() {
        assert_eq!(
            text(&counter(), Dialect::OpenMetrics),
            "# HELP a_seconds A \\\"b\\\"\\\\c\\nd\n# TYPE a_seconds counter\n\
             # UNIT a_seconds seconds\na_seconds_total{x=\"\\\"\\\\\\n\",y=\"ü\"} 2.5\n"
        );
    }

    #[test]
    fn exemplars_are_open_metrics_only() {
        let exemplar = Exemplar { label: vec![pair("t", "1")], value: 0.5, timestamp: None };
        let bucket = |upper_bound, exemplar| Bucket {
            cumulative_count: 1,
            upper_bound,
            exemplar,
            ..Default::default()
        };
        let family = MetricFamily {
            name: "h".into(),
            r#type: MetricType::Histogram.into(),
            metric: vec![Metric {
                histogram: Some(Histogram {
                    sample_count: 1,
                    sample_sum: f64::INFINITY,
                    bucket: vec![bucket(1.0, Some(exemplar)), bucket(f64::INFINITY, None)],
                    ..Default::default()
                }),
                ..Default::default()
            }],
            ..Default::default()
        };
        let plain = text(&family, Dialect::Plain);
        assert!(plain.contains("h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum +Inf\n"));
        let open = text(&family, Dialect::OpenMetrics);
        assert!(open.contains("h_bucket{le=\"1.0\"} 1 # {t=\"1\"} 0.5\n"));
    }
}
