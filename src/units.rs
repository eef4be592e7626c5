//! Units as people write them: durations `1h30m`, ratios `95%`, sizes `4MiB`.
//!
//! Owns their grammar, both ways, and their JSON Schema. A leaf: knows nothing of where they stand.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Format name of [`Period`] in the JSON Schema.
pub const PERIOD: &str = "tokenbeat-duration";
/// Format name of [`Ratio`] in the JSON Schema.
pub const RATIO: &str = "tokenbeat-ratio";
/// Format name of [`Size`] in the JSON Schema.
pub const SIZE: &str = "tokenbeat-size";

/// Longest duration: a hundred years fit in 64 bits of nanoseconds with room to add.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Units of durations with their milliseconds, largest first: the order in which they are written.
const PERIOD_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of sizes with their bytes, largest first.
const SIZE_UNITS: [(&str, u64); 4] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Why a text is not the unit that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No duration.
    #[error("not a duration: write numbers with units, largest first, such as 250ms, 30s or 1h30m")]
    Period,
    /// A duration of more than a hundred years.
    #[error("the duration is too long: at most 36500d")]
    TooLong,
    /// No ratio.
    #[error("not a ratio between 0 and 1: write 95% or 0.95")]
    Ratio,
    /// No size.
    #[error("not a size: write a number with B, KiB, MiB or GiB, such as 4MiB")]
    Size,
    /// A size that does not fit in memory.
    #[error("the size is too large")]
    TooLarge,
}

/// A duration of whole milliseconds: `250ms`, `30s`, `5m`, `2h`, `1d`, `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// A share between 0 and 1: `95%` or `0.95`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(pub f64);

/// A number of bytes: `4MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

/// Splits `text` into its leading digits and the letters after them.
fn number_and_unit(text: &str) -> Option<(&str, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    (!number.is_empty() && !unit.is_empty()).then_some((number, unit, rest))
}

impl FromStr for Period {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (mut rest, mut millis, mut next) = (text, 0_u64, 0);
        while !rest.is_empty() || next == 0 {
            let (number, unit, tail) = number_and_unit(rest).ok_or(UnitError::Period)?;
            // Largest first, each once: `30m1h` and `1s1s` are slips, not durations.
            let place = PERIOD_UNITS[next..].iter().position(|(name, _)| *name == unit);
            next += place.ok_or(UnitError::Period)?;
            let number: u64 = number.parse().map_err(|_| UnitError::TooLong)?;
            millis = number
                .checked_mul(PERIOD_UNITS[next].1)
                .and_then(|part| millis.checked_add(part))
                .ok_or(UnitError::TooLong)?;
            next += 1;
            rest = tail;
        }
        let period = Duration::from_millis(millis);
        if period > LONGEST { Err(UnitError::TooLong) } else { Ok(Self(period)) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (name, millis) in PERIOD_UNITS {
            if rest >= millis {
                write!(f, "{}{name}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl FromStr for Ratio {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, whole) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        // `parse` alone would take `inf`, `nan`, `+1` and `1e-1` too.
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(UnitError::Ratio);
        }
        let number: f64 = number.parse().map_err(|_| UnitError::Ratio)?;
        Self::try_from(number / whole)
    }
}

impl TryFrom<f64> for Ratio {
    type Error = UnitError;

    fn try_from(ratio: f64) -> Result<Self, UnitError> {
        if (0.0..=1.0).contains(&ratio) { Ok(Self(ratio)) } else { Err(UnitError::Ratio) }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded so that 0.07 × 100 does not show the noise of binary fractions.
        write!(f, "{}%", (self.0 * 1e10).round() / 1e8)
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit, rest) = number_and_unit(text).ok_or(UnitError::Size)?;
        let unit = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Size)?;
        if !rest.is_empty() {
            return Err(UnitError::Size);
        }
        let number: u64 = number.parse().map_err(|_| UnitError::TooLarge)?;
        let bytes = number.checked_mul(unit.1).ok_or(UnitError::TooLarge)?;
        usize::try_from(bytes).map(Self).map_err(|_| UnitError::TooLarge)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as u64;
        let fits = |unit: &&(&str, u64)| bytes >= unit.1 && bytes.is_multiple_of(unit.1);
        let (name, size) = SIZE_UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{name}", bytes / size)
    }
}

/// A ratio may also be a number, so it needs more than the text's way in.
struct RatioVisitor;

impl de::Visitor<'_> for RatioVisitor {
    type Value = Ratio;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ratio such as 95% or 0.95")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Ratio, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Ratio, E> {
        Ratio::try_from(number).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Ratio, E> {
        self.visit_f64(if number <= 1 { number as f64 } else { f64::NAN })
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RatioVisitor)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration: numbers with units, largest first: 250ms, 30s, 5m, 2h, 1d, 1h30m.",
            "type": "string",
            "format": PERIOD,
            "pattern": r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$",
        })
    }
}

impl JsonSchema for Ratio {
    fn schema_name() -> Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A share between 0 and 1: 95% or 0.95.",
            "type": ["string", "number"],
            "format": RATIO,
            "pattern": r"^\d+(\.\d+)?%$",
            "minimum": 0,
            "maximum": 1,
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of bytes: 512KiB, 4MiB.",
            "type": "string",
            "format": SIZE,
            "pattern": r"^\d+(B|KiB|MiB|GiB)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_and_writes_the_same() {
        for text in ["250ms", "30s", "5m", "2h", "1d", "1h30m", "1d2h3m4s5ms", "36500d", "0s"] {
            let period: Period = text.parse().expect(text);
            assert_eq!(period.to_string(), text);
        }
        assert_eq!("90s".parse::<Period>().map(|period| period.to_string()), Ok("1m30s".into()));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "30", "s", "1.5s", "-1s", "30m1h", "1s1s", "1h 30m", "5 s", "1w", "١s"] {
            assert_eq!(text.parse::<Period>(), Err(UnitError::Period), "{text}");
        }
        for text in ["36501d", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(text.parse::<Period>(), Err(UnitError::TooLong), "{text}");
        }
    }

    #[test]
    fn a_ratio_is_a_percentage_or_a_fraction() {
        for (text, ratio, shown) in
            [("95%", 0.95, "95%"), ("0.999", 0.999, "99.9%"), ("7%", 0.07, "7%"), ("0", 0.0, "0%")]
        {
            let read: Ratio = text.parse().expect(text);
            assert!((read.0 - ratio).abs() < 1e-12, "{text}");
            assert_eq!(read.to_string(), shown);
        }
        for text in ["", "%", "101%", "1.01", "-1%", "nan", "inf", "1e-1", "95 %", "0.9.5"] {
            assert_eq!(text.parse::<Ratio>(), Err(UnitError::Ratio), "{text}");
        }
    }

    #[test]
    fn a_size_has_a_unit() {
        for (text, bytes) in [("4MiB", 4 << 20), ("512KiB", 512 << 10), ("1B", 1), ("0B", 0)] {
            let size: Size = text.parse().expect(text);
            assert_eq!((size.0, size.to_string().as_str()), (bytes, text));
        }
        for text in ["4", "4MB", "MiB", "4MiB1B", "-1B"] {
            assert_eq!(text.parse::<Size>(), Err(UnitError::Size), "{text}");
        }
        assert_eq!("99999999999GiB".parse::<Size>(), Err(UnitError::TooLarge));
    }
}
