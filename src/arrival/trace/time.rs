//! Timestamps of traces, as nanoseconds of whatever origin.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// The time `number × unit_nanos`; absent if it does not fit 64 bits of nanoseconds.
pub(super) fn counted(number: f64, unit_nanos: u32) -> Option<i64> {
    // In two parts: as nanoseconds, the time of day in seconds has more digits than a float.
    let whole = number.trunc();
    let in_range = whole.abs() < i64::MAX as f64;
    let nanos = (whole as i64).checked_mul(unit_nanos.into()).filter(|_| in_range)?;
    nanos.checked_add((number.fract() * f64::from(unit_nanos)).round() as i64)
}

/// The time that `text` names: RFC 3339, or without a zone, which is then UTC.
pub(super) fn written(text: &str) -> Option<i64> {
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    i64::try_from(instant.as_nanosecond()).ok()
}
