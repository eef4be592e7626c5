//! The id of a run: its name in the API and on disk.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};

use crate::{event::RunKey, fnv::Fnv};

/// How the time of an id is written: it sorts as text as it does in time.
const TIME: &str = "%Y%m%dT%H%M%S%3fZ";
const TIME_CHARS: usize = "20260131T120000000Z".len();

/// The id of a run: when it was started, to the millisecond, and a hash of whose it is. A subject
/// has one run at a time, so no two are the same. Ids sort by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    /// The id of a run of `key` that is started at a time in nanoseconds since the Unix epoch.
    pub fn new(key: &RunKey, unix_nanos: i64) -> Self {
        let time = Timestamp::from_nanosecond(unix_nanos.into()).unwrap_or_default();
        let time = time.to_zoned(TimeZone::UTC).strftime(TIME);
        Self(format!("{time}-{}", hash(key)))
    }

    /// An id as somebody wrote it; absent if it is none. What is one is safe as a file name.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, hash) = text.split_at_checked(TIME_CHARS)?;
        let hash = hash.strip_prefix('-')?;
        let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z');
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let well = time.bytes().all(digit) && hash.len() == 12 && hash.bytes().all(hex);
        well.then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it may be of a run of `key`: of another one only if two hashes are the same.
    pub(super) fn may_be_of(&self, key: &RunKey) -> bool {
        self.0.ends_with(&hash(key))
    }

    /// The beginning of the ids of runs that were started at `unix_nanos`.
    pub(super) fn from_time(unix_nanos: i64) -> String {
        let time = Timestamp::from_nanosecond(unix_nanos.into()).unwrap_or_default();
        time.to_zoned(TimeZone::UTC).strftime(TIME).to_string()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// That of the names: stable for ever, and short enough to be read out.
fn hash(key: &RunKey) -> String {
    let names = [&*key.sweep, &*key.target, &*key.model];
    format!("{:012x}", Fnv::of_names(names).folded())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(model: &str) -> RunKey {
        RunKey { target: "t".into(), model: model.into(), sweep: "nightly".into() }
    }

    #[test]
    fn ids_sort_by_time_and_tell_subjects_apart() {
        let second = 1_000_000_000;
        let one = RunId::new(&key("a"), 1_790_000_000 * second);
        let later = RunId::new(&key("b"), 1_790_000_000 * second + 2_000_000);
        assert!(one < later, "{one} {later}");
        assert!(one.may_be_of(&key("a")) && !one.may_be_of(&key("b")));
        assert_eq!(RunId::parse(one.as_str()), Some(one.clone()));
        assert!(one.as_str() >= RunId::from_time(1_790_000_000 * second).as_str());
    }

    #[test]
    fn what_is_no_id_is_no_file_name_either() {
        let id = RunId::new(&key("a"), 1_790_000_000_000_000_000);
        let long = format!("{id}0");
        let up = format!("../{id}");
        let odd = id.as_str().replace('-', "/");
        for text in ["", "..", "x", "20260131T120000000Z-", "é", &long, &up, &odd] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
