//! Numbers, times and spans in words, with units and a fixed number of digits.

use std::time::Duration;

/// A latency with three significant digits: `0.412 ms`, `41.2 ms`, `1.24 s`, `124 s`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    // 999.5 ms would be written with four digits.
    if seconds < 0.9995 { three_digits(seconds * 1e3, "ms") } else { three_digits(seconds, "s") }
}

fn three_digits(value: f64, unit: &str) -> String {
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    let decimals = if value < 0.9995 { 3 } else { decimals };
    format!("{value:.decimals$} {unit}")
}

/// A threshold or a setting as it was written: `500 ms`, `2 s`, `4.5 s`, `5 min`, `24 h`.
pub(super) fn setting(setting: Duration) -> String {
    let whole =
        |seconds: u64| setting.subsec_nanos() == 0 && setting.as_secs().is_multiple_of(seconds);
    match setting.as_secs() {
        0 => format!("{} ms", trimmed(setting.as_secs_f64() * 1e3)),
        3_600.. if whole(3_600) => format!("{} h", setting.as_secs() / 3_600),
        120.. if whole(60) => format!("{} min", setting.as_secs() / 60),
        _ => format!("{} s", trimmed(setting.as_secs_f64())),
    }
}

fn trimmed(value: f64) -> String {
    format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A span in its two largest units: `42 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`.
pub(super) fn span(nanos: i64) -> String {
    let seconds = nanos.max(0) / 1_000_000_000;
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// How long ago `then` was, in its largest unit.
pub(super) fn ago(now_unix_nanos: i64, then_unix_nanos: i64) -> String {
    let seconds = now_unix_nanos.saturating_sub(then_unix_nanos).max(0) / 1_000_000_000;
    match seconds {
        0 => "now".to_owned(),
        1..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// `part` of `whole` in percent, `None` of nothing. Cut, not rounded: 100 % means all.
pub(super) fn percent(part: usize, whole: usize) -> Option<String> {
    let permille = (part * 1_000).checked_div(whole)?;
    Some(match permille {
        1_000 => "100 %".to_owned(),
        _ => format!("{}.{} %", permille / 10, permille % 10),
    })
}

/// A ratio of a setting in percent: `95 %`, `99.9 %`.
pub(super) fn ratio(ratio: f64) -> String {
    format!("{} %", trimmed(ratio * 100.0))
}

/// A time of the calendar in UTC, to the millisecond, as RFC 3339 writes it.
pub(super) fn clock_time(unix_nanos: i64) -> String {
    jiff::Timestamp::from_nanosecond(unix_nanos.into())
        .map_or_else(|_| unix_nanos.to_string(), |time| format!("{time:.3}"))
}

/// A time of the calendar for people: `2026-01-31 12:00:00 UTC`.
pub(super) fn day_time(unix_nanos: i64) -> String {
    jiff::Timestamp::from_nanosecond(unix_nanos.into()).map_or_else(
        |_| unix_nanos.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_three_digits() {
        for (micros, written) in [
            (0, "0.000 ms"),
            (412, "0.412 ms"),
            (999, "0.999 ms"),
            (1_000, "1.00 ms"),
            (9_996, "10.0 ms"),
            (41_200, "41.2 ms"),
            (412_345, "412 ms"),
            (999_499, "999 ms"),
            (999_600, "1.00 s"),
            (1_244_000, "1.24 s"),
            (99_960_000, "100 s"),
            (124_000_000, "124 s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), written);
        }
    }

    #[test]
    fn settings_are_written_as_they_were_set() {
        for (millis, written) in [
            (30, "30 ms"),
            (500, "500 ms"),
            (2_000, "2 s"),
            (4_500, "4.5 s"),
            (60_000, "60 s"),
            (300_000, "5 min"),
            (86_400_000, "24 h"),
        ] {
            assert_eq!(setting(Duration::from_millis(millis)), written);
        }
    }

    #[test]
    fn spans_and_ages_have_units() {
        let seconds = |seconds: i64| seconds * 1_000_000_000;
        assert_eq!(span(seconds(42)), "42 s");
        assert_eq!(span(seconds(185)), "3 min 5 s");
        assert_eq!(span(seconds(7_200)), "2 h");
        assert_eq!(span(seconds(273_600)), "3 d 4 h");
        assert_eq!(ago(seconds(10), seconds(20)), "now");
        assert_eq!(ago(seconds(600), 0), "10 min ago");
    }

    #[test]
    fn only_all_is_a_hundred_percent() {
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(59, 60).as_deref(), Some("98.3 %"));
        assert_eq!(percent(9_999, 10_000).as_deref(), Some("99.9 %"));
        assert_eq!(percent(3, 3).as_deref(), Some("100 %"));
        assert_eq!(ratio(0.999), "99.9 %");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(clock_time(1_700_000_000_123_456_789), "2023-11-14T22:13:20.123Z");
        assert_eq!(day_time(1_700_000_000_123_456_789), "2023-11-14 22:13:20 UTC");
    }
}
