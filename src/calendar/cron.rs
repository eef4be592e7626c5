//! Cron expressions: when one is next due, also where clocks change.
//!
//! Owns the rules at changes of clocks; what a field may hold is in `field`. The search for a day
//! and a time that match is croner's, on the clock of the wall alone: which instant that is, is
//! decided here.

use croner::Cron as Pattern;
use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use super::field;

/// Most stretches between two changes of clocks that a search passes: some centuries.
const MOST_STRETCHES: usize = 1_000;
/// Most matching times of the wall that a search passes because they are over: as many as a clock
/// that is set back can repeat, by the second.
const MOST_PASSED: usize = 26 * 3_600;
const HOURS_OF_A_DAY: usize = 24;
const NANOS: i64 = 1_000_000_000;

/// A cron expression in a time zone: five fields, or six with seconds.
///
/// Where clocks change, an expression with a given hour keeps to its days: what falls into the gap
/// is due once, at the first moment after it; what the clock shows twice is due the first time
/// only. An expression of every hour (`*`, `*/2`) follows the clock as it goes: it leaves out what
/// the gap swallows and is due in both of two repeated hours.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    zone: TimeZone,
    pattern: Pattern,
    hours: Hours,
}

/// Whether an expression names hours of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hours {
    /// It is of every hour.
    Every,
    /// It names them.
    Given,
}

/// Whether a search may end where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// It may.
    Included,
    /// It goes beyond.
    Excluded,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot be a schedule: {why}")]
pub struct CronError {
    /// What was written.
    pub text: String,
    /// What is wrong with it, and what to write.
    pub why: String,
}

impl Cron {
    /// The expression `text` in `zone`.
    ///
    /// # Errors
    /// If it is none, or if it is never due.
    pub fn new(text: &str, zone: TimeZone) -> Result<Self, CronError> {
        let failed = |why: String| CronError { text: text.to_owned(), why };
        let fields = field::check(text).map_err(failed)?;
        let pattern = field::parser().parse(&fields).map_err(|error| failed(error.to_string()))?;
        let steps = pattern.pattern.hours.from_wildcard;
        let hours = if steps || pattern.pattern.hours.values().len() == HOURS_OF_A_DAY {
            Hours::Every
        } else {
            Hours::Given
        };
        let cron = Self { text: text.to_owned(), zone, pattern, hours };
        if cron.matching(DateTime::constant(2000, 1, 1, 0, 0, 0, 0), Start::Included).is_none() {
            let why = "no such day ever comes: its day and its month do not go together";
            return Err(failed(why.to_owned()));
        }
        Ok(cron)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first due time after `unix_nanos`, in nanoseconds since the Unix epoch; absent if there
    /// is none.
    pub fn next_after(&self, unix_nanos: i64) -> Option<i64> {
        let after = Timestamp::from_nanosecond(i128::from(unix_nanos)).ok()?;
        let next = match self.hours {
            Hours::Every => self.next_by_the_clock(after),
            Hours::Given => self.next_by_the_day(after),
        }?;
        i64::try_from(next.as_nanosecond()).ok()
    }

    /// The last due time after `since` and not after `until`: what was missed between them, if
    /// anything. Bounded work however long the time between.
    pub fn last_between(&self, since: i64, until: i64) -> Option<i64> {
        let due_after = |at: i64| self.next_after(at).filter(|due| *due <= until);
        let mut found = due_after(since)?;
        // Something is due between `low` and `until`, and nothing between `high` and `until`: the
        // two close in on the last. Due times are whole seconds, so one is left at the end.
        let (mut low, mut high) = (since, until);
        while high.saturating_sub(low) > NANOS {
            let middle = low + (high - low) / 2;
            match due_after(middle) {
                Some(due) => (low, found) = (middle, due),
                None => high = middle,
            }
        }
        Some(found)
    }

    /// The next time of the wall that matches; absent if there is none before the year 5000.
    fn matching(&self, from: DateTime, start: Start) -> Option<DateTime> {
        // croner goes by whole seconds: without `from`, it starts at the second after.
        self.pattern.find_next_occurrence(&from, start == Start::Included).ok()
    }

    /// Day by day: a time in a gap is due at its end, a repeated time the first time.
    fn next_by_the_day(&self, after: Timestamp) -> Option<Timestamp> {
        let mut wall = self.zone.to_datetime(after);
        for _ in 0..MOST_PASSED {
            wall = self.matching(wall, Start::Excluded)?;
            let instant = self.zone.to_ambiguous_timestamp(wall);
            let due = match instant.offset() {
                AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                    instant.earlier().ok()?
                }
                // Read with the offset before the gap, the time lies behind the gap, whose end is
                // the change of clocks just before it.
                AmbiguousOffset::Gap { .. } => {
                    let behind = instant.later().ok()?;
                    let end = behind.checked_add(SignedDuration::from_secs(1)).ok()?;
                    self.zone.preceding(end).next().map_or(behind, |change| change.timestamp())
                }
            };
            if due > after {
                return Some(due);
            }
        }
        None
    }

    /// Stretch by stretch between changes of clocks: what the wall shows is due, as often as it
    /// shows it.
    fn next_by_the_clock(&self, after: Timestamp) -> Option<Timestamp> {
        let (mut from, mut start) = (after, Start::Excluded);
        for _ in 0..MOST_STRETCHES {
            let offset = self.zone.to_offset(from);
            let wall = self.matching(offset.to_datetime(from), start)?;
            let due = offset.to_timestamp(wall).ok()?;
            match self.zone.following(from).next() {
                Some(change) if change.timestamp() <= due => {
                    (from, start) = (change.timestamp(), Start::Included);
                }
                _ => return Some(due),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
