//! `maintenance` (`Sat 00:00-06:00`, `Mon-Fri 22:00-06:00`, `Sat,Sun 00:00-24:00`, `00:00-01:00`)
//! and `timezone`.

use jiff::tz::TimeZone;

use super::reference::places;
use crate::config::{
    model::MaintenanceWindow,
    problem::{Problem, Problems},
    sections::Item,
};

/// What such a window looks like, in words.
const FORM: &str =
    "days and times such as `Sat 00:00-06:00`, `Mon-Fri 22:00-06:00` or `00:00-01:00`";

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_OF_A_DAY: u16 = 24 * 60;

/// The time zone `name` that stands at the key `timezone`, and the windows in it that stand as
/// `texts` at the key `maintenance`.
pub(super) fn calendar<S>(
    item: &Item<'_, S>,
    name: &str,
    texts: &[String],
    problems: &mut Problems,
) -> (TimeZone, Vec<MaintenanceWindow>) {
    let zone = zone(item, name, problems);
    let windows = windows(item, texts, &zone, problems);
    (zone, windows)
}

/// The time zone `name`; UTC if there is none of that name.
fn zone<S>(item: &Item<'_, S>, name: &str, problems: &mut Problems) -> TimeZone {
    // `UTC` must not depend on the machine's database of time zones.
    if name == "UTC" {
        return TimeZone::UTC;
    }
    TimeZone::get(name).unwrap_or_else(|_| {
        let message = format!("there is no time zone `{name}` in the database of this machine");
        let problem = item.problem(&["timezone"], message);
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let problem = problem.nearest(name, names.iter().map(String::as_str));
        problems.push(problem.expected("an IANA name such as Europe/Berlin"));
        TimeZone::UTC
    })
}

/// The windows that `texts` are.
fn windows<S>(
    item: &Item<'_, S>,
    texts: &[String],
    zone: &TimeZone,
    problems: &mut Problems,
) -> Vec<MaintenanceWindow> {
    let mut windows = Vec::new();
    for (text, place) in texts.iter().zip(places(item, "maintenance")) {
        match window(text, zone) {
            Some(window) => windows.push(window),
            None => problems.push(
                Problem::at(&item.file.source, place, "not a maintenance window").expected(FORM),
            ),
        }
    }
    windows
}

/// Reads a window; absent if the text is none.
fn window(text: &str, zone: &TimeZone) -> Option<MaintenanceWindow> {
    let mut words = text.split_whitespace();
    let (days, times) = match (words.next()?, words.next()) {
        (times, None) => ([true; 7], times),
        (days, Some(times)) => (self::days(days)?, times),
    };
    if words.next().is_some() {
        return None;
    }
    let (from, to) = times.split_once('-')?;
    let (from_minute, to_minute) = (minute(from)?, minute(to)?);
    // 24:00 is an end and no beginning; a window of no length is a slip.
    if from_minute == MINUTES_OF_A_DAY || from_minute == to_minute {
        return None;
    }
    Some(MaintenanceWindow { days, from_minute, to_minute, zone: zone.clone() })
}

/// `Sat`, `Sat,Sun`, `Mon-Fri`, `Sat-Mon`.
fn days(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| DAYS.iter().position(|day| name.eq_ignore_ascii_case(day));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        let length = (last + 7 - first) % 7;
        for step in 0..=length {
            days[(first + step) % 7] = true;
        }
    }
    Some(days)
}

/// `06:30` as minutes since midnight; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| -> Option<u16> {
        let valid = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if valid { part.parse().ok() } else { None }
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= MINUTES_OF_A_DAY).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_days_and_times() {
        let read = |text| {
            window(text, &TimeZone::UTC)
                .map(|window| (window.days, window.from_minute, window.to_minute))
        };
        let weekend = [false, false, false, false, false, true, true];
        let around = [true, false, false, false, false, true, true];
        assert_eq!(read("00:00-01:00"), Some(([true; 7], 0, 60)));
        assert_eq!(read("Sat,Sun 00:00-24:00"), Some((weekend, 0, 1440)));
        assert_eq!(read("sat-mon 22:30-06:00"), Some((around, 1350, 360)));
        for text in [
            "",
            "Sat",
            "Sat 00:00",
            "00:00-00:00",
            "24:00-01:00",
            "0:00-1:00",
            "00:60-01:00",
            "00:00-24:01",
            "Sab 00:00-01:00",
            "Sat 00:00-01:00 x",
            "Sat- 00:00-01:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
