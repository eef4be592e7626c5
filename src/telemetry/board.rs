//! What stands of telemetry at this moment, for whoever scrapes us or looks at the page.
//!
//! Owns the sheet of every source, each in a slot of its own. A slot that was dropped, or that
//! another has taken the place of, is read no more, whatever its owner still says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Between, EngineStretched, GpuStretched};
use crate::{event::EngineFacts, measure::catalogue::Reading};

/// The sheets of all sources.
#[derive(Debug, Default)]
pub struct Board(Mutex<Sheets>);

/// A source: of which target, and of which kind.
pub type SlotKey = (Arc<str>, &'static str);

#[derive(Debug, Default)]
struct Sheets {
    made: u64,
    sheets: BTreeMap<SlotKey, (u64, Arc<Sheet>)>,
}

/// What a source says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Its readings, for the metrics.
    pub readings: Vec<Reading>,
    /// How it stands with the source itself.
    pub standing: Standing,
    /// What the source is of: the engine, or the GPUs; empty while not known.
    pub name: String,
    /// Version of the engine, or of the driver; empty while not known.
    pub version: String,
    /// What the engine has loaded.
    pub facts: EngineFacts,
    /// What happened in the last minutes.
    pub sight: Sight,
}

/// What happened in the last minutes, in stretches of any length; the longest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Sight {
    /// It is not known.
    #[default]
    None,
    /// In the engine.
    Engine(Vec<Between<EngineStretched>>),
    /// In the GPUs.
    Gpus(Vec<Between<GpuStretched>>),
}

/// Whether a source could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    read: Option<i64>,
    why: Option<String>,
    failures: u32,
}

impl Standing {
    /// It was read, at a time in nanoseconds since the Unix epoch.
    pub fn read(&mut self, unix_nanos: i64) {
        *self = Self { read: Some(unix_nanos), why: None, failures: 0 };
    }

    /// It could not be read: why, in words for a person.
    pub fn failed(&mut self, why: &str) {
        self.why = Some(why.to_owned());
        self.failures = self.failures.saturating_add(1);
    }

    /// When it was last read, in nanoseconds since the Unix epoch.
    pub fn read_unix_nanos(&self) -> Option<i64> {
        self.read
    }

    /// Why it could not be read the last time; absent if it could, or was not tried yet.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// Whether what it told still tells something of now: one failure is forgiven.
    pub fn is_current(&self) -> bool {
        self.read.is_some() && self.failures < 2
    }
}

/// The place of one source. Its sheet disappears with it.
#[derive(Debug)]
pub struct Slot {
    board: Arc<Board>,
    key: SlotKey,
    number: u64,
}

impl Board {
    /// A place for a source, empty; it takes that of an earlier one of the same key.
    pub fn slot(self: &Arc<Self>, key: SlotKey) -> Slot {
        let mut sheets = self.lock();
        sheets.made += 1;
        let number = sheets.made;
        sheets.sheets.insert(key.clone(), (number, Arc::default()));
        Slot { board: Arc::clone(self), key, number }
    }

    /// Every reading that stands now, by target.
    pub fn readings(&self) -> Vec<Reading> {
        let sheets = self.lock();
        sheets.sheets.values().flat_map(|(_, sheet)| &sheet.readings).cloned().collect()
    }

    /// Every sheet that stands now, by target.
    pub fn sheets(&self) -> Vec<(SlotKey, Arc<Sheet>)> {
        let sheets = self.lock();
        sheets.sheets.iter().map(|(key, (_, sheet))| (key.clone(), Arc::clone(sheet))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Sheets> {
        // Every change is one step, so what a panic left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Replaces what the source said before.
    pub fn set(&self, new: Sheet) {
        let mut sheets = self.board.lock();
        if let Some(sheet) = sheets.sheets.get_mut(&self.key).filter(|(of, _)| *of == self.number) {
            sheet.1 = Arc::new(new);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut sheets = self.board.lock();
        if sheets.sheets.get(&self.key).is_some_and(|(of, _)| *of == self.number) {
            sheets.sheets.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::catalogue::Id;

    #[test]
    fn a_slot_that_was_replaced_says_nothing_any_more() {
        let board = Arc::new(Board::default());
        let value = |value| vec![Reading { id: Id::EngineUp, labels: vec!["t".into()], value }];
        let sheet = |of| Sheet { readings: value(of), ..Sheet::default() };
        let old = board.slot(("t".into(), "engine"));
        old.set(sheet(1.0));
        let new = board.slot(("t".into(), "engine"));
        assert!(board.readings().is_empty());
        new.set(sheet(2.0));
        old.set(sheet(3.0));
        drop(old);
        assert_eq!(board.readings(), value(2.0));
        assert_eq!(board.sheets().len(), 1);
        drop(new);
        assert!(board.readings().is_empty() && board.sheets().is_empty());
    }

    #[test]
    fn one_failure_is_forgiven_and_a_second_is_not() {
        let mut standing = Standing::default();
        assert!(!standing.is_current(), "nothing was read yet");
        standing.read(7);
        standing.failed("refused");
        assert_eq!((standing.is_current(), standing.why()), (true, Some("refused")));
        standing.failed("refused");
        assert_eq!((standing.is_current(), standing.read_unix_nanos()), (false, Some(7)));
        standing.read(9);
        assert_eq!((standing.is_current(), standing.why()), (true, None));
    }
}
