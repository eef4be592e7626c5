//! What stands of telemetry at this moment, for whoever scrapes us.
//!
//! Owns the readings of every source, each in a slot of its own. A slot that was dropped, or that
//! another has taken the place of, is read no more, whatever its owner still says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::measure::catalogue::Reading;

/// The readings of all sources.
#[derive(Debug, Default)]
pub struct Board(Mutex<Sheets>);

/// A source: of which target, and of which kind.
pub type SlotKey = (Arc<str>, &'static str);

#[derive(Debug, Default)]
struct Sheets {
    made: u64,
    sheets: BTreeMap<SlotKey, (u64, Vec<Reading>)>,
}

/// The place of one source. Its readings disappear with it.
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
        sheets.sheets.insert(key.clone(), (number, Vec::new()));
        Slot { board: Arc::clone(self), key, number }
    }

    /// Everything that stands now, by target.
    pub fn readings(&self) -> Vec<Reading> {
        self.lock().sheets.values().flat_map(|(_, readings)| readings).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Sheets> {
        // Every change is one step, so what a panic left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Replaces what the source said before.
    pub fn set(&self, readings: Vec<Reading>) {
        let mut sheets = self.board.lock();
        if let Some(sheet) = sheets.sheets.get_mut(&self.key).filter(|(of, _)| *of == self.number) {
            sheet.1 = readings;
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
        let old = board.slot(("t".into(), "engine"));
        old.set(value(1.0));
        let new = board.slot(("t".into(), "engine"));
        assert!(board.readings().is_empty());
        new.set(value(2.0));
        old.set(value(3.0));
        drop(old);
        assert_eq!(board.readings(), value(2.0));
        drop(new);
        assert!(board.readings().is_empty());
    }
}
