//! Cron expressions.

use jiff::tz::TimeZone;

/// A cron expression in a time zone: five fields, or six with seconds.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    zone: TimeZone,
}

/// Why an expression is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a cron expression: {why}")]
pub struct CronError {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Cron {
    /// The expression `text` in `zone`.
    ///
    /// # Errors
    /// If it is none, or if it is never due.
    pub fn new(text: &str, zone: TimeZone) -> Result<Self, CronError> {
        Ok(Self { text: text.to_owned(), zone })
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
        let _ = unix_nanos;
        todo!("calendar helper")
    }

    /// The last due time after `since` and not after `until`: what was missed between them, if
    /// anything. Bounded work however long the time between.
    pub fn last_between(&self, since: i64, until: i64) -> Option<i64> {
        let _ = (since, until);
        todo!("calendar helper")
    }
}
