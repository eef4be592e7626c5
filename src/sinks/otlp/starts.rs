//! Since when each cumulative series counts.
//!
//! The registry does not say it of counters, so it is told from one export to the next: a series
//! that was not there before began after the export before, and so did one that has fallen.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use super::message::KeyValue;

/// The starts of all series that the last export had.
#[derive(Debug)]
pub(super) struct Starts {
    /// When the process started: before that, nothing was counted.
    process: u64,
    /// When the last export was made.
    last: Option<u64>,
    round: u64,
    /// By a hash of name and labels: the names themselves would be megabytes.
    series: HashMap<u64, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    start: u64,
    value: f64,
    round: u64,
}

impl Starts {
    /// No series yet; the process started at a time in nanoseconds since the Unix epoch.
    pub(super) fn new(process: u64) -> Self {
        Self { process, last: None, round: 0, series: HashMap::new() }
    }

    /// The start of a series that now stands at `value`.
    pub(super) fn of(&mut self, name: &str, attributes: &[KeyValue], value: f64) -> u64 {
        let began = self.last.unwrap_or(self.process);
        let round = self.round;
        let seen =
            self.series.entry(key(name, attributes)).or_insert(Seen { start: began, value, round });
        if value < seen.value {
            seen.start = began;
        }
        *seen = Seen { value, round, ..*seen };
        seen.start
    }

    /// All series of an export made at `unix_nanos` have been asked for: the others are gone.
    pub(super) fn exported(&mut self, unix_nanos: u64) {
        let round = self.round;
        self.series.retain(|_, seen| seen.round == round);
        self.round += 1;
        self.last = Some(unix_nanos);
    }
}

fn key(name: &str, attributes: &[KeyValue]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    for attribute in attributes {
        attribute.key.hash(&mut hasher);
        attribute.value.as_ref().map(prost::Message::encode_to_vec).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{super::message::text, *};

    #[test]
    fn a_series_starts_after_the_export_that_did_not_have_it() {
        let mut starts = Starts::new(10);
        let (one, other) = ([text("target", "a")], [text("target", "b")]);
        assert_eq!(starts.of("n", &one, 5.0), 10);
        starts.exported(20);
        assert_eq!((starts.of("n", &one, 5.0), starts.of("n", &other, 1.0)), (10, 20));
        starts.exported(30);
        // One has fallen, the other is gone for one export.
        assert_eq!(starts.of("n", &one, 4.0), 30);
        starts.exported(40);
        assert_eq!((starts.of("n", &one, 4.0), starts.of("n", &other, 9.0)), (30, 40));
        assert_eq!(starts.of("m", &one, 1.0), 40);
    }
}
