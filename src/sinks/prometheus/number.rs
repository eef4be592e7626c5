//! Numbers as the text formats write them.

use std::fmt::{self, Write as _};

/// A sample's value: the shortest digits that read back the same.
pub(super) fn value(out: &mut String, number: f64) -> fmt::Result {
    match special(number) {
        Some(text) => out.write_str(text),
        None if number.to_bits() == 0 => out.write_char('0'),
        None => write!(out, "{number}"),
    }
}

/// A count. Most counts of a scrape are 0, and formatting is what a scrape spends its time on.
pub(super) fn count(out: &mut String, count: u64) -> fmt::Result {
    if count == 0 { out.write_char('0') } else { write!(out, "{count}") }
}

/// A boundary as `le`: OpenMetrics' canonical form (`1.0`, `0.25`, `1e-05`), in every text format.
/// It is the form under which servers store the boundary of a protobuf scrape, so that a series
/// keeps its name whatever was negotiated.
pub(super) fn le(out: &mut String, bound: f64) -> fmt::Result {
    if let Some(text) = special(bound) {
        return out.write_str(text);
    }
    if bound != 0.0 && !(1e-4..1e6).contains(&bound.abs()) {
        let scientific = format!("{bound:e}");
        let (mantissa, exponent) = scientific.split_once('e').ok_or(fmt::Error)?;
        let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
        let sign = if exponent < 0 { '-' } else { '+' };
        return write!(out, "{mantissa}e{sign}{:02}", exponent.abs());
    }
    write!(out, "{bound}")?;
    if bound.fract() == 0.0 { out.write_str(".0") } else { Ok(()) }
}

const fn special(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number == f64::INFINITY {
        Some("+Inf")
    } else if number == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut String, f64) -> fmt::Result, number: f64) -> String {
        let mut out = String::new();
        write(&mut out, number).expect("a string takes all");
        out
    }

    #[test]
    fn boundaries_are_canonical_floats() {
        for (bound, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (80.0, "80.0"),
            (0.25, "0.25"),
            (0.0001, "0.0001"),
            (0.000025, "2.5e-05"),
            (0.00001, "1e-05"),
            (3_600.5, "3600.5"),
            (1_000_000.0, "1e+06"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(written(le, bound), text);
        }
    }

    #[test]
    fn values_read_back_the_same() {
        for number in [0.0, 3.0, 0.1 + 0.2, 1.7e9 + 0.25, 5e-324, f64::MAX] {
            assert_eq!(written(value, number).parse(), Ok(number));
        }
        assert_eq!(written(value, f64::NAN), "NaN");
        assert_eq!(written(value, f64::NEG_INFINITY), "-Inf");
    }
}
