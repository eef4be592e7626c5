//! Numbers as reports write them.
//!
//! Owns digits, units, and how an infinite or undefined value looks.

use super::Frame;
use crate::event::Latency;

/// A value of a table: what it is, before it is known how it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// There is none.
    Undefined,
    /// Among the failed.
    Infinite {
        /// The share of exchanges that failed, 0 to 1.
        failed: f64,
    },
    /// A number.
    Finite(f64),
}

/// Which statistic of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statistic {
    Mean,
    Min,
    Max,
    P99,
    P95,
    P90,
    P75,
    P50,
}

impl Statistic {
    /// In the order of the columns.
    pub(super) const ALL: [Self; 8] =
        [Self::Mean, Self::Min, Self::Max, Self::P99, Self::P95, Self::P90, Self::P75, Self::P50];

    /// The heading.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::P99 => "p99",
            Self::P95 => "p95",
            Self::P90 => "p90",
            Self::P75 => "p75",
            Self::P50 => "p50",
        }
    }

    /// Its value: a percentile that is absent where failures reach it is infinite. The others are
    /// over exchanges that were ok, and are never infinite.
    pub(super) fn of(self, latency: &Latency) -> Value {
        let (value, quantile) = match self {
            Self::Mean => (latency.mean, None),
            Self::Min => (latency.min, None),
            Self::Max => (latency.max, None),
            Self::P99 => (latency.p99, Some(0.99)),
            Self::P95 => (latency.p95, Some(0.95)),
            Self::P90 => (latency.p90, Some(0.90)),
            Self::P75 => (latency.p75, Some(0.75)),
            Self::P50 => (latency.p50, Some(0.50)),
        };
        match (value, quantile) {
            (Some(value), _) => Value::Finite(value),
            (None, Some(_)) if latency.infinite && latency.n > 0 => {
                Value::Infinite { failed: latency.failed as f64 / latency.n as f64 }
            }
            (None, _) => Value::Undefined,
        }
    }
}

impl Value {
    /// In tables: the number times `scale`, with so many decimals.
    pub(super) fn write(self, scale: f64, decimals: usize, frame: Frame) -> String {
        match self {
            Self::Undefined => frame.absent().to_owned(),
            Self::Infinite { failed } => {
                format!("{} ({} failed)", frame.infinity(), percent(failed))
            }
            Self::Finite(value) => grouped(value * scale, decimals),
        }
    }

    /// In short tables, in seconds with their unit, without the share of failures.
    pub(super) fn seconds(self, frame: Frame) -> String {
        match self {
            Self::Undefined => frame.absent().to_owned(),
            Self::Infinite { .. } => frame.infinity().to_owned(),
            Self::Finite(value) => seconds(value),
        }
    }
}

/// An optional number with so many decimals, or the sign of an absent one.
pub(super) fn optional(value: Option<f64>, decimals: usize, frame: Frame) -> String {
    value.map_or_else(|| frame.absent().to_owned(), |value| grouped(value, decimals))
}

/// A time with three or four significant digits: `0.412 ms`, `41.2 ms`, `5.04 s`.
pub(super) fn seconds(seconds: f64) -> String {
    let (value, unit) = if seconds < 0.9995 { (seconds * 1e3, "ms") } else { (seconds, "s") };
    let decimals = match value {
        value if value < 0.9995 => 3,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{} {unit}", grouped(value, decimals))
}

/// A share in percent: `5.3 %`. Only all is 100 %, only none is 0 %.
pub(super) fn percent(share: f64) -> String {
    let rounded = (share * 1e3).round() / 10.0;
    match (share, rounded) {
        (share, _) if share >= 1.0 => "100 %".to_owned(),
        (share, _) if share <= 0.0 => "0 %".to_owned(),
        (_, rounded) if rounded >= 100.0 => "> 99.9 %".to_owned(),
        (_, rounded) if rounded <= 0.0 => "< 0.1 %".to_owned(),
        (_, rounded) => format!("{rounded:.1} %"),
    }
}

/// A number with so many decimals and a comma at every thousand.
pub(super) fn grouped(value: f64, decimals: usize) -> String {
    let plain = format!("{value:.decimals$}");
    let (sign, plain) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// `1 request`, `2 requests`.
pub(super) fn count(number: u64, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {what}{end}", grouped(number as f64, 0))
}

/// A time of the calendar in UTC: `2026-01-31 12:00:00 UTC`.
pub(super) fn day_time(unix_seconds: f64) -> String {
    jiff::Timestamp::from_second(unix_seconds as i64).map_or_else(
        |_| unix_seconds.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (value, decimals, written) in [
            (0.0, 2, "0.00"),
            (999.994, 2, "999.99"),
            (999.996, 2, "1,000.00"),
            (1_234_567.0, 0, "1,234,567"),
            (-12_345.6, 1, "-12,345.6"),
            (12.0, 0, "12"),
        ] {
            assert_eq!(grouped(value, decimals), written);
        }
    }

    #[test]
    fn times_have_a_unit() {
        for (value, written) in [
            (0.000_412, "0.412 ms"),
            (0.0412, "41.2 ms"),
            (0.999_6, "1.00 s"),
            (5.04, "5.04 s"),
            (1234.5, "1,234 s"),
        ] {
            assert_eq!(seconds(value), written);
        }
    }

    #[test]
    fn only_all_is_a_hundred_percent_and_only_none_is_nothing() {
        for (share, written) in [
            (0.0, "0 %"),
            (0.000_1, "< 0.1 %"),
            (0.053, "5.3 %"),
            (0.999_9, "> 99.9 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(share), written);
        }
    }

    #[test]
    fn an_infinite_percentile_names_the_share_that_failed() {
        let latency =
            Latency { n: 95, failed: 5, infinite: true, p50: Some(0.5), ..Latency::default() };
        assert_eq!(Statistic::P50.of(&latency), Value::Finite(0.5));
        let p99 = Statistic::P99.of(&latency);
        assert_eq!(p99.write(1e3, 2, Frame::Box), "∞ (5.3 % failed)");
        assert_eq!(p99.write(1e3, 2, Frame::Ascii), "inf (5.3 % failed)");
        assert_eq!(Statistic::Mean.of(&latency), Value::Undefined);
    }
}
