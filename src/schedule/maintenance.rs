//! Weekly maintenance windows.

use jiff::{Timestamp, civil::Weekday};

use crate::config::MaintenanceWindow;

/// Whether any of `windows` is open at a time given in nanoseconds since the Unix epoch. Windows
/// are civil time in their zone: across a change of clocks they last an hour more or less.
pub fn is_open(windows: &[MaintenanceWindow], unix_nanos: i64) -> bool {
    let Ok(now) = Timestamp::from_nanosecond(i128::from(unix_nanos)) else { return false };
    windows.iter().any(|window| {
        let local = now.to_zoned(window.zone.clone());
        let minute = u16::try_from(local.hour()).unwrap_or(0) * 60
            + u16::try_from(local.minute()).unwrap_or(0);
        covers(window, local.weekday(), minute)
    })
}

fn covers(window: &MaintenanceWindow, day: Weekday, minute: u16) -> bool {
    let opens_on =
        |day: Weekday| window.days[usize::try_from(day.to_monday_zero_offset()).unwrap_or(0)];
    if window.from_minute < window.to_minute {
        opens_on(day) && (window.from_minute..window.to_minute).contains(&minute)
    } else {
        // Over midnight: its first part on the day it opens, its second on the day after.
        opens_on(day) && minute >= window.from_minute
            || opens_on(day.previous()) && minute < window.to_minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[usize], from_minute: u16, to_minute: u16, zone: &str) -> MaintenanceWindow {
        let mut open = [false; 7];
        for day in days {
            open[*day] = true;
        }
        let zone = jiff::tz::TimeZone::get(zone).expect("a known zone");
        MaintenanceWindow { days: open, from_minute, to_minute, zone }
    }

    fn at(time: &str) -> i64 {
        let time: Timestamp = time.parse().expect("a time");
        i64::try_from(time.as_nanosecond()).expect("this century")
    }

    #[test]
    fn windows_open_and_close_in_their_zone() {
        // 2026-11-21 is a Saturday; Berlin is one hour ahead of UTC.
        let saturday = [window(&[5], 0, 360, "Europe/Berlin")];
        for (time, open) in [
            ("2026-11-20T22:59:59Z", false),
            ("2026-11-20T23:00:00Z", true),
            ("2026-11-21T04:59:59Z", true),
            ("2026-11-21T05:00:00Z", false),
            ("2026-11-22T01:00:00Z", false),
        ] {
            assert_eq!(is_open(&saturday, at(time)), open, "{time}");
        }
    }

    #[test]
    fn a_window_may_pass_midnight() {
        let friday = [window(&[4], 23 * 60, 60, "UTC")];
        for (time, open) in [
            ("2026-11-20T22:59:00Z", false),
            ("2026-11-20T23:00:00Z", true),
            ("2026-11-21T00:59:00Z", true),
            ("2026-11-21T01:00:00Z", false),
            ("2026-11-21T23:30:00Z", false),
        ] {
            assert_eq!(is_open(&friday, at(time)), open, "{time}");
        }
    }

    #[test]
    fn a_window_keeps_to_the_wall_where_clocks_change() {
        // Berlin has no 02:00 to 03:00 on 2026-03-29, a Sunday, and two of them on 2026-10-25.
        let over = [window(&[5], 22 * 60, 4 * 60, "Europe/Berlin")];
        let gap = [window(&[6], 2 * 60, 3 * 60, "Europe/Berlin")];
        for (windows, time, open) in [
            (&over, "2026-03-28T20:59:59Z", false),
            (&over, "2026-03-28T21:00:00Z", true),
            (&over, "2026-03-29T01:59:59Z", true),
            (&over, "2026-03-29T02:00:00Z", false),
            (&over, "2026-10-24T20:00:00Z", true),
            (&over, "2026-10-25T02:59:59Z", true),
            (&over, "2026-10-25T03:00:00Z", false),
            (&gap, "2026-03-29T00:59:59Z", false),
            (&gap, "2026-03-29T01:00:00Z", false),
            (&gap, "2026-10-25T00:30:00Z", true),
            (&gap, "2026-10-25T01:30:00Z", true),
            (&gap, "2026-10-25T02:00:00Z", false),
        ] {
            assert_eq!(is_open(windows, at(time)), open, "{time}");
        }
    }
}
