//! Expressions against times worked out by hand, and against a search minute by minute.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60 * NANOS;
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    // Clocks went at midnight, by half an hour for good either way, and over a whole day.
    "America/Sao_Paulo",
    "Asia/Pyongyang",
    "America/Caracas",
    "Pacific/Apia",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a known zone")
}

fn cron(text: &str, zone_name: &str) -> Cron {
    Cron::new(text, zone(zone_name)).expect("a schedule")
}

fn at(time: &str) -> i64 {
    let time: Timestamp = time.parse().expect("a time");
    i64::try_from(time.as_nanosecond()).expect("this century")
}

fn shown(nanos: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos)).expect("a time").to_string()
}

/// The due times after `since`.
fn dues(cron: &Cron, since: &str, count: usize) -> Vec<String> {
    let next = |last: &i64| cron.next_after(*last);
    std::iter::successors(cron.next_after(at(since)), next).take(count).map(shown).collect()
}

#[test]
fn a_time_in_the_gap_is_due_at_its_end() {
    // Berlin 2026-03-29 and New York 2026-03-08 go from 02:00 to 03:00, Lord Howe 2026-10-04 from
    // 02:00 to 02:30.
    for (text, zone, since, due) in [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z"),
        ("0 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z"),
        ("59 59 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z"),
        ("30 2 * * *", "America/New_York", "2026-03-07T08:00:00Z", "2026-03-08T07:00:00Z"),
        ("10 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z"),
        ("30 2 29 3 *", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z"),
    ] {
        assert_eq!(dues(&cron(text, zone), since, 1), [due], "{text} {zone}");
    }
    // Several in the gap are one, and the day after is as always.
    let berlin = cron("0,15,30 2,14 * * *", "Europe/Berlin");
    assert_eq!(
        dues(&berlin, "2026-03-28T20:00:00Z", 2),
        ["2026-03-29T01:00:00Z", "2026-03-29T12:00:00Z"]
    );
}

#[test]
fn a_repeated_time_is_due_once() {
    // Berlin shows 02:00 to 03:00 twice on 2026-10-25.
    let nightly = cron("30 2 * * *", "Europe/Berlin");
    assert_eq!(
        dues(&nightly, "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
    // Asked in the second of the two hours it is over.
    assert_eq!(dues(&nightly, "2026-10-25T01:10:00Z", 1), ["2026-10-26T01:30:00Z"]);
}

#[test]
fn every_hour_follows_the_clock() {
    let hourly = cron("30 * * * *", "Europe/Berlin");
    assert_eq!(
        dues(&hourly, "2026-10-24T23:45:00Z", 3),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]
    );
    assert_eq!(
        dues(&hourly, "2026-03-29T00:00:00Z", 2),
        ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]
    );
    let second_hours = cron("0 */2 * * *", "Europe/Berlin");
    assert_eq!(
        dues(&second_hours, "2026-10-24T23:00:00Z", 3),
        ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T03:00:00Z"]
    );
    assert_eq!(dues(&second_hours, "2026-03-28T23:30:00Z", 1), ["2026-03-29T02:00:00Z"]);
}

#[test]
fn a_day_that_a_zone_left_out_is_over_at_its_end() {
    // Samoa went from the 29th to the 31st of December 2011.
    let nightly = cron("30 2 * * *", "Pacific/Apia");
    assert_eq!(
        dues(&nightly, "2011-12-29T00:00:00Z", 3),
        ["2011-12-29T12:30:00Z", "2011-12-30T10:00:00Z", "2011-12-30T12:30:00Z"]
    );
    // Brazil's clocks went forward at midnight, until it gave that up.
    let daily = cron("@daily", "America/Sao_Paulo");
    assert_eq!(
        dues(&daily, "2018-11-03T12:00:00Z", 2),
        ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"]
    );
    assert_eq!(dues(&daily, "2026-11-03T12:00:00Z", 1), ["2026-11-04T03:00:00Z"]);
}

#[test]
fn steps_begin_anew_with_every_hour_and_month() {
    let sevens = cron("*/7 * * * *", "UTC");
    assert_eq!(
        dues(&sevens, "2026-03-01T00:49:00Z", 3),
        ["2026-03-01T00:56:00Z", "2026-03-01T01:00:00Z", "2026-03-01T01:07:00Z"]
    );
    let seconds = cron("*/25 59 23 28-31 * *", "UTC");
    assert_eq!(
        dues(&seconds, "2026-02-28T23:59:25Z", 2),
        ["2026-02-28T23:59:50Z", "2026-03-28T23:59:00Z"]
    );
    // The 13th and every Friday.
    let either = cron("0 12 13 * FRI", "UTC");
    assert_eq!(
        dues(&either, "2026-10-09T12:00:00Z", 3),
        ["2026-10-13T12:00:00Z", "2026-10-16T12:00:00Z", "2026-10-23T12:00:00Z"]
    );
    let last = cron("0 0 L * *", "UTC");
    assert_eq!(
        dues(&last, "2027-12-31T00:00:00Z", 3),
        ["2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"]
    );
}

#[test]
fn a_rare_day_is_found() {
    let leap = cron("0 12 29 2 *", "UTC");
    assert_eq!(dues(&leap, "2096-03-01T00:00:00Z", 1), ["2104-02-29T12:00:00Z"]);
    let every_hour = cron("0 * 29 2 *", "Europe/Berlin");
    assert_eq!(dues(&every_hour, "2024-03-01T00:00:00Z", 1), ["2028-02-28T23:00:00Z"]);
}

#[test]
fn what_is_never_due_is_refused() {
    for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "* * 30 FEB *"] {
        let error = Cron::new(text, TimeZone::UTC).expect_err(text).to_string();
        let start = format!("`{text}` cannot be a schedule: no such day ever comes");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn a_fraction_of_a_second_is_before_the_next() {
    let each_second = cron("* * * * * *", "UTC");
    let now = at("2026-11-22T12:00:00Z");
    assert_eq!(each_second.next_after(now), Some(now + NANOS));
    assert_eq!(each_second.next_after(now - 1), Some(now));
    assert_eq!(each_second.next_after(now + 1), Some(now + NANOS));
}

#[test]
fn the_last_of_very_many_is_found() {
    let each_second = cron("* * * * * *", "Europe/Berlin");
    let (since, until) = (at("1990-01-01T00:00:00Z"), at("2026-11-22T12:00:00.5Z"));
    assert_eq!(each_second.last_between(since, until), Some(at("2026-11-22T12:00:00Z")));
    let nightly = cron("0 2 * * *", "UTC");
    let due = at("2026-11-22T02:00:00Z");
    assert_eq!(nightly.last_between(since, due), Some(due));
    assert_eq!(nightly.last_between(since, due - 1), Some(due - 24 * 60 * MINUTE));
    assert_eq!(nightly.last_between(due, due + 60 * MINUTE), None);
    assert_eq!(nightly.last_between(due, due), None);
    assert_eq!(nightly.last_between(due, due - MINUTE), None);
}

/// What an expression says, as sets; empty: any.
#[derive(Clone, Debug)]
struct Sets {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
    days: BTreeSet<i8>,
    weekdays: BTreeSet<i8>,
}

impl Sets {
    fn text(&self) -> String {
        let field = |set: &BTreeSet<i8>| match set.len() {
            0 => "*".to_owned(),
            _ => set.iter().map(i8::to_string).collect::<Vec<_>>().join(","),
        };
        let (minutes, hours) = (field(&self.minutes), field(&self.hours));
        format!("{minutes} {hours} {} * {}", field(&self.days), field(&self.weekdays))
    }

    fn holds(&self, wall: DateTime) -> bool {
        let any = |set: &BTreeSet<i8>, value: i8| set.is_empty() || set.contains(&value);
        let day = self.days.contains(&wall.day());
        let weekday = self.weekdays.contains(&wall.weekday().to_sunday_zero_offset());
        // As cron has it: with both given, either will do.
        let date = match (self.days.is_empty(), self.weekdays.is_empty()) {
            (true, true) => true,
            (true, false) => weekday,
            (false, true) => day,
            (false, false) => day || weekday,
        };
        date && any(&self.minutes, wall.minute()) && any(&self.hours, wall.hour())
    }

    /// The first due minute after `after` and before `end`, looked for minute by minute.
    fn next(&self, zone: &TimeZone, after: i64, end: i64) -> Option<i64> {
        let wall = |nanos: i64| {
            let time = Timestamp::from_nanosecond(i128::from(nanos)).expect("a time");
            zone.to_datetime(time)
        };
        let minute = |wall: DateTime, minutes: i64| {
            wall.checked_add(SignedDuration::from_mins(minutes)).expect("a time of the wall")
        };
        let mut at = after.div_euclid(MINUTE) * MINUTE + MINUTE;
        while at < end {
            let (now, before) = (wall(at), wall(at - MINUTE));
            let jump = now.duration_since(before).as_mins();
            let swallowed = || (1..jump).any(|skipped| self.holds(minute(before, skipped)));
            let second_time = || (1..=120).any(|back| wall(at - back * MINUTE) == now);
            let given = !self.hours.is_empty();
            if given && jump > 1 && swallowed() {
                return Some(at);
            }
            if self.holds(now) && !(given && second_time()) {
                return Some(at);
            }
            at += MINUTE;
        }
        None
    }
}

fn sets() -> impl Strategy<Value = Sets> {
    use proptest::collection::btree_set;
    // Hours around the changes of clocks come often.
    let hour = prop_oneof![3 => 0_i8..4, 1 => 0_i8..24];
    let weekdays = btree_set(0_i8..7, 0..3);
    (btree_set(0_i8..60, 0..4), btree_set(hour, 0..4), btree_set(1_i8..29, 0..2), weekdays)
        .prop_map(|(minutes, hours, days, weekdays)| Sets { minutes, hours, days, weekdays })
}

/// Times within two days of a change of clocks, and others.
fn times() -> impl Strategy<Value = i64> {
    let changes = [
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-03-08T07:00:00Z",
        "2026-11-01T06:00:00Z",
        "2026-10-03T15:30:00Z",
        "2026-04-04T15:00:00Z",
        "2026-07-01T00:00:00Z",
        "2018-11-04T03:00:00Z",
        "2018-02-18T02:00:00Z",
        "2015-08-14T15:00:00Z",
        "2018-05-04T15:00:00Z",
        "2016-05-01T07:00:00Z",
        "2007-12-09T07:00:00Z",
        "2011-12-30T10:00:00Z",
    ];
    let change = proptest::sample::select(changes.to_vec());
    (change, -2 * 86_400_i64..2 * 86_400, 0..NANOS)
        .prop_map(|(change, seconds, nanos)| at(change) + seconds * NANOS + nanos)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_next_is_the_first_that_a_search_by_minutes_finds(
        sets in sets(), zone in proptest::sample::select(ZONES.to_vec()), after in times(),
    ) {
        let schedule = cron(&sets.text(), zone);
        let end = after + 4 * 24 * 60 * MINUTE;
        let expected = sets.next(schedule.zone(), after, end);
        let found = schedule.next_after(after);
        prop_assert!(found.is_none_or(|due| due > after));
        let near = found.filter(|due| *due < end);
        prop_assert_eq!(
            near.map(shown), expected.map(shown), "{} in {} after {}", sets.text(), zone, shown(after)
        );
    }

    #[test]
    fn the_last_is_the_last_of_those_that_follow_each_other(
        sets in sets(), zone in proptest::sample::select(ZONES.to_vec()), since in times(),
        hours in 0_i64..40,
    ) {
        let schedule = cron(&sets.text(), zone);
        let until = since + hours * 60 * MINUTE;
        let next = |last: &i64| schedule.next_after(*last);
        let all = std::iter::successors(schedule.next_after(since), next);
        let last = all.take_while(|due| *due <= until).last();
        prop_assert_eq!(schedule.last_between(since, until), last);
    }
}
